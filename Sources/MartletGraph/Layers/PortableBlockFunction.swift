public import MartletBytes

/// A block function that workers can be told to run: layers of it go to a cluster as layers, some hundred bytes for any
/// number of blocks.
///
/// ```swift
/// try TaskFunctions.register(blocks: Fill.self, Sum.self)
/// ```
public protocol PortableBlockFunction: BlockFunction where Result: PortableValue {}

// A block as bytes: the function's arguments with their size, the shape of the grid that its step was added with, where in it
// the block is, the grid of its layer, where the blocks of each operand begin, and last the number of the block, 8 bytes. All
// but the number are the same for all blocks of a layer.

extension BlockTask: PortableValue where Function: PortableBlockFunction {
  func write(to writer: inout ByteWriter) {
    plan.write(to: &writer)
    writer.write(Int64(number))
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    let call = BlockCall(
      name: Function.name, version: Function.version,
      arguments: try reader.readRaw(try reader.readCount(elementBytes: 1)) { Array($0) },
      function: nil, location: CompactLocation())
    function = try Function(portableBytes: call.arguments)
    plan = try BlockStepPlan(call, from: &reader)
    let offset = reader.offset
    let number: Int64 = try reader.read()
    guard number >= 0, number < plan.grid.count else {
      throw ByteError(offset: offset, "block \(number) of \(plan.grid.count)")
    }
    self.number = Int(number)
  }
}

extension BlockTask: PortableTaskFunction where Function: PortableBlockFunction {}

extension BlockStepPlan {
  /// What all blocks of a layer have in common, as bytes.
  func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(step.call.arguments.count))
    step.call.arguments.withUnsafeBytes { writer.write(raw: $0) }
    writer.write(numbers: step.grid.shape)
    writer.write(axes: step.place)
    writer.write(numbers: grid.shape)
    writer.write(varint: UInt64(starts.count - 1))
    for (first, next) in zip(starts, starts.dropFirst()) { writer.write(varint: UInt64(next - first)) }
  }

  /// Reads what stands behind the arguments.
  fileprivate convenience init(_ call: BlockCall, from reader: inout ByteReader) throws(ByteError) {
    let own = try reader.readGrid()
    let offset = reader.offset
    let place = try reader.readAxes()
    let grid = try reader.readGrid()
    if let mistake = BlockInput(BlockArray(layer: 0, blocks: own.shape), place).mistake(in: grid.shape) {
      throw ByteError(offset: offset, mistake)
    }
    guard !place.contains(.all) else { throw ByteError(offset: offset, "a step at several places") }
    var counts: [Int] = []
    for _ in 0..<(try reader.readCount(elementBytes: 1)) {
      counts.append(try reader.readNumber(below: 1 << 32, "blocks"))
    }
    let step = BlockStep(label: "", call: call, place: place, grid: own, operands: [])
    self.init(step, in: grid, counts: counts)
  }
}

extension TaskFunctionRegistry {
  /// Adds a function of blocks, and the type of its results.
  ///
  /// - Throws: `TaskRegistryError` when another function has its name and version. The same one may be added again.
  public mutating func register<Function: PortableBlockFunction>(
    blocks type: Function.Type
  ) throws(TaskRegistryError) {
    try register(BlockTask<Function>.self)
  }
}

extension TaskFunctions {
  /// Adds functions of blocks.
  ///
  /// - Throws: `TaskRegistryError` when a name is taken, or the process has started to work with its registry.
  public static func register<each Function: PortableBlockFunction>(
    blocks types: repeat (each Function).Type
  ) throws(TaskRegistryError) {
    for type in repeat each types {
      try change { (all) throws(TaskRegistryError) in try all.register(blocks: type) }
    }
  }
}
