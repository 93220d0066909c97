/// Input that its owner could not use yet, kept until more comes. Empty, it holds `keptBytes` at most.
struct PartialInput: ~Copyable {
  /// So that the cut last message of each read costs no allocation.
  static let keptBytes = 8 << 10

  private var base: UnsafeMutableRawPointer?
  private var capacity = 0
  private(set) var count = 0

  deinit { base?.deallocate() }

  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// Room behind what is there, at least `minimum` bytes.
  mutating func room(_ minimum: Int) -> UnsafeMutableRawBufferPointer {
    if capacity - count < minimum {
      let larger = max(count + minimum, 2 * capacity)
      let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
      if let base {
        moved.copyMemory(from: base, byteCount: count)
        base.deallocate()
      }
      base = moved
      capacity = larger
    }
    return UnsafeMutableRawBufferPointer(start: base.unsafelyUnwrapped + count, count: capacity - count)
  }

  /// `added` bytes were written into the room.
  mutating func grew(by added: Int) { count += added }

  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if bytes.isEmpty { return }
    room(bytes.count).copyMemory(from: bytes)
    count += bytes.count
  }

  mutating func dropFirst(_ used: Int) {
    if used == 0 { return }
    count -= used
    guard let base else { return }
    if count == 0 {
      if capacity <= PartialInput.keptBytes { return }
      base.deallocate()
      self.base = nil
      capacity = 0
    } else {
      // Regions may overlap, which this function allows.
      base.copyMemory(from: base + used, byteCount: count)
    }
  }

  mutating func removeAll() { dropFirst(count) }
}
