/// A value as bytes that lie where they lie: short ones together, long arrays in their own memory, which is shared with the
/// value. They do not change, and stay while the object lives.
package final class WrittenBytes: Sendable {
  private let rest: [UInt8]
  private let memory: [ArrayMemory]
  /// Which of the bytes are segments.
  package let segments: ByteSegments

  /// The bytes of all of `writer`.
  package init(_ writer: consuming ByteWriter) {
    guard writer.segments.count <= ByteSegment.most else {
      rest = writer.takeBytes()
      memory = []
      segments = ByteSegments(byteCount: rest.count)
      return
    }
    rest = writer.takeUnshared()
    memory = writer.segments.map(\.memory)
    var list: [ByteSegment] = []
    list.reserveCapacity(memory.count)
    var last = 0
    var byteCount = rest.count
    for segment in writer.segments {
      let count = segment.memory.bytes.count
      list.append(ByteSegment(skipped: segment.place - last, count: count, kind: segment.kind))
      last = segment.place
      byteCount += count
    }
    do throws(ByteError) {
      segments = try ByteSegments(list, byteCount: byteCount)
    } catch {
      fatalError("a writer has made segments that are none: \(error)")
    }
  }

  /// Bytes in one piece.
  package init(_ bytes: [UInt8]) {
    rest = bytes
    memory = []
    segments = ByteSegments(byteCount: bytes.count)
  }

  /// How many bytes it is.
  package var byteCount: Int { segments.byteCount }

  /// All bytes in one piece: a copy, unless there are no segments.
  package var bytes: [UInt8] {
    if memory.isEmpty { return rest }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(byteCount)
    for piece in pieces { bytes.append(contentsOf: piece) }
    return bytes
  }

  /// Where the bytes lie, in their order: valid while the object lives. None is empty.
  package var pieces: [UnsafeRawBufferPointer] {
    var pieces: [UnsafeRawBufferPointer] = []
    // The bytes of an array that nobody changes stay in one place on the heap.
    let rest = rest.withUnsafeBytes { $0 }
    var place = 0
    for (segment, memory) in zip(segments.list, memory) {
      if segment.skipped > 0 {
        pieces.append(UnsafeRawBufferPointer(rebasing: rest[place..<(place + segment.skipped)]))
        place += segment.skipped
      }
      pieces.append(memory.bytes)
    }
    if place < rest.count { pieces.append(UnsafeRawBufferPointer(rebasing: rest[place...])) }
    return pieces
  }
}

/// Arrays of numbers, whose memory is their bytes.
private protocol NumberArray {}

extension Array: NumberArray where Element: BulkNumber {}

/// Whether values of a type are written in no time worth mentioning by a writer that shares memory.
package func isWrittenAtOnce<Value: PortableValue>(_ type: Value.Type) -> Bool { type is any NumberArray.Type }
