import Glibc
public import MartletGraph
import MartletSystem
import Synchronization

/// Computes graphs on the calling thread, one task after the other in the static order: for debugging, and as the model
/// that other executors are held against.
public struct SerialExecutor: Executor {
  /// An executor of the calling thread.
  public init() {}

  /// Computes `outputs`; see `Executor`. A memory budget is measured, but holds nothing back: there is no choice.
  public func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
    guard let events = options.events else { return try carryOut(graph, outputs, options) }
    return try events.observing(graph, outputs: outputs, threads: 1) { try carryOut(graph, outputs, options) }
  }

  private func carryOut(_ graph: TaskGraph, _ outputs: [AnyNode], _ options: RunOptions) throws -> RunResults {
    let needed = NeededTasks(graph, for: outputs)
    let slots = calloc(max(1, graph.count), MemoryLayout<Slot>.stride).assumingMemoryBound(to: Slot.self)
    defer {
      for task in 0..<graph.count { slots[task].clear() }
      free(slots)
    }
    let uses = UnsafeMutablePointer<Atomic<Int32>>.allocate(capacity: max(1, graph.count))
    defer { uses.deallocate() }
    for task in 0..<graph.count {
      let count = graph.dependents(of: TaskID(rawValue: UInt32(task))).count { needed.isNeeded[$0.index] }
      (uses + task).initialize(to: Atomic(Int32(count)))
    }
    for output in outputs { uses[output.id.index].wrappingAdd(1, ordering: .relaxed) }

    let never = CancellationSource()
    let source = options.cancellation ?? never
    let ledger = options.memoryBudgetBytes.map { MemoryLedger(budget: $0, tasks: graph.count) }
    let ring = options.events?.claim()
    defer { if let ring { options.events?.release(ring) } }
    var context = TaskContextState(
      stop: UnsafePointer(never.flag), cancelled: UnsafePointer(source.flag), threadIndex: 0)
    try withExtendedLifetime((never, source)) {
      for rank in 0..<graph.count where needed.isNeeded[Int(graph.order[rank])] {
        let task = Int(graph.order[rank])
        if source.isCancelled { throw CancellationError() }
        context.bytesIn = 0
        context.bytesOut = 0
        let inputs = Int(graph.dependencyStarts[task])..<Int(graph.dependencyStarts[task + 1])
        ring?.append(event(graph, task, .taskStarted, context, 0, ring))
        do {
          try withUnsafeMutablePointer(to: &context) { context in
            try graph.cells[task].run(
              TaskInputs(
                slots: slots, ids: graph.dependencies + inputs.lowerBound, count: inputs.count, uses: uses),
              TaskContext(context), slots + task)
          }
        } catch {
          ring?.append(event(graph, task, .taskFailed, context, 0, ring))
          if error is CancellationError, source.isCancelled { throw error }
          throw TaskFailure(
            graph, task, error, isOutput: { task in outputs.contains { $0.id.index == task } },
            isNeeded: { needed.isNeeded[$0] })
        }
        let bytes = ledger != nil || ring != nil ? slots[task].residentBytes : 0
        ring?.append(event(graph, task, .taskEnded, context, bytes, ring))
        ledger?.add(task, bytes: bytes)
        for place in inputs {
          let input = Int(graph.dependencies[place])
          guard uses[input].wrappingSubtract(1, ordering: .relaxed).newValue == 0 else { continue }
          slots[input].clear()
          ledger?.drop(input)
        }
      }
    }
    return RunResults(graph, outputs, from: slots, peakResultBytes: ledger?.peakBytes)
  }

  private func event(
    _ graph: TaskGraph, _ task: Int, _ kind: TaskEvent.Kind, _ context: TaskContextState, _ bytes: Int,
    _ ring: EventRing?
  ) -> TaskEvent {
    TaskEvent(
      nanoseconds: martlet_monotonic_nanoseconds(), bytesIn: context.bytesIn, bytesOut: context.bytesOut,
      resultBytes: bytes, task: TaskID(rawValue: UInt32(task)), label: graph.labelNumbers[task], graph: graph.stamp,
      thread: ring?.thread ?? 0, kind: kind)
  }
}
