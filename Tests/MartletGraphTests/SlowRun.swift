import Synchronization

@testable import MartletGraph

/// Runs all tasks of a graph one after the other on one thread, in order of their numbers, and keeps every result: what an
/// executor does, without anything that makes it fast.
final class SlowRun {
  private let graph: TaskGraph
  private let slots: UnsafeMutablePointer<Slot>

  init(_ graph: TaskGraph) async throws {
    self.graph = graph
    slots = .allocate(capacity: graph.count + 1)
    slots.initialize(repeating: Slot(), count: graph.count + 1)
    for task in 0..<graph.count {
      if let work = try run(task) { slots[task] = try await work.run() }
    }
  }

  deinit {
    for task in 0..<graph.count { slots[task].clear() }
    slots.deallocate()
  }

  /// What is left of an asynchronous task.
  private func run(_ task: Int) throws -> AsyncWork? {
    let flags = UnsafeMutablePointer<Atomic<Bool>>.allocate(capacity: 1)
    flags.initialize(to: Atomic(false))
    defer { flags.deallocate() }
    var state = TaskContextState(stop: flags, cancelled: flags, threadIndex: 0)
    do {
      try withUnsafeMutablePointer(to: &state) { state in
        try graph.cells[task].run(
          TaskInputs(
            slots: slots, ids: graph.dependencies + Int(graph.dependencyStarts[task]),
            count: Int(graph.dependencyStarts[task + 1] - graph.dependencyStarts[task]), uses: nil),
          TaskContext(state), slots + task)
      }
    } catch is TaskSuspended {
      return state.work
    }
    return nil
  }

  func value<Value: Sendable>(_ node: AnyNode, as type: Value.Type = Value.self) -> Value? {
    slots[node.id.index].value(as: type)
  }
}
