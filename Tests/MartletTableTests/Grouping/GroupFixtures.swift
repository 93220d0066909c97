import MartletTable

/// A cell of a table that a test writes down.
enum TestValue: Hashable, CustomStringConvertible {
  case null
  /// int, bool, date and timestamp
  case int(Int64)
  case double(Double)
  case text([UInt8])

  static func text(_ string: String) -> TestValue { .text(Array(string.utf8)) }

  var description: String {
    switch self {
    case .null: "null"
    case .int(let value): "\(value)"
    case .double(let value): "\(value)"
    case .text(let bytes): "\"\(String(decoding: bytes, as: UTF8.self))\""
    }
  }
}

/// Keys and arguments, column-wise.
struct TestTable {
  var keys: [[TestValue]]
  var arguments: [(type: ColumnType, cells: [TestValue])]
  var count: Int
}

/// Vectors filled from cells, with the memory behind their texts.
struct TestVector {
  let vector: Vector
  private let arena = TextArena()

  init(_ type: ColumnType, _ cells: some Collection<TestValue>) {
    vector = Vector(type: type)
    vector.count = cells.count
    vector.hasNulls = cells.contains(.null)
    for (row, cell) in cells.enumerated() {
      vector.valid[row] = cell == .null ? 0 : 1
      let bytes: [UInt8] =
        if case .text(let bytes) = cell { bytes } else { [] }
      if type == .text {
        let copy = arena.allocate(bytes.count)
        copy.update(from: bytes, count: bytes.count)
        // What follows a text is anything: a kernel that reads it must not use it.
        (copy + bytes.count).update(repeating: UInt8(row & 255), count: 16)
        (vector.texts + row).initialize(to: UnsafePointer(copy))
        vector.lengths[row] = UInt32(bytes.count)
      } else if case .int(let value) = cell {
        vector.ints[row] = value
      } else if case .double(let value) = cell {
        vector.doubles[row] = value
      } else {
        vector.ints[row] = 0
      }
    }
  }
}

/// Reads cells the slow way.
struct TestCellReader: KeyCellReader {
  func classify(_ cell: UnsafeBufferPointer<UInt8>) -> SeenTypes {
    let text = String(decoding: cell, as: UTF8.self)
    if text == "true" || text == "false" { return .bool }
    if let value = Int64(text), String(value) == text { return .int }
    if text.utf8.first.map({ $0 == 45 || (48...57).contains($0) }) ?? false, Double(text) != nil { return .double }
    if date(text) != nil { return .date }
    return .text
  }

  func int(_ cell: UnsafeBufferPointer<UInt8>, as type: ColumnType) -> Int64? {
    let text = String(decoding: cell, as: UTF8.self)
    switch type {
    case .bool: return text == "true" ? 1 : text == "false" ? 0 : nil
    case .int: return Int64(text)
    case .date: return date(text)
    default: return nil
    }
  }

  func double(_ cell: UnsafeBufferPointer<UInt8>) -> Double? { Double(String(decoding: cell, as: UTF8.self)) }

  /// An order-preserving stand-in for days.
  private func date(_ text: String) -> Int64? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count == 3, parts[0].count == 4, let year = Int64(parts[0]), let month = Int64(parts[1]),
      let day = Int64(parts[2])
    else { return nil }
    return (year * 12 + month) * 31 + day
  }
}

extension GroupSpec {
  /// The partial of some records, fed in batches of a size.
  func partial(
    of table: TestTable, _ range: Range<Int>, batch: Int = 100, tuning: GroupTuning = GroupTuning()
  ) throws -> GroupPartial {
    let accumulator = try GroupAccumulator(self, tuning: tuning)
    var start = range.lowerBound
    while start < range.upperBound {
      let end = min(start + batch, range.upperBound)
      let keys = table.keys.map { TestVector(.text, $0[start..<end]) }
      let arguments = table.arguments.map { TestVector($0.type, $0.cells[start..<end]) }
      try accumulator.consume(
        keys: keys.map(\.vector), arguments: arguments.map(\.vector), count: end - start)
      withExtendedLifetime((keys, arguments)) {}
      start = end
    }
    return accumulator.finish()
  }

  func options(keyTypes: [ColumnType?]? = nil) -> GroupFinishOptions {
    GroupFinishOptions(
      names: (0..<keyCount).map { "k\($0)" } + aggregates.indices.map { "a\($0)" },
      keyTypes: keyTypes ?? Array(repeating: nil, count: keyCount))
  }
}

extension Column {
  func value(_ row: Int) -> TestValue {
    if !isValid(row) { return .null }
    switch values {
    case .bools(let cells): return .int(cells[row] ? 1 : 0)
    case .ints(let cells), .dates(let cells), .timestamps(let cells): return .int(cells[row])
    case .wideInts(let cells):
      return Int64(exactly: cells[row]).map { .int($0) } ?? .text("\(cells[row])")
    case .doubles(let cells): return .double(cells[row])
    case .texts(let bytes, let offsets): return .text(Array(bytes[offsets[row]..<offsets[row + 1]]))
    case .nulls: return .null
    }
  }
}

extension Frame {
  var rows: [[TestValue]] { (0..<rowCount).map { row in columns.map { $0.value(row) } } }

  /// Columns as text with the bits of doubles: equal for frames that are equal to the last bit.
  var bits: [[String]] {
    rows.map { row in
      row.map { cell in
        if case .double(let value) = cell { return "d\(value.bitPattern)" }
        return cell.description
      }
    }
  }
}

/// Whether two cells are equal, doubles within rounding.
func areClose(_ left: TestValue, _ right: TestValue, tolerance: Double = 1e-12) -> Bool {
  guard case .double(let x) = left, case .double(let y) = right else { return left == right }
  if x.isNaN || y.isNaN { return x.isNaN && y.isNaN }
  if x == y { return true }
  if x.isInfinite || y.isInfinite { return false }
  return abs(x - y) <= tolerance * max(abs(x), abs(y), 1)
}

func areClose(_ left: [[TestValue]], _ right: [[TestValue]]) -> Bool {
  left.count == right.count
    && zip(left, right).allSatisfy { $0.count == $1.count && zip($0, $1).allSatisfy { areClose($0, $1) } }
}
