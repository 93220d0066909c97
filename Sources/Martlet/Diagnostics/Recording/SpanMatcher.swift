import MartletEngine
import MartletGraph

/// Joins the start of each task with its end.
///
/// Most tasks end on the thread on which they began, the last one first: those are found on the thread's short stack. What waits
/// (a task that runs a graph, one that awaits something) sinks into a table, which is bounded.
struct SpanMatcher {
  struct Start {
    var graph: UInt32
    var task: TaskID
    var thread: UInt16
    var nanoseconds: UInt64
  }

  private struct Place: Hashable {
    var graph: UInt32
    var task: TaskID
  }

  private var stacks: [[Start]] = []
  private var waiting: [Place: Start] = [:]

  private static let stackLimit = 8
  private static let waitingLimit = 1 << 20

  /// Notes a start.
  mutating func began(_ event: TaskEvent) {
    let thread = Int(event.thread)
    while stacks.count <= thread { stacks.append([]) }
    if stacks[thread].count == Self.stackLimit {
      let start = stacks[thread].removeFirst()
      if waiting.count < Self.waitingLimit { waiting[Place(graph: start.graph, task: start.task)] = start }
    }
    stacks[thread].append(
      Start(graph: event.graph, task: event.task, thread: event.thread, nanoseconds: event.nanoseconds))
  }

  /// The start of what ended; nil when it was among the events that were dropped.
  mutating func start(of event: TaskEvent) -> Start? {
    let thread = Int(event.thread)
    if thread < stacks.count, let start = take(event, from: thread) { return start }
    if let start = waiting.removeValue(forKey: Place(graph: event.graph, task: event.task)) { return start }
    for other in stacks.indices where other != thread {
      if let start = take(event, from: other) { return start }
    }
    return nil
  }

  private mutating func take(_ event: TaskEvent, from thread: Int) -> Start? {
    guard let place = stacks[thread].lastIndex(where: { $0.task == event.task && $0.graph == event.graph }) else {
      return nil
    }
    return stacks[thread].remove(at: place)
  }
}
