import MartletSystem

/// A stack whose memory is read without any check: an array's would be a fifth of the time of a walk.
struct LoweringStack<Element: BitwiseCopyable>: ~Copyable {
  private(set) var memory: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity = 64

  init() { memory = LoweringStack.grown(nil, 64) }

  deinit { martlet_give_block(memory) }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { grow(to: 2 * capacity) }
    memory[count] = element
    count &+= 1
  }

  /// Makes room for so many more.
  @inline(__always)
  mutating func reserve(_ more: Int) {
    if count &+ more > capacity { grow(to: max(2 * capacity, count + more)) }
  }

  @inline(__always)
  mutating func removeLast(_ removed: Int) { count &-= removed }

  @inline(never)
  private mutating func grow(to wanted: Int) {
    capacity = wanted
    memory = LoweringStack.grown(memory, capacity)
  }

  private static func grown(_ old: UnsafeMutablePointer<Element>?, _ count: Int) -> UnsafeMutablePointer<Element> {
    guard let memory = martlet_grow_block(old, count * MemoryLayout<Element>.stride) else {
      fatalError("no memory for \(count * MemoryLayout<Element>.stride) bytes")
    }
    return memory.assumingMemoryBound(to: Element.self)
  }
}
