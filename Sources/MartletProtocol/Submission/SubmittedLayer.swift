package import MartletBytes

/// Many tasks of one form, as one record: the scheduler makes them when the piece of the graph arrives.
///
/// Block `i` of `count` has the key `digest.member(i)` and calls the function with `arguments` and behind them its number, as
/// eight bytes. A layer comes behind the tasks of its piece and behind the layers before it; what it needs is known then.
package struct SubmittedLayer: Equatable, Sendable {
  /// What a block needs. Blocks of other layers are named by the key of their layer.
  package enum Input: Equatable, Sendable {
    /// The block of the same number of another layer.
    case block(of: Digest128)
    /// One task for all blocks.
    case shared(Digest128)
    /// Of a layer with `count` blocks the next `size` ones: block 0 gets the first ones, and the last block perhaps fewer.
    case range(of: Digest128, count: UInt32, size: UInt32)
  }

  /// How many inputs a layer may name.
  package static let inputLimit = 64

  /// The family of its blocks' keys.
  package var digest: Digest128
  /// An index into the labels.
  package var label: UInt32
  /// An index into the traits, plus one; 0: none.
  package var traits: UInt32
  /// An index into the functions.
  package var function: UInt32
  package var arguments: [UInt8]
  /// The number of blocks.
  package var count: UInt32
  /// In the order of the arguments.
  package var inputs: [Input]
  /// Whether the client wants all blocks; the handles come behind those of the wanted tasks.
  package var isWanted: Bool

  package init(
    digest: Digest128, label: UInt32, traits: UInt32 = 0, function: UInt32, arguments: [UInt8], count: UInt32,
    inputs: [Input] = [], isWanted: Bool = false
  ) {
    self.digest = digest
    self.label = label
    self.traits = traits
    self.function = function
    self.arguments = arguments
    self.count = count
    self.inputs = inputs
    self.isWanted = isWanted
  }

  /// How many dependencies its blocks have at most.
  package var dependencyCount: Int {
    inputs.reduce(0) { sum, input in
      switch input {
      case .block, .shared: sum + Int(count)
      case .range(_, let others, let size): sum + Int(min(UInt64(others), UInt64(count) * UInt64(size)))
      }
    }
  }
}

extension SubmittedLayer: PortableValue {
  package static var leastBytes: Int { 23 }

  package func write(to writer: inout ByteWriter) {
    digest.write(to: &writer)
    writer.write(varint: UInt64(label))
    writer.write(varint: UInt64(traits))
    writer.write(varint: UInt64(function))
    writer.write(bytes: arguments)
    writer.write(varint: UInt64(count))
    inputs.write(to: &writer)
    isWanted.write(to: &writer)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    digest = try Digest128(from: &reader)
    label = try reader.readIndex()
    traits = try reader.readIndex()
    function = try reader.readIndex()
    arguments = try reader.readBytes()
    count = try reader.readIndex()
    let start = reader.offset
    inputs = try [Input](from: &reader)
    isWanted = try Bool(from: &reader)
    if inputs.count > SubmittedLayer.inputLimit {
      throw ByteError(
        offset: start, "\(inputs.count) inputs of a layer, at most \(SubmittedLayer.inputLimit) are allowed")
    }
  }
}

extension SubmittedLayer.Input: PortableValue {
  package static var leastBytes: Int { 17 }

  package func write(to writer: inout ByteWriter) {
    switch self {
    case .block(let layer):
      writer.write(byte: 0)
      layer.write(to: &writer)
    case .shared(let task):
      writer.write(byte: 1)
      task.write(to: &writer)
    case .range(let layer, let count, let size):
      writer.write(byte: 2)
      layer.write(to: &writer)
      writer.write(varint: UInt64(count))
      writer.write(varint: UInt64(size))
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 0: self = .block(of: try Digest128(from: &reader))
    case 1: self = .shared(try Digest128(from: &reader))
    case 2:
      self = .range(of: try Digest128(from: &reader), count: try reader.readIndex(), size: try reader.readIndex())
    case let kind: throw ByteError(offset: start, "an input of the unknown kind \(kind)")
    }
  }
}
