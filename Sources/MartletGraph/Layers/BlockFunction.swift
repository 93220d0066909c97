public import MartletBytes

/// The work of a layer: a value that *is* the arguments, and can become bytes, so that a whole layer can.
///
/// As with `TaskFunction`, two functions of one name and version with equal bytes are the same work.
public protocol BlockFunction: PortableValue {
  /// What a block is.
  associatedtype Result: Sendable

  /// Names the work in every process and version, for instance `martlet.array.add`.
  static var name: String { get }
  /// Raised when the same arguments begin to give another result.
  static var version: Int { get }
  /// Makes one block. Runs on a thread of the executor; long work asks `context` now and then whether to go on.
  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Result
}

extension BlockFunction {
  func fill(
    _ slot: UnsafeMutablePointer<Slot>, _ inputs: borrowing BlockInputs, _ context: borrowing TaskContext
  ) throws {
    slot.pointee.fill(try run(inputs, context))
  }
}

/// What one task of a layer works on. Valid while the task runs; it cannot be copied or kept.
public struct BlockInputs: ~Copyable {
  private let inputs: TaskInputs
  /// The blocks of input `i` are `starts[i] ..< starts[i + 1]`.
  private let starts: [Int]
  /// Where the block is that the task makes.
  public let block: [Int]

  init(_ inputs: consuming TaskInputs, starts: [Int], block: [Int]) {
    self.inputs = inputs
    self.starts = starts
    self.block = block
  }

  /// The number of inputs.
  public var count: Int { starts.count - 1 }

  /// The block of an input of which the task has one.
  ///
  /// - Throws: `TaskInputError` when there is no such input or it is of another type.
  public borrowing func value<Value: Sendable>(_ input: Int, as type: Value.Type = Value.self) throws -> Value {
    try inputs.value(place(of: input), as: type)
  }

  /// The same, and the only reference to it where nobody else will use it: what is changed in place is then not copied
  /// first. It cannot be read again.
  ///
  /// - Throws: `TaskInputError` when there is no such input or it is of another type.
  public borrowing func take<Value: Sendable>(_ input: Int, as type: Value.Type = Value.self) throws -> Value {
    try inputs.take(place(of: input), as: type)
  }

  /// All blocks of an input, row by row over the dimensions whose axis is `.all`.
  ///
  /// - Throws: `TaskInputError` when there is no such input or a block is of another type.
  public borrowing func values<Value: Sendable>(_ input: Int, as type: Value.Type = Value.self) throws -> [Value] {
    let first = place(of: input)
    guard first >= 0 else { throw TaskInputError(index: input, expected: "\(type)", found: nil) }
    var values: [Value] = []
    values.reserveCapacity(starts[input + 1] - first)
    for place in first..<starts[input + 1] { values.append(try inputs.value(place, as: type)) }
    return values
  }

  /// Below zero, which `TaskInputs` refuses, where there is no such input.
  private borrowing func place(of input: Int) -> Int { input >= 0 && input < count ? starts[input] : -1 }
}

/// The block functions that this process can run, by name and version: what is needed to expand layers that came as bytes.
public struct BlockFunctions: Sendable {
  private struct Name: Hashable, Sendable {
    let name: String
    let version: Int
  }

  private var types: [Name: any BlockFunction.Type] = [:]

  /// No functions.
  public init() {}

  /// Adds a function. Stops the program when another type has its name and version.
  public mutating func register<Function: BlockFunction>(_ type: Function.Type) {
    let name = Name(name: type.name, version: type.version)
    if let other = types.updateValue(type, forKey: name), other != type {
      invariantFailure(
        "\(other) and \(type) are both called \(name.name) version \(name.version): give one of them another name")
    }
  }

  func type(named name: String, version: Int) -> (any BlockFunction.Type)? {
    types[Name(name: name, version: version)]
  }
}
