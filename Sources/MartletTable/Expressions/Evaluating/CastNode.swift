/// `CAST(x AS type)`: a cell that cannot be read as the type becomes NULL and is counted.
final class CastNode: Node {
  private let operand: Node
  private let buffer = ByteBuffer()

  init(_ operand: Node, to type: ColumnType, register: Vector) {
    self.operand = operand
    let fails =
      operand.type == .text || (operand.type == .double && type == .int)
      || (operand.type == .date && type == .timestamp)
    super.init(type: type, canFail: operand.canFail || fails, register: register)
  }

  /// Whether there is a conversion at all.
  static func exists(from source: ColumnType, to target: ColumnType) -> Bool {
    switch (source, target) {
    case (.null, _), (.text, _), (_, .text): true
    case (.bool, .int), (.bool, .double), (.int, .bool), (.double, .bool), (.int, .double), (.double, .int): true
    case (.date, .timestamp), (.timestamp, .date): true
    default: source == target
    }
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let out = output(context)
    let count = context.count
    if operand.type == .text, CellParser.parse(value, as: type, into: out, lenient: true) == nil { return out }
    switch (operand.type, type) {
    case (.null, _):
      out.makeAllNull()
      return out
    case (.int, .double), (.bool, .double):
      for row in 0..<count { out.doubles[row] = Double(value.ints[row]) }
    case (.int, .bool): for row in 0..<count { out.ints[row] = value.ints[row] != 0 ? 1 : 0 }
    case (.double, .bool): for row in 0..<count { out.ints[row] = value.doubles[row] != 0 ? 1 : 0 }
    case (.bool, .int): out.ints.update(from: value.ints, count: count)
    case (.date, .timestamp):
      // A day beyond the year 294,000 has no timestamp.
      let days = value.ints
      convert(value, into: out, context) {
        let (moment, overflow) = days[$0].multipliedReportingOverflow(by: CivilDate.microsecondsPerDay)
        return overflow ? nil : moment
      }
    case (.timestamp, .date): for row in 0..<count { out.ints[row] = DateFields.day(ofTimestamp: value.ints[row]) }
    case (.double, .int):
      let doubles = value.doubles
      convert(value, into: out, context) { CellText.rounded(doubles[$0]) }
    case (.text, .int): convert(value, into: out, context) { CellText.int(value.text($0)) }
    case (.text, .double):
      convert(value, into: out, context) { CellText.double(value.text($0)).map { Int64(bitPattern: $0.bitPattern) } }
    case (.text, .bool): convert(value, into: out, context) { CellText.bool(value.text($0)).map { $0 ? 1 : 0 } }
    case (.text, .date): convert(value, into: out, context) { CellText.date(value.text($0)) }
    case (.text, .timestamp): convert(value, into: out, context) { CellText.timestamp(value.text($0)) }
    default: writeTexts(of: value, into: out, context)
    }
    if !out.hasNulls { out.takeNulls(of: value) }
    return out
  }

  /// Reads each cell; `read` gives the eight bytes of the value.
  @inline(__always)
  private func convert(
    _ value: Vector, into out: Vector, _ context: EvaluationContext, _ read: (Int) -> Int64?
  ) {
    out.markAllValid()
    var anyNull = false
    var failures = 0
    let hasNulls = value.hasNulls
    for row in 0..<context.count {
      if hasNulls, value.valid[row] == 0 {
        out.setNull(row)
        anyNull = true
      } else if let converted = read(row) {
        out.ints[row] = converted
      } else {
        out.setNull(row)
        anyNull = true
        if context.isActive(row) { failures &+= 1 }
      }
    }
    out.hasNulls = anyNull
    context.castFailures += failures
  }

  /// The canonical texts: `42`, `1.5`, `true`, `2024-01-31`, `2024-01-31T06:00:00`.
  private func writeTexts(of value: Vector, into out: Vector, _ context: EvaluationContext) {
    var writer = TextWriter(context.arena)
    for row in 0..<context.count {
      buffer.removeAll()
      buffer.append(cell: row, of: value)
      let bytes = buffer.bytes
      writer.reserve(bytes.count).update(from: bytes.baseAddress!, count: bytes.count)
      writer.keep(bytes.count, in: out, row)
    }
  }
}

extension ByteBuffer {
  /// Appends the canonical text of a cell that is not null.
  @inline(__always)
  func append(cell row: Int, of vector: Vector) {
    switch vector.type {
    case .null: break
    case .bool: append(bool: vector.ints[row] != 0)
    case .int: append(int: vector.ints[row])
    case .double: append(double: vector.doubles[row])
    case .date: append(date: vector.ints[row])
    case .timestamp: append(timestamp: vector.ints[row])
    case .text: append(padded: vector.texts[row], count: Int(vector.lengths[row]))
    }
  }
}
