@main
struct MartletCSV {
  static func main() {
  }
}
