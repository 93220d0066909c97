/// A long run of the bytes of a value that are the memory of one array of numbers. Who sends or writes the value takes them from
/// where they lie, and who receives or reads it puts them to where the array will lie, so that nobody copies them.
///
/// Segments only say where memory is worth its own place: the bytes of the value are the same without them.
package struct ByteSegment: Equatable, Sendable {
  /// Bytes between the end of the segment before it, or the beginning of the value, and this one.
  package var skipped: Int
  /// Its bytes, at least one.
  package var count: Int
  /// The kind of the numbers: see `BulkNumber`. Bytes of a kind that is not known stay bytes.
  package var kind: UInt8

  package init(skipped: Int, count: Int, kind: UInt8) {
    self.skipped = skipped
    self.count = count
    self.kind = kind
  }

  /// Shorter arrays are copied: that is cheaper than to keep track of them.
  package static let leastBytes = 32 << 10
  /// Segments of one value; arrays behind them are copied.
  package static let most = 1024
}

extension ByteSegment: PortableValue {
  package static var leastBytesOfOne: Int { 3 }

  /// Writes two varints and a byte.
  package func write(to writer: inout ByteWriter) {
    writer.write(varint: UInt64(skipped))
    writer.write(varint: UInt64(count))
    writer.write(byte: kind)
  }

  /// Reads what `write(to:)` wrote. Whether it lies in its value is known to `ByteSegments` alone.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    let skipped = try reader.readVarint()
    let count = try reader.readVarint()
    kind = try reader.readByte()
    guard skipped < 1 << 56, count > 0, count < 1 << 56 else {
      throw ByteError(offset: start, "a segment of \(count) bytes behind \(skipped)")
    }
    self.skipped = Int(skipped)
    self.count = Int(count)
  }
}

/// The segments of a value of a known length, in their order. None reaches beyond it.
package struct ByteSegments: Equatable, Sendable {
  package let list: [ByteSegment]
  /// Bytes of the value.
  package let byteCount: Int
  /// Bytes of it that are in no segment.
  package let restBytes: Int

  /// A value without segments.
  package init(byteCount: Int) {
    list = []
    self.byteCount = byteCount
    restBytes = byteCount
  }

  /// - Throws: `ByteError` when they are too many, or more than the value has.
  package init(_ list: [ByteSegment], byteCount: Int) throws(ByteError) {
    guard list.count <= ByteSegment.most else {
      throw ByteError(offset: 0, "\(list.count) segments, at most \(ByteSegment.most) are allowed")
    }
    var rest = byteCount
    var restBytes = byteCount
    for segment in list {
      guard segment.skipped >= 0, segment.count > 0, segment.skipped <= rest, segment.count <= rest - segment.skipped
      else {
        throw ByteError(
          offset: byteCount - rest, "a segment of \(segment.count) bytes behind \(segment.skipped), but \(rest) follow")
      }
      rest -= segment.skipped + segment.count
      restBytes -= segment.count
    }
    self.list = list
    self.byteCount = byteCount
    self.restBytes = restBytes
  }

  /// What `write(to:)` wrote of a value of `byteCount` bytes; none where nothing follows.
  package init(from reader: inout ByteReader, byteCount: Int) throws(ByteError) {
    if reader.remaining == 0 {
      self.init(byteCount: byteCount)
      return
    }
    let count = try reader.readCount(elementBytes: ByteSegment.leastBytesOfOne)
    guard count <= ByteSegment.most else {
      throw ByteError(offset: reader.offset, "\(count) segments, at most \(ByteSegment.most) are allowed")
    }
    var list: [ByteSegment] = []
    list.reserveCapacity(count)
    for _ in 0..<count { list.append(try ByteSegment(from: &reader)) }
    try self.init(list, byteCount: byteCount)
  }

  /// Writes the count and the segments; nothing where there are none.
  package func write(to writer: inout ByteWriter) {
    if list.isEmpty { return }
    writer.write(varint: UInt64(list.count))
    for segment in list { segment.write(to: &writer) }
  }
}
