@main
struct MartletBench {
  static func main() {
  }
}
