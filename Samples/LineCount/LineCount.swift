import Glibc
import Martlet

/// Counts the lines of some files, on all cores: a task to read each file, one to count its lines, one for the sum.
///
///     swift run line-count README.md Docs/*.md
@main
struct LineCount {
  static func main() {
    do {
      print("\(try total(of: Array(CommandLine.arguments.dropFirst()))) lines")
    } catch {
      print("line-count: \(error)")
      exit(1)
    }
  }

  private static func total(of files: [String]) throws -> Int {
    var builder = GraphBuilder()
    let texts = files.map { file in builder.task("read") { try load(file) } }
    let counts = texts.map { text in builder.task("count", text) { lineCount($0) } }
    let total = builder.task("total", all: counts) { $0.reduce(0, +) }
    let graph = builder.build()

    let sum = try ThreadPoolExecutor.shared.run(graph, output: total)
    return sum
  }

  private static func lineCount(_ text: [UInt8]) -> Int { text.count { $0 == UInt8(ascii: "\n") } }

  private static func load(_ path: String) throws -> [UInt8] {
    let file = open(path, O_RDONLY)
    guard file >= 0 else { throw Unreadable(path: path, reason: String(cString: strerror(errno))) }
    defer { close(file) }
    var text: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = block.withUnsafeMutableBytes { read(file, $0.baseAddress!, $0.count) }
      guard count > 0 else { return text }
      text += block[..<count]
    }
  }
}

/// A file that cannot be read.
struct Unreadable: Error, CustomStringConvertible {
  let path: String
  let reason: String

  var description: String { "\(path): \(reason)" }
}
