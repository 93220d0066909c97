/// Takes memory for many short texts from an arena in few pieces.
///
/// Every text is followed by at least 16 readable bytes, as vectors promise.
struct TextWriter {
  private let arena: TextArena
  private var place: UnsafeMutablePointer<UInt8>
  private var room = 0
  /// Bytes kept so far.
  private var total = 0
  /// The most bytes that one function may make for one batch, so that no expression takes all memory.
  static let limit = 1 << 29

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
    total &+= count
  }

  /// Throws when `count` more bytes are too much.
  @inline(__always)
  func check(_ count: Int, of function: ScalarFunction) throws(TableError) {
    if count > Self.limit &- total { throw Self.tooLong(function) }
  }

  private static func tooLong(_ function: ScalarFunction) -> TableError {
    TableError(
      .malformedData, "\(function.rawValue) would make more than 512 MiB of text at once",
      remedy: "make shorter texts")
  }
}
