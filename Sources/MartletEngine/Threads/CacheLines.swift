import Synchronization

/// Memory in which numbers that different threads write stand far apart. 128 bytes, because processors fetch lines in
/// pairs.
final class CacheLines: @unchecked Sendable {
  // Sendable: only hands out addresses.
  static let bytes = 128
  private let base: UnsafeMutableRawPointer

  init(_ count: Int) {
    base = .allocate(byteCount: count * CacheLines.bytes, alignment: CacheLines.bytes)
  }

  deinit { base.deallocate() }

  /// An atomic at the beginning of a line, or `offset` bytes behind it.
  func atomic<Value: AtomicRepresentable>(
    _ line: Int, _ initial: consuming Value, offset: Int = 0
  ) -> UnsafeMutablePointer<Atomic<Value>> {
    let pointer = (base + line * CacheLines.bytes + offset).bindMemory(to: Atomic<Value>.self, capacity: 1)
    pointer.initialize(to: Atomic(initial))
    return pointer
  }

  /// A plain number, `offset` bytes behind the beginning of a line.
  func plain(_ line: Int, _ offset: Int, _ initial: Int) -> UnsafeMutablePointer<Int> {
    let pointer = (base + line * CacheLines.bytes + offset).bindMemory(to: Int.self, capacity: 1)
    pointer.initialize(to: initial)
    return pointer
  }
}
