/// Takes memory for many short texts from an arena in few pieces.
///
/// Every text is followed by at least 16 readable bytes, as vectors promise.
struct TextWriter {
  private let arena: TextArena
  private var place: UnsafeMutablePointer<UInt8>
  private var room = 0

  init(_ arena: TextArena) {
    self.arena = arena
    place = UnsafeMutablePointer(mutating: emptyText)
  }

  /// Room for `count` bytes.
  @inline(__always)
  mutating func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if room < count {
      room = max(count, 8192)
      place = arena.allocate(room)
    }
    return place
  }

  /// Keeps the first `count` bytes that were reserved, as cell `row`.
  @inline(__always)
  mutating func keep(_ count: Int, in vector: Vector, _ row: Int) {
    vector.texts[row] = UnsafePointer(place)
    vector.lengths[row] = UInt32(truncatingIfNeeded: count)
    place += count
    room &-= count
  }
}
