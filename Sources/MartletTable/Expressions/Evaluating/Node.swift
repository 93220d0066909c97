/// What a bound expression works on during one call of `evaluate`.
final class EvaluationContext {
  /// The columns of the batch by their index in the schema; nil where nobody reads one.
  var input: [Vector?] = []
  /// How many records the batch has.
  var count = 0
  /// Where new texts live.
  var arena = TextArena()
  /// A byte a record, zero where the value will not be used (an untaken branch of CASE), so that nothing may fail
  /// or be counted there; nil where all records are used.
  var active: UnsafePointer<UInt8>?
  /// Cells that a CAST could not read.
  var castFailures = 0

  @inline(__always)
  func isActive(_ row: Int) -> Bool { active.map { $0[row] != 0 } ?? true }
}

/// A typed step of a bound expression: computes a vector of the batch's records from its children's.
///
/// Subclasses write their own `output`, which no child uses; the value of a null cell is zero in it (see `Vector`).
class Node {
  final let type: ColumnType
  /// Whether evaluating may throw or count failures, so that it matters which records are active.
  final let canFail: Bool
  /// Scratch for the result, shared with nodes that are not alive at the same time; nil for columns and constants.
  final let register: Vector?

  init(type: ColumnType, canFail: Bool, register: Vector?) {
    self.type = type
    self.canFail = canFail
    self.register = register
  }

  /// The value, where it is the same in each record and known.
  var constant: Scalar? { nil }

  /// The values of all records of the batch; valid until the next call.
  func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    invariantFailure("a node of type \(type.name) has no evaluation")
  }

  /// Keeps of the `count` record numbers in `selection` those for which this condition is TRUE, in their order.
  ///
  /// - Parameter isWhole: The selection is all records of the batch and has not been written yet.
  /// - Returns: How many are kept; nil when the node has no such way and nothing was done.
  func refine(
    _ context: EvaluationContext, _ selection: UnsafeMutablePointer<UInt16>, _ count: Int, isWhole: Bool
  ) throws(TableError) -> Int? {
    nil
  }

  /// The register, ready to be written.
  final func output(_ context: EvaluationContext) -> Vector {
    guard let register else { invariantFailure("a node of type \(type.name) has no register") }
    register.type = type
    register.count = context.count
    register.hasNulls = false
    return register
  }
}

/// Stops the program: something that cannot occur did.
func invariantFailure(_ message: String) -> Never { fatalError(message) }

/// A column of the batch.
final class ColumnNode: Node {
  let index: Int
  private let name: String
  /// Stands for a batch in which the column has nothing but nulls and therefore no type.
  private var nulls: Vector?

  init(index: Int, name: String, type: ColumnType) {
    self.index = index
    self.name = name
    super.init(type: type, canFail: false, register: nil)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    guard index < context.input.count, let vector = context.input[index] else {
      invariantFailure("column \(name) was not given to an expression that reads it")
    }
    if vector.type == type { return vector }
    if vector.type == .null {
      let nulls = self.nulls ?? Vector(type: type, capacity: max(context.count, vector.capacity))
      self.nulls = nulls
      nulls.count = context.count
      nulls.makeAllNull()
      return nulls
    }
    if type == .int, vector.type == .text {
      // Only sums have digits beyond 64 bits; they travel as texts (see `Column.copy`).
      throw TableError(
        .malformedData, "\(name) goes beyond 64 bits, and something is computed from it",
        remedy: "sum doubles instead: sum(CAST(x AS double))")
    }
    invariantFailure("column \(name) is \(vector.type.name) and was bound as \(type.name)")
  }
}

/// The same value in each record.
final class ConstantNode: Node {
  private let scalar: Scalar
  private let capacity: Int
  /// The value as many times as a batch needed it so far.
  private var vector: Vector?
  private var filled = 0
  /// The bytes of a text, with 16 more that may be read.
  private let text: UnsafeMutableBufferPointer<UInt8>?

  init(_ scalar: Scalar, type: ColumnType? = nil, capacity: Int) {
    self.scalar = scalar
    self.capacity = capacity
    if case .text(let bytes) = scalar {
      let buffer = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count + 16)
      buffer.initialize(repeating: 0)
      for index in bytes.indices { buffer[index] = bytes[index] }
      text = buffer
    } else {
      text = nil
    }
    super.init(type: type ?? scalar.type, canFail: false, register: nil)
  }

  deinit { text?.deallocate() }

  override var constant: Scalar? { scalar }

  /// The first byte of a text constant, and its length.
  var bytes: UnsafeBufferPointer<UInt8> {
    guard let text else { return UnsafeBufferPointer(start: nil, count: 0) }
    return UnsafeBufferPointer(start: UnsafePointer(text.baseAddress!), count: text.count - 16)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let vector = self.vector ?? Vector(type: type, capacity: capacity)
    self.vector = vector
    if filled < context.count {
      for row in filled..<context.count { fill(vector, row) }
      filled = context.count
    }
    vector.count = context.count
    vector.hasNulls = scalar == .null
    return vector
  }

  private func fill(_ vector: Vector, _ row: Int) {
    vector.valid[row] = 1
    switch scalar {
    case .null:
      vector.setNull(row)
    case .bool(let value): vector.ints[row] = value ? 1 : 0
    case .int(let value), .date(let value), .timestamp(let value): vector.ints[row] = value
    case .double(let value): vector.doubles[row] = value
    case .text:
      vector.texts[row] = UnsafePointer(text!.baseAddress!)
      vector.lengths[row] = UInt32(text!.count - 16)
    }
  }
}
