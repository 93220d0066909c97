import MartletBytes
import Synchronization

/// Builds a `TaskGraph` task by task.
///
/// Inputs are named by the nodes that the builder gave for earlier tasks, so a cycle cannot be written down. Nothing runs
/// until an executor is given the graph.
///
/// ```swift
/// var builder = GraphBuilder()
/// let two = builder.literal(2, label: "two")
/// let four = builder.task("double", two) { $0 * 2 }
/// let graph = builder.build()
/// try SerialExecutor().run(graph, output: four)  // 4
/// ```
///
/// Some 50 to 100 ns a task; a closure that captures nothing costs no allocation.
public struct GraphBuilder: ~Copyable {
  var columns = TaskColumns()
  var labels = LabelTable()
  var keys = KeyTable()
  var contents: [(task: UInt32, content: TaskContent)] = []
  var traits: [(task: UInt32, traits: TaskTraits)] = []
  /// What the task that is added next waits for.
  var signals: [UInt32] = []
  var signalsByTask: [UInt32: UInt32] = [:]
  /// Whether tasks were added in depth-first order from one that needs all of them, so that it need not be looked for.
  package var isNumberedDepthFirst = false
  @usableFromInline let stamp: UInt32

  /// A builder without tasks.
  public init() {
    // Relaxed: only has to be another number each time. It tells the nodes of one graph from those of another.
    stamp = nextStamp.wrappingAdd(1, ordering: .relaxed).newValue
  }

  /// A builder with all tasks of a draft, which is not used any more.
  init(takingFrom draft: TaskGraph) {
    self.init()
    columns = draft.takeColumns()
    labels = draft.labels
    contents = draft.contents
    traits = draft.traitList
  }

  /// Makes room for tasks and dependencies to come; worth it when one knows that they are many.
  public mutating func reserve(tasks: Int, dependencies: Int) {
    columns.reserve(tasks: tasks, dependencies: dependencies)
  }

  /// The number of tasks so far.
  public var count: Int { columns.count }

  /// The graph of all tasks.
  public consuming func build(order: GraphOrder = .depthFirst) -> TaskGraph {
    TaskGraph(
      columns: columns, labels: labels, contents: contents, traits: traits, stamp: stamp, ordering: order,
      isNumberedDepthFirst: isNumberedDepthFirst)
  }

  /// Stops the program when `node` was given by another builder.
  @inlinable
  func check(_ node: AnyNode) -> UInt32 {
    if node.stamp != stamp { foreignNode(node) }
    return node.id.rawValue
  }

  @usableFromInline
  func foreignNode(_ node: AnyNode) -> Never {
    invariantFailure("task \(node.id) of another graph was named as an input: use nodes that this builder gave")
  }

  /// Adds a dependency to the task that is added next.
  @usableFromInline
  mutating func depend(on task: UInt32) { columns.depend(on: task) }

  /// Adds a task without content of its own, on the dependencies named before.
  @inlinable
  @inline(__always)
  mutating func append(
    _ label: String, _ kind: TaskKind, _ traits: TaskTraits, _ body: @escaping TaskBody
  ) -> TaskID {
    add(label, kind, traits, TaskCell(body: body))
  }

  @usableFromInline
  mutating func add(
    _ label: String, _ kind: TaskKind, _ traits: TaskTraits, _ cell: consuming TaskCell
  ) -> TaskID {
    let cell = signals.isEmpty ? cell : waitingCell(cell)
    let number = labels.intern(label)
    let digest = labels.nextMember(of: number)
    let task = columns.append(digest: digest, label: number, kind: kind, cell: cell)
    if traits != .none { self.traits.append((task.rawValue, traits)) }
    return task
  }

  /// The same with up to three dependencies, in one call.
  @inlinable
  @inline(__always)
  mutating func append(
    _ label: String, _ traits: TaskTraits, _ count: Int, _ a: UInt32, _ b: UInt32, _ c: UInt32,
    _ body: @escaping TaskBody
  ) -> TaskID {
    add(label, traits, count, a, b, c, TaskCell(body: body))
  }

  @usableFromInline
  mutating func add(
    _ label: String, _ traits: TaskTraits, _ count: Int, _ a: UInt32, _ b: UInt32, _ c: UInt32,
    _ cell: consuming TaskCell
  ) -> TaskID {
    if count > 0 { columns.depend(on: a) }
    if count > 1 { columns.depend(on: b) }
    if count > 2 { columns.depend(on: c) }
    return add(label, .closure, traits, cell)
  }

  /// Adds a task with a content, on the dependencies named before, unless there is one with this digest already.
  mutating func append(
    _ label: String, _ kind: TaskKind, _ traits: TaskTraits, at place: CompactLocation = CompactLocation(),
    digest: Digest128, content: TaskContent, _ body: () -> TaskBody
  ) -> TaskID {
    if let task = keys.task(with: digest, in: columns.digests) {
      columns.withdrawDependencies()
      signals = []
      return TaskID(rawValue: task)
    }
    let cell = signals.isEmpty ? TaskCell(body: body()) : waitingCell(TaskCell(body: body()))
    let task = columns.append(digest: digest, label: labels.intern(label, at: place), kind: kind, cell: cell)
    keys.insert(task.rawValue, in: columns.digests)
    contents.append((task.rawValue, content))
    if traits != .none { self.traits.append((task.rawValue, traits)) }
    return task
  }
}

/// In which order the tasks of a graph are to run where there is a choice.
public enum GraphOrder: Sendable, Hashable {
  /// As late as possible before their first use. Some 10 ns a task.
  case depthFirst
  /// So that few results are alive at one time. About 1 µs a task at most, never worse than depth-first.
  case leastMemory
}

/// What a task is made of when it is data, and could be sent to another process.
package enum TaskContent: Sendable {
  /// A constant.
  case literal(any Sendable)
  /// A call of a registered function: the function with its arguments.
  case call(any TaskFunction)
  /// Several tasks that run as one. The only content that may hold closures: ask `isData`.
  case fused(FusedTask)
}

private let nextStamp = Atomic<UInt32>(0)
