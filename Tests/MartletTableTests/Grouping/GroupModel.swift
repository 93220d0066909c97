import MartletTable

/// Grouping as one would explain it: a dictionary from keys to lists of values, and each aggregate from its list.
struct GroupModel {
  let spec: GroupSpec
  let table: TestTable
  let keyTypes: [ColumnType]

  private let reader = TestCellReader()

  init(_ spec: GroupSpec, _ table: TestTable, keyTypes: [ColumnType]? = nil) {
    self.spec = spec
    self.table = table
    let reader = reader
    self.keyTypes =
      keyTypes
      ?? table.keys.map { cells in
        var seen: SeenTypes = []
        for case .text(let bytes) in cells { bytes.withUnsafeBufferPointer { seen.formUnion(reader.classify($0)) } }
        return seen.columnType
      }
  }

  /// The rows of the result.
  func rows() -> [[TestValue]] {
    var groups: [[TestValue]: Int] = [:]
    var members: [[Int]] = []
    var keys: [[TestValue]] = []
    if spec.keyCount == 0 {
      members = [Array(0..<table.count)]
      keys = [[]]
    } else {
      for row in 0..<table.count {
        let key = table.keys.indices.map { sortKey(table.keys[$0][row], keyTypes[$0]) }
        if let group = groups[key] {
          members[group].append(row)
        } else {
          groups[key] = members.count
          members.append([row])
          keys.append(key)
        }
      }
    }
    return members.indices.sorted { isLess(keys[$0], keys[$1]) }.map { group in
      table.keys.map { $0[members[group][0]] } + spec.aggregates.map { aggregate($0, members[group]) }
    }
  }

  private func sortKey(_ cell: TestValue, _ type: ColumnType) -> TestValue {
    guard case .text(let bytes) = cell else { return .null }
    return bytes.withUnsafeBufferPointer { cell in
      switch type {
      case .text, .null: .text(bytes)
      case .double: .double(reader.double(cell)! + 0)
      default: .int(reader.int(cell, as: type)!)
      }
    }
  }

  private func isLess(_ left: [TestValue], _ right: [TestValue]) -> Bool {
    for (x, y) in zip(left, right) where x != y { return Self.isLess(x, y) }
    return false
  }

  /// Nulls last, NaN greatest.
  static func isLess(_ left: TestValue, _ right: TestValue) -> Bool {
    switch (left, right) {
    case (.null, _): false
    case (_, .null): true
    case (.int(let x), .int(let y)): x < y
    case (.double(let x), .double(let y)):
      x.isNaN ? false : y.isNaN ? true : x < y || (x == y && x.sign == .minus && y.sign == .plus)
    case (.text(let x), .text(let y)): x.lexicographicallyPrecedes(y)
    default: fatalError("mixed types")
    }
  }

  private func aggregate(_ aggregate: AggregateSpec, _ members: [Int]) -> TestValue {
    if aggregate.kind == .countAll { return .int(Int64(members.count)) }
    let (type, cells) = table.arguments[aggregate.arguments[0]]
    let values = type == .null ? [] : members.map { cells[$0] }.filter { $0 != .null }
    switch aggregate.kind {
    case .count: return .int(Int64(values.count))
    case .countDistinct: return .int(Int64(counted(values).count))
    case .correlation: return correlation(aggregate, members)
    default: break
    }
    if values.isEmpty { return .null }
    let reals = values.map(real)
    switch aggregate.kind {
    case .sum:
      if type == .double { return .double(sum(reals)) }
      let sum = values.reduce(Int128(0)) { $0 + int($1) }
      return Int64(exactly: sum).map { .int($0) } ?? .text("\(sum)")
    case .mean:
      if type == .double { return .double(Double(Float80(sum(reals)) / Float80(reals.count))) }
      return .double(Double(Float80(values.reduce(Int128(0)) { $0 + int($1) }) / Float80(values.count)))
    case .min: return values.min(by: Self.isLess)!
    case .max: return values.max(by: Self.isLess)!
    case .median: return .double(quantile(values, 0.5))
    case .quantile: return .double(quantile(values, aggregate.parameter!))
    case .variance, .standardDeviation:
      if reals.count < 2 { return .null }
      let mean = reals.reduce(Float80(0)) { $0 + Float80($1) } / Float80(reals.count)
      let squares = reals.reduce(Float80(0)) { $0 + (Float80($1) - mean) * (Float80($1) - mean) }
      let variance = Double(squares / Float80(reals.count - 1))
      return .double(aggregate.kind == .variance ? variance : variance.squareRoot())
    case .first: return values.first!
    case .last: return values.last!
    case .mode:
      let counts = counted(values)
      let most = counts.values.max()!
      return counts.filter { $0.value == most }.keys.min(by: Self.isLess)!
    case .any: return .int(values.contains(.int(1)) ? 1 : 0)
    case .all: return .int(values.contains(.int(0)) ? 0 : 1)
    case .top:
      let largest = values.sorted { Self.isLess($1, $0) }.prefix(Int(aggregate.parameter!))
      return .text("[" + largest.map { plain($0, type) }.joined(separator: ", ") + "]")
    case .countAll, .count, .countDistinct, .correlation: fatalError("handled above")
    }
  }

  /// Values that are equal with how often they occur; both zeros are one, and so are all NaNs.
  private func counted(_ values: [TestValue]) -> [TestValue: Int] {
    var counts: [TestValue: Int] = [:]
    var notNumbers = 0
    for value in values {
      if case .double(let real) = value {
        if real.isNaN {
          notNumbers += 1
          continue
        }
        counts[.double(real + 0), default: 0] += 1
      } else {
        counts[value, default: 0] += 1
      }
    }
    if notNumbers > 0 { counts[.double(.nan)] = notNumbers }
    return counts
  }

  private func plain(_ value: TestValue, _ type: ColumnType) -> String {
    switch value {
    case .double(let real):
      return (real + 0).description
    case .int(let value): return type == .bool ? (value == 0 ? "false" : "true") : String(value)
    case .text(let bytes): return String(decoding: bytes, as: UTF8.self)
    case .null: return ""
    }
  }

  private func int(_ value: TestValue) -> Int128 {
    if case .int(let value) = value { return Int128(value) }
    return 0
  }

  private func real(_ value: TestValue) -> Double {
    switch value {
    case .int(let value): Double(value)
    case .double(let value): value
    default: 0
    }
  }

  private func sum(_ values: [Double]) -> Double { Double(values.reduce(Float80(0)) { $0 + Float80($1) }) }

  private func quantile(_ values: [TestValue], _ p: Double) -> Double {
    let sorted: [Float80] = values.sorted(by: Self.isLess).map { value in
      if case .int(let int) = value { return Float80(int) }
      return Float80(real(value))
    }
    let position = p * Double(sorted.count - 1)
    let low = sorted[Int(position)]
    let high = sorted[min(Int(position) + 1, sorted.count - 1)]
    let fraction = position - position.rounded(.down)
    if fraction == 0 || low == high { return Double(low) }
    if low.isInfinite || high.isInfinite { return Double(low * Float80(1 - fraction) + high * Float80(fraction)) }
    return Double(low + (high - low) * Float80(fraction))
  }

  private func correlation(_ aggregate: AggregateSpec, _ members: [Int]) -> TestValue {
    let first = table.arguments[aggregate.arguments[0]]
    let second = table.arguments[aggregate.arguments[1]]
    if first.type == .null || second.type == .null { return .null }
    let pairs = members.filter { first.cells[$0] != .null && second.cells[$0] != .null }
      .map { (Float80(real(first.cells[$0])), Float80(real(second.cells[$0]))) }
    if pairs.count < 2 { return .null }
    let count = Float80(pairs.count)
    let meanX = pairs.reduce(Float80(0)) { $0 + $1.0 } / count
    let meanY = pairs.reduce(Float80(0)) { $0 + $1.1 } / count
    var squaresX: Float80 = 0
    var squaresY: Float80 = 0
    var products: Float80 = 0
    for (x, y) in pairs {
      squaresX += (x - meanX) * (x - meanX)
      squaresY += (y - meanY) * (y - meanY)
      products += (x - meanX) * (y - meanY)
    }
    if squaresX == 0 || squaresY == 0 { return .null }
    return .double(Double(products / (squaresX * squaresY).squareRoot()))
  }
}
