package import MartletBytes

/// Which blocks of a layer each block of another one needs, as arithmetic on numbers.
///
/// A block's number, read as an index in the grid of `axes` (row by row), leads to the block `first + Σ index · step`; from
/// there the blocks at `Σ place · step` for all places in the grid of `spans`, row by row, are the inputs.
package struct BlockStrides: Equatable, Sendable {
  /// A dimension, and what one step along it adds to the number of the input.
  package struct Dimension: Equatable, Sendable {
    package var extent: UInt32
    package var step: UInt32

    package init(extent: UInt32, step: UInt32) {
      self.extent = extent
      self.step = step
    }
  }

  /// The number of blocks of the layer that the inputs are of.
  package var count: UInt32
  package var first: UInt32
  package var axes: [Dimension]
  package var spans: [Dimension]

  package init(count: UInt32, first: UInt32, axes: [Dimension], spans: [Dimension]) {
    self.count = count
    self.first = first
    self.axes = axes
    self.spans = spans
  }

  /// The most axes, and the most spans.
  package static let dimensionLimit = 32

  /// How many inputs a block has.
  package var countOfEach: Int { spans.reduce(1) { $0.multipliedSaturated(by: Int($1.extent)) } }

  /// The numbers of the inputs of a block; nil where one of them is outside of its layer.
  package func inputs(of block: UInt32) -> [UInt64]? {
    var base = UInt64(first)
    var rest = block
    for axis in axes.reversed() {
      let (quotient, index) = rest.quotientAndRemainder(dividingBy: axis.extent)
      rest = quotient
      base &+= UInt64(index) &* UInt64(axis.step)
    }
    var numbers = [base]
    for span in spans {
      numbers = numbers.flatMap { number in
        (0..<UInt64(span.extent)).map { number &+ $0 &* UInt64(span.step) }
      }
    }
    return numbers.allSatisfy { $0 < UInt64(count) } ? numbers : nil
  }
}

extension BlockStrides: PortableValue {
  package func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(count))
    writer.write(varint: UInt64(first))
    axes.write(to: &writer)
    spans.write(to: &writer)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    count = try reader.readIndex()
    first = try reader.readIndex()
    axes = try [Dimension](from: &reader)
    spans = try [Dimension](from: &reader)
    guard axes.count <= BlockStrides.dimensionLimit, spans.count <= BlockStrides.dimensionLimit,
      axes.allSatisfy({ $0.extent > 0 }), spans.allSatisfy({ $0.extent > 0 })
    else { throw ByteError(offset: start, "blocks of a grid that cannot be: \(axes.count) axes") }
  }
}

extension BlockStrides.Dimension: PortableValue {
  package static var leastBytes: Int { 2 }

  package func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(extent))
    writer.write(varint: UInt64(step))
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    extent = try reader.readIndex()
    step = try reader.readIndex()
  }
}

extension Int {
  func addingSaturated(_ other: Int) -> Int {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? .max : sum
  }

  func multipliedSaturated(by other: Int) -> Int {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? .max : product
  }
}
