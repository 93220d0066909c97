import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

@main
struct MartletCSV {
  static func main() {
    // Names of files may be any bytes, which `CommandLine.arguments` would repair.
    let words = (1..<max(1, Int(CommandLine.argc))).compactMap { CommandLine.unsafeArgv[$0].map { FileName.text($0) } }
    exit(Program.run(words))
  }
}
