import Glibc
import MartletBytes

/// Flat records by dense numbers.
///
/// Grows with `realloc`: a large table's pages are moved, not copied, so it can grow by little at a time, without pauses
/// and holes. An index outside of the table stops the program.
struct Table<Element: BitwiseCopyable>: ~Copyable, @unchecked Sendable {
  // Sendable: it owns its memory, and there is no second owner.
  private var base: UnsafeMutablePointer<Element>
  private(set) var count = 0
  private var capacity: Int

  init() {
    capacity = 8
    base = Table.resized(nil, to: capacity)
  }

  deinit { free(base) }

  subscript(index: Int) -> Element {
    @inline(__always) get {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      return base[index]
    }
    @inline(__always) nonmutating _modify {
      precondition(UInt(bitPattern: index) < UInt(bitPattern: count))
      yield &base[index]
    }
  }

  var indices: Range<Int> { 0..<count }

  /// Asks for the memory of a record that is looked at soon; an index outside of the table does no harm.
  @inline(__always)
  func foresee(_ index: Int) {
    let start = UnsafeRawPointer(base) + index &* MemoryLayout<Element>.stride
    prefetch(start)
    // A record that crosses a border of two lines, or is longer than one.
    if MemoryLayout<Element>.stride > 1 { prefetch(start + (MemoryLayout<Element>.stride - 1)) }
  }

  @inline(__always)
  mutating func append(_ element: Element) {
    if count == capacity { grow() }
    (base + count).initialize(to: element)
    count += 1
  }

  /// Makes room for many records that come at once: for so many, and not for more. For few there will be room anyway.
  mutating func reserve(_ more: Int) {
    guard count + more > capacity, more > capacity / 16 else { return }
    capacity = count + more
    base = Table.resized(base, to: capacity)
  }

  private mutating func grow() {
    let isLarge = capacity * MemoryLayout<Element>.stride >= 1 << 17
    capacity += capacity / (isLarge ? 16 : 2)
    base = Table.resized(base, to: capacity)
  }

  private static func resized(_ old: UnsafeMutablePointer<Element>?, to count: Int) -> UnsafeMutablePointer<Element> {
    // What `malloc` gives is aligned for everything that a record may hold.
    guard let memory = realloc(old, count * MemoryLayout<Element>.stride) else {
      fatalError("no memory for a table of \(count) records of \(MemoryLayout<Element>.stride) bytes")
    }
    return memory.bindMemory(to: Element.self, capacity: count)
  }
}
