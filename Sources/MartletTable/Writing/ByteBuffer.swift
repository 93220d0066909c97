#if canImport(Glibc)
  import Glibc
#endif

/// Bytes that grow at their end: what writers fill.
///
/// Not thread safe. The pointer to the bytes is valid until the next `append` or `reserve`.
package final class ByteBuffer {
  private let state: UnsafeMutablePointer<State>

  /// Behind a pointer, because a class property written for every cell would pay an exclusivity check.
  private struct State {
    var base: UnsafeMutablePointer<UInt8>
    var count: Int
    var capacity: Int
  }

  package init(capacity: Int = 256) {
    state = .allocate(capacity: 1)
    let room = max(capacity, 64)
    state.initialize(to: State(base: .allocate(capacity: room), count: 0, capacity: room))
  }

  deinit {
    state.pointee.base.deallocate()
    state.deallocate()
  }

  package var count: Int { state.pointee.count }

  package var isEmpty: Bool { state.pointee.count == 0 }

  /// The bytes so far.
  package var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: state.pointee.base, count: state.pointee.count)
  }

  package var array: [UInt8] { Array(bytes) }

  /// The bytes as text, repaired where they are no UTF-8.
  package var string: String { String(decoding: bytes, as: UTF8.self) }

  /// Forgets the bytes and keeps the room.
  package func removeAll() { state.pointee.count = 0 }

  /// Shortens to the first `count` bytes.
  package func truncate(to count: Int) { state.pointee.count = min(count, state.pointee.count) }

  /// Where the next bytes go: room for at least `count`; call `advance` after writing.
  @inline(__always)
  package func reserve(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    if state.pointee.capacity &- state.pointee.count < count { grow(count) }
    return state.pointee.base + state.pointee.count
  }

  /// Counts `count` bytes written after `reserve` as appended.
  @inline(__always)
  package func advance(_ count: Int) { state.pointee.count &+= count }

  /// Where the room ends that `reserve` found: for loops that keep their place in a register.
  @inline(__always)
  package var end: UnsafeMutablePointer<UInt8> { state.pointee.base + state.pointee.capacity }

  /// Counts everything before `place`, which was written after `reserve`, as appended.
  @inline(__always)
  package func commit(_ place: UnsafeMutablePointer<UInt8>) { state.pointee.count = place - state.pointee.base }

  @inline(never)
  private func grow(_ count: Int) {
    let room = max(state.pointee.capacity * 2, state.pointee.count + count)
    let base = UnsafeMutablePointer<UInt8>.allocate(capacity: room)
    base.update(from: state.pointee.base, count: state.pointee.count)
    state.pointee.base.deallocate()
    state.pointee.base = base
    state.pointee.capacity = room
  }

  @inline(__always)
  package func append(_ byte: UInt8) {
    reserve(1).pointee = byte
    advance(1)
  }

  @inline(__always)
  package func append(_ start: UnsafePointer<UInt8>, count: Int) {
    let place = reserve(count)
    memcpy(place, start, count)
    advance(count)
  }

  /// Appends a text of which at least 16 bytes from its start may be read.
  @inline(__always)
  package func append(padded start: UnsafePointer<UInt8>, count: Int) {
    let place = reserve(count &+ 16)
    if count <= 16 {
      let words = UnsafeRawPointer(start).loadUnaligned(as: SIMD2<UInt64>.self)
      UnsafeMutableRawPointer(place).storeBytes(of: words, as: SIMD2<UInt64>.self)
    } else {
      memcpy(place, start, count)
    }
    advance(count)
  }

  package func append(_ bytes: UnsafeBufferPointer<UInt8>) {
    if let start = bytes.baseAddress { append(start, count: bytes.count) }
  }

  package func append(_ bytes: [UInt8]) { bytes.withUnsafeBufferPointer { append($0) } }

  /// Appends a literal without making a `String`.
  @inline(__always)
  package func append(word: StaticString) { append(word.utf8Start, count: word.utf8CodeUnitCount) }

  package func append(_ text: String) {
    var text = text
    text.withUTF8 { append($0) }
  }

  package func append(_ other: ByteBuffer) { append(other.bytes) }
}
