/// A list of elements that may be moved as bytes: numbers, and closures. Its memory can be read without any check, which is
/// what distinguishes it from an array.
struct FlatList<Element: ~Copyable>: ~Copyable {
  private(set) var memory: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity = 1

  init() { memory = allocated(1) }

  deinit {
    memory.deinitialize(count: count)
    release(memory)
  }

  @inline(__always)
  mutating func append(_ element: consuming Element) {
    if count == capacity { grow(to: 2 * capacity) }
    (memory + count).initialize(to: element)
    count &+= 1
  }

  /// Takes the last element out.
  mutating func popLast() -> Element? {
    guard count > 0 else { return nil }
    count -= 1
    return (memory + count).move()
  }

  mutating func reserve(_ wanted: Int) {
    if wanted > capacity { grow(to: wanted) }
  }

  private mutating func grow(to wanted: Int) {
    capacity = max(16, wanted)
    memory = moved(memory, capacity)
  }
}

extension FlatList where Element: BitwiseCopyable {
  /// Forgets all elements and keeps the memory.
  mutating func removeAll() { count = 0 }

  subscript(index: Int) -> Element {
    @inline(__always) get { memory[index] }
    @inline(__always) nonmutating set { memory[index] = newValue }
  }
}
