#if canImport(Glibc)
  import Glibc
#endif

@main
struct MartletCSV {
  static func main() {
    exit(Program.run(Array(CommandLine.arguments.dropFirst())))
  }
}
