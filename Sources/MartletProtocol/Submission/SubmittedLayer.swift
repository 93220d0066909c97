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
    /// Blocks of another layer whose numbers follow from where the block is in its grid: transposed, broadcast, sums over an
    /// axis that is not the last.
    case strided(of: Digest128, BlockStrides)
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
  /// The blocks that it wants where it does not want all of them, ascending.
  package var wanted: [UInt32]

  package init(
    digest: Digest128, label: UInt32, traits: UInt32 = 0, function: UInt32, arguments: [UInt8], count: UInt32,
    inputs: [Input] = [], isWanted: Bool = false, wanted: [UInt32] = []
  ) {
    self.digest = digest
    self.label = label
    self.traits = traits
    self.function = function
    self.arguments = arguments
    self.count = count
    self.inputs = inputs
    self.isWanted = isWanted
    self.wanted = wanted
  }

  /// How many blocks the client wants.
  package var wantedCount: Int { isWanted ? Int(count) : wanted.count }

  /// The number of a wanted block, by its place among those that are wanted.
  package func wantedBlock(_ place: Int) -> UInt64 { isWanted ? UInt64(place) : UInt64(wanted[place]) }

  /// The key of a wanted block, by its place among those that are wanted.
  package func wantedDigest(_ place: Int) -> Digest128 { digest.member(wantedBlock(place)) }

  /// How many dependencies its blocks have at most.
  package var dependencyCount: Int {
    inputs.reduce(0) { sum, input in
      switch input {
      case .block, .shared: sum + Int(count)
      case .range(_, let others, let size): sum + Int(min(UInt64(others), UInt64(count) * UInt64(size)))
      case .strided(_, let strides): sum.addingSaturated(Int(count).multipliedSaturated(by: strides.countOfEach))
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
    if isWanted || wanted.isEmpty { return isWanted.write(to: &writer) }
    writer.write(byte: 2)
    writer.write(varint: UInt64(wanted.count))
    // The first one, then by how many each is further.
    var last: UInt32 = 0
    for block in wanted {
      writer.write(varint: UInt64(block &- last))
      last = block
    }
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
    let wish = try reader.readByte()
    isWanted = wish == 1
    wanted = []
    if wish > 2 { throw ByteError(offset: start, "a layer that is wanted in the unknown way \(wish)") }
    if wish == 2 {
      var last: UInt32 = 0
      for _ in 0..<(try reader.readCount(elementBytes: 1)) {
        let (block, isTooFar) = last.addingReportingOverflow(try reader.readIndex())
        if isTooFar { throw ByteError(offset: start, "a layer with a block of which the number is too large") }
        wanted.append(block)
        last = block
      }
      if wanted.isEmpty {
        throw ByteError(offset: start, "a layer of which no block is wanted says so in the wrong way")
      }
    }
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
    case .strided(let layer, let strides):
      writer.write(byte: 3)
      layer.write(to: &writer)
      strides.write(to: &writer)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 0: self = .block(of: try Digest128(from: &reader))
    case 1: self = .shared(try Digest128(from: &reader))
    case 2:
      self = .range(of: try Digest128(from: &reader), count: try reader.readIndex(), size: try reader.readIndex())
    case 3: self = .strided(of: try Digest128(from: &reader), try BlockStrides(from: &reader))
    case let kind: throw ByteError(offset: start, "an input of the unknown kind \(kind)")
    }
  }
}
