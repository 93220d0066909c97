import Glibc
public import MartletGraph
import MartletSystem
import Synchronization

/// Computes graphs on the calling thread, one task after the other in the static order: for debugging, and as the model
/// that other executors are held against.
///
/// Asynchronous tasks and waits before the next attempt block the thread; blocking tasks run on it; priorities change nothing.
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
    let control =
      graph.tasksWithTraits.isEmpty
      ? nil : TaskControl(graph, options, isSerial: true, isNeeded: { needed.isNeeded[$0] })
    let failure = { (task: Int, error: any Error, attempts: Int) in
      TaskFailure(
        graph, task, error, attempts: attempts, isOutput: { task in outputs.contains { $0.id.index == task } },
        isNeeded: { needed.isNeeded[$0] })
    }
    if let shortage = control?.shortage { throw failure(shortage.task, shortage.error, 0) }
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

    let run = SerialRun(options)
    let ledger = options.memoryBudgetBytes.map { MemoryLedger(budget: $0, tasks: graph.count) }
    let ring = options.events?.claim()
    defer { if let ring { options.events?.release(ring) } }
    try run.obeying {
      let cancelled = options.cancellation ?? run.scope
      var context = TaskContextState(
        stop: UnsafePointer(run.scope.flag), cancelled: UnsafePointer(cancelled.flag), threadIndex: 0)
      for rank in 0..<graph.count where needed.isNeeded[Int(graph.order[rank])] {
        let task = Int(graph.order[rank])
        let inputs = Int(graph.dependencyStarts[task])..<Int(graph.dependencyStarts[task + 1])
        let entry = control?.entry(task)
        var attempts = 0
        while true {
          if run.isCancelled { throw CancellationError() }
          attempts += 1
          context.bytesIn = 0
          context.bytesOut = 0
          ring?.append(event(graph, task, .taskStarted, context, 0, ring))
          do {
            try attempt(
              graph, task, limit: entry?.pointee.timeout, run, &context, slots,
              TaskInputs(slots: slots, ids: graph.dependencies + inputs.lowerBound, count: inputs.count, uses: uses))
            break
          } catch {
            // One that came too late may have filled it.
            slots[task].clear()
            let retry = run.isCancelled ? nil : entry?.pointee.retry
            guard let retry, attempts <= retry.limit else {
              ring?.append(event(graph, task, .taskFailed, context, 0, ring))
              if run.isCancelled { throw CancellationError() }
              throw failure(task, error, attempts)
            }
            ring?.append(event(graph, task, .taskRetried, context, 0, ring))
            run.sleep(retry.delay(before: attempts).clampedNanoseconds)
          }
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

  /// Runs a task once, and waits for it where it is asynchronous.
  private func attempt(
    _ graph: TaskGraph, _ task: Int, limit: Duration?, _ run: SerialRun, _ context: inout TaskContextState,
    _ slots: UnsafeMutablePointer<Slot>, _ inputs: borrowing TaskInputs
  ) throws {
    let timed = limit.map { TimedAttempt($0, within: run.scope) }
    context.expired = UnsafePointer((timed?.source ?? run.scope).flag)
    let before = CurrentSource.enter(timed?.source ?? run.scope)
    var thrown: (any Error)?
    do {
      try withUnsafeMutablePointer(to: &context) { try graph.cells[task].run(inputs, TaskContext($0), slots + task) }
    } catch {
      thrown = error
    }
    CurrentSource.leave(before)
    context.expired = UnsafePointer(run.scope.flag)
    let isLate = timed?.finish() ?? false
    let work = context.work
    context.work = nil
    if let limit, isLate {
      throw TaskTimeout(limit: limit)
    } else if thrown is TaskSuspended, let work {
      slots[task] = try run.result(of: task, work, limit: limit)
    } else if let thrown {
      throw thrown
    }
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
