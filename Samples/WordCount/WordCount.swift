import Glibc
import Martlet

/// Counts words over text files, on all cores, and prints the most frequent ones.
///
///     swift run word-count FILE...
@main
struct WordCount {
  static func main() {
    let paths = Array(CommandLine.arguments.dropFirst())
    guard !paths.isEmpty else {
      print("usage: word-count FILE...")
      exit(2)
    }
    do {
      for (word, count) in try mostFrequent(10, in: paths).run() {
        print(String(repeating: " ", count: max(0, 7 - "\(count)".count)) + "\(count)  \(word)")
      }
    } catch {
      print("word-count: \(error)")
      exit(1)
    }
  }

  /// Each file is read and counted by itself, and the counts are merged in a tree, so that few are alive at one time.
  static func mostFrequent(_ limit: Int, in paths: [String]) -> Delayed<[(word: String, count: Int)]> {
    var counts = paths.map { path in
      let text = delayed("read") { try readText(path) }.blocking()
      return text.map("count") { countWords($0) }
    }
    while counts.count > 1 {
      counts = stride(from: 0, to: counts.count, by: 4).map { first in
        delayed("merge", all: Array(counts[first..<min(first + 4, counts.count)])) { merged($0) }
      }
    }
    return counts[0].map("most frequent") { table in
      let sorted = table.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      return sorted.prefix(limit).map { (word: $0.key, count: $0.value) }
    }
  }

  static func merged(_ tables: [[String: Int]]) -> [String: Int] {
    var sum = tables[0]
    for table in tables.dropFirst() { sum.merge(table) { $0 + $1 } }
    return sum
  }

  static func countWords(_ text: String) -> [String: Int] {
    var table: [String: Int] = [:]
    for word in text.lowercased().split(whereSeparator: { !$0.isLetter }) { table[String(word), default: 0] += 1 }
    return table
  }

  static func readText(_ path: String) throws -> String {
    guard let file = fopen(path, "r") else { throw FileProblem(path: path, reason: String(cString: strerror(errno))) }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}

struct FileProblem: Error, CustomStringConvertible {
  let path: String
  let reason: String
  var description: String { "\(path): \(reason)" }
}
