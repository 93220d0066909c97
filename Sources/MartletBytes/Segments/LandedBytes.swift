import Synchronization

/// Memory for the bytes of a value that are on their way: each segment goes into the array that will be a part of the value, the
/// rest lies together. When all rooms are full, `reader` reads the value, and arrays take over their memory.
///
/// What it allocates is what it is told: who makes one has checked the length.
package final class LandedBytes: @unchecked Sendable {
  // Sendable: written by one thread, which alone knows it then; not changed when it is full.

  /// A segment, and where it comes.
  struct Part {
    /// In the bytes of the rest.
    let place: Int
    /// In the bytes of the value.
    let offset: Int
    let memory: ArrayMemory

    var count: Int { memory.bytes.count }
  }

  package let segments: ByteSegments
  let rest: [UInt8]
  let parts: [Part]
  /// The bytes in one piece, for a reader that reads otherwise than the segments say. Made once.
  private let flat = AtomicLazyReference<Flat>()

  private final class Flat {
    let bytes: [UInt8]
    init(_ bytes: [UInt8]) { self.bytes = bytes }
  }

  /// Memory for a value with these segments; that of long arrays is from `kept` where it has some.
  package init(_ segments: ByteSegments, keeping kept: KeptArrays? = nil) {
    self.segments = segments
    rest = ArrayMemoryOf<UInt8>(count: segments.restBytes, keeping: kept).array
    var place = 0
    var offset = 0
    parts = segments.list.map { segment in
      place += segment.skipped
      offset += segment.skipped
      defer { offset += segment.count }
      return Part(place: place, offset: offset, memory: .make(for: segment, keeping: kept))
    }
  }

  /// Bytes that are there, in one piece.
  package init(_ bytes: [UInt8]) {
    segments = ByteSegments(byteCount: bytes.count)
    rest = bytes
    parts = []
  }

  /// How many bytes it is.
  package var byteCount: Int { segments.byteCount }

  /// Where the bytes go, in their order: valid while the object lives. None is empty. Nobody else knows the arrays before
  /// they are full, so writing past the compiler changes nothing that anyone has read.
  package var rooms: [UnsafeMutableRawBufferPointer] {
    var rooms: [UnsafeMutableRawBufferPointer] = []
    let rest = UnsafeMutableRawBufferPointer(mutating: rest.withUnsafeBytes { $0 })
    var place = 0
    for part in parts {
      if part.place > place {
        rooms.append(UnsafeMutableRawBufferPointer(rebasing: rest[place..<part.place]))
        place = part.place
      }
      rooms.append(part.memory.room)
    }
    if place < rest.count { rooms.append(UnsafeMutableRawBufferPointer(rebasing: rest[place...])) }
    return rooms
  }

  /// Reads the value.
  package var reader: ByteReader { parts.isEmpty ? ByteReader(rest) : ByteReader(self) }

  /// All bytes in one piece: a copy, made once, unless there are no segments.
  package var bytes: [UInt8] {
    if parts.isEmpty { return rest }
    if let flat = flat.load() { return flat.bytes }
    let bytes = [UInt8](unsafeUninitializedCapacity: byteCount) { target, filled in
      let target = UnsafeMutableRawBufferPointer(target)
      for room in rooms {
        UnsafeMutableRawBufferPointer(rebasing: target[filled...]).copyMemory(from: UnsafeRawBufferPointer(room))
        filled += room.count
      }
    }
    return flat.storeIfNil(Flat(bytes)).bytes
  }
}
