import Glibc
import MartletEngine
import MartletTable
import TestSupport
import Testing

@testable import Martlet

/// Keeps what is written.
final class MemoryTarget: OutputTarget, @unchecked Sendable {
  // Unchecked: a run writes from one thread at a time.
  private(set) var bytes: [UInt8] = []

  func write(_ bytes: UnsafeRawBufferPointer) throws(TableError) { self.bytes += bytes }

  var text: String { String(decoding: bytes, as: UTF8.self) }
}

/// A file that is gone with its owner.
final class TemporaryTable {
  let path: String

  init(_ bytes: [UInt8], suffix: String = ".csv") {
    var template = Array("/tmp/martlet-test-XXXXXX\(suffix)".utf8CString)
    let file = mkstemps(&template, Int32(suffix.utf8.count))
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    var written = 0
    bytes.withUnsafeBytes {
      while written < $0.count { written += write(file, $0.baseAddress! + written, $0.count - written) }
    }
    close(file)
  }

  convenience init(_ text: String) { self.init(Array(text.utf8)) }

  deinit { unlink(path) }
}

/// Runs a query on files.
func run(
  _ operation: TableQuery.Operation, on files: [String], threads: Int = 2, partitionBytes: Int? = nil,
  format: OutputFormat = .csv, memoryBytes: Int? = nil, executor: (any Executor)? = nil,
  sentBlockBytes: Int? = nil,
  progress: RunProgress = RunProgress(), _ change: (inout TableQuery) -> Void = { _ in }
) throws -> (text: String, notes: [String]) {
  var query = TableQuery(input: TableInput(files: files), operation: operation)
  change(&query)
  var options = ExecutionOptions()
  options.threads = threads
  options.partitionBytes = partitionBytes
  options.memoryBytes = memoryBytes
  if let executor { options.connect = { _ in executor } }
  options.sentBlockBytes = sentBlockBytes
  let target = MemoryTarget()
  let report = try PlannedQuery(query, options: options)
    .run(format: format, width: 0, output: target, progress: progress, record: false)
  return (target.text, report.notes)
}

/// A table of random cells: nil for null.
struct RandomTable {
  let names = ["k", "t", "i", "d", "day", "m"]
  var rows: [[String?]] = []

  init(_ generator: inout SeededGenerator, rows count: Int) {
    let texts = ["x", "y", "", "a,b", "line\nbreak", "quote\"d", "zürich", "\r\nz", " pad "]
    for number in 0..<count {
      var row: [String?] = [
        "\(generator.below(5))", generator.pick(texts), "\(generator.below(2001) - 1000)",
        "\(generator.below(100)).\(generator.below(10))5", "2024-0\(1 + generator.below(9))-1\(generator.below(10))",
        number > 0 && generator.chance(98) ? "\(generator.below(7))" : "word",
      ]
      for column in 1..<row.count where number > 0 && generator.chance(12) { row[column] = nil }
      rows.append(row)
    }
  }

  /// The table as CSV: quotes where they are needed, and here and there where not, with random line ends.
  func csv(_ generator: inout SeededGenerator, lineEnds: [String] = ["\n", "\r\n"]) -> String {
    var text = names.joined(separator: ",") + generator.pick(lineEnds)
    for row in rows {
      text += row.map { cell in
        guard let cell else { return "" }
        let needsQuotes = cell.isEmpty || cell.contains { ",\"\n\r".contains($0) || $0.isNewline }
        guard needsQuotes || generator.chance(20) else { return cell }
        return "\"" + cell.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
      }.joined(separator: ",")
      text += generator.pick(lineEnds)
    }
    return text
  }
}
