package import MartletBytes
import MartletSystem

/// What a task does, as one call: reads its inputs, and fills the empty slot. Where it throws, the slot stays empty.
@usableFromInline
package typealias TaskBody =
  @Sendable (borrowing TaskInputs, borrowing TaskContext, UnsafeMutablePointer<Slot>) throws -> Void

/// A body in memory. The struct matters: a pointer to closures themselves would hold each one converted to the most
/// general calling convention, which takes an allocation and a further call a task. Noncopyable, so that a call through a
/// pointer borrows the closure instead of retaining it.
@usableFromInline
package struct TaskCell: ~Copyable, Sendable {
  @usableFromInline let body: TaskBody

  @inlinable package init(body: @escaping TaskBody) { self.body = body }

  /// Runs the body. Not inlined: where it is, the compiler retains the closure for the call.
  @inline(never)
  package borrowing func run(
    _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext, _ slot: UnsafeMutablePointer<Slot>
  ) throws {
    try body(inputs, context, slot)
  }
}

/// The tasks of a graph as flat columns that grow together; nothing is an object of its own but what closures capture.
///
/// Some 41 bytes a task and 4 a dependency. Their memory
/// is kept for the next graph where it is neither small nor huge: `MartletBlocks.h`.
@usableFromInline
package struct TaskColumns: ~Copyable, @unchecked Sendable {
  // Sendable: owned by one builder, then constant in one graph.

  /// The number of tasks.
  @usableFromInline package private(set) var count = 0
  private var capacity = 0
  package private(set) var digests: UnsafeMutablePointer<Digest128>
  package private(set) var labels: UnsafeMutablePointer<UInt32>
  package private(set) var kinds: UnsafeMutablePointer<TaskKind>
  package private(set) var cells: UnsafeMutablePointer<TaskCell>
  /// The dependencies of task `t` stand at `ends[t] ..< ends[t + 1]`; `ends[0]` is 0.
  package private(set) var ends: UnsafeMutablePointer<UInt32>
  package private(set) var dependencies: UnsafeMutablePointer<UInt32>
  package private(set) var dependencyCount = 0
  private var dependencyCapacity = 0

  init() {
    digests = allocated(1)
    labels = allocated(1)
    kinds = allocated(1)
    cells = allocated(1)
    ends = allocated(2)
    dependencies = allocated(1)
    capacity = 1
    dependencyCapacity = 1
    ends[0] = 0
  }

  deinit {
    cells.deinitialize(count: count)
    release(digests)
    release(labels)
    release(kinds)
    release(cells)
    release(ends)
    release(dependencies)
  }

  /// Makes room for so many more, so that nothing moves until they are there.
  mutating func reserve(tasks: Int, dependencies edges: Int) {
    if count + tasks > capacity { grow(to: count + tasks) }
    if dependencyCount + edges > dependencyCapacity { growDependencies(to: dependencyCount + edges) }
  }

  /// Adds a dependency to the task that will be appended next.
  @inline(__always)
  mutating func depend(on task: UInt32) {
    if dependencyCount == dependencyCapacity { growDependencies(to: 2 * dependencyCapacity) }
    dependencies[dependencyCount] = task
    dependencyCount &+= 1
  }

  /// Adds `count` of them.
  @inline(__always)
  mutating func depend(on tasks: UnsafePointer<UInt32>, _ count: Int) {
    let needed = dependencyCount &+ count
    if needed > dependencyCapacity { growDependencies(to: max(2 * dependencyCapacity, needed)) }
    for place in 0..<count { dependencies[dependencyCount &+ place] = tasks[place] }
    dependencyCount = needed
  }

  /// The dependencies added for the task that will be appended next.
  var waitingDependencyCount: Int { dependencyCount - Int(ends[count]) }

  /// Takes the dependencies back that were added for a task that will not be appended.
  mutating func withdrawDependencies() { dependencyCount = Int(ends[count]) }

  /// Adds a task with the dependencies added since the last one.
  @inline(__always)
  mutating func append(digest: Digest128, label: UInt32, kind: TaskKind, cell: consuming TaskCell) -> TaskID {
    if count == capacity { grow(to: max(64, 2 * capacity)) }
    let task = count
    digests[task] = digest
    labels[task] = label
    kinds[task] = kind
    (cells + task).initialize(to: cell)
    ends[task &+ 1] = UInt32(truncatingIfNeeded: dependencyCount)
    count = task &+ 1
    return TaskID(rawValue: UInt32(truncatingIfNeeded: task))
  }

  private mutating func grow(to wanted: Int) {
    guard wanted < Int(Int32.max) else { invariantFailure("a graph of more than 2^31 tasks") }
    capacity = wanted
    digests = moved(digests, wanted)
    labels = moved(labels, wanted)
    kinds = moved(kinds, wanted)
    cells = moved(cells, wanted)
    ends = moved(ends, wanted + 1)
  }

  private mutating func growDependencies(to wanted: Int) {
    guard wanted < Int(UInt32.max) else { invariantFailure("a graph of more than 2^32 dependencies") }
    dependencyCapacity = max(64, wanted)
    dependencies = moved(dependencies, dependencyCapacity)
  }
}

/// Memory for `count` elements that holds nothing yet.
func allocated<Element: ~Copyable>(_ count: Int) -> UnsafeMutablePointer<Element> {
  guard let memory = martlet_take_block(count * MemoryLayout<Element>.stride) else {
    invariantFailure("no memory for \(count) × \(MemoryLayout<Element>.stride) bytes")
  }
  return memory.assumingMemoryBound(to: Element.self)
}

/// Gives memory of `allocated` back, whose elements are gone or trivial.
func release<Element: ~Copyable>(_ memory: UnsafeMutablePointer<Element>) { martlet_give_block(memory) }

/// The same elements in more memory. All elements here may be moved as bytes: numbers, and closures (two words).
func moved<Element: ~Copyable>(_ old: UnsafeMutablePointer<Element>, _ count: Int) -> UnsafeMutablePointer<Element> {
  guard let memory = martlet_grow_block(old, count * MemoryLayout<Element>.stride) else {
    invariantFailure("no memory for \(count) × \(MemoryLayout<Element>.stride) bytes")
  }
  return memory.assumingMemoryBound(to: Element.self)
}
