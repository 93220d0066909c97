import Glibc
import MartletGraph
import MartletSystem
import Synchronization

/// One run of a graph on a thread pool: what its threads share. Lives until the last of them has left it.
final class RunState: @unchecked Sendable {
  // Sendable: see `README.md`: each word is atomic, or belongs to one task at a time.

  let graph: TaskGraph
  let lanes: Int
  let deques: UnsafeMutablePointer<WorkDeque>
  /// Results by task.
  let slots: UnsafeMutablePointer<Slot>
  /// How many dependencies of a task are not there yet.
  let pending: UnsafeMutablePointer<Atomic<Int32>>
  /// How many tasks have not used a result yet; outputs have one use more.
  let uses: UnsafeMutablePointer<Atomic<Int32>>
  /// The tasks to start with, in the static order.
  let roots: UnsafeMutablePointer<UInt32>
  let rootCount: Int
  private let ownsRoots: Bool
  /// Ready tasks that come to the desk first.
  private let heldRoots: [UInt32]
  let rootCursor: UnsafeMutablePointer<Atomic<Int>>
  /// How many tasks have not ended, as far as the threads have told.
  let remaining: UnsafeMutablePointer<Atomic<Int>>
  /// Cancelled when the run ends early; what its tasks start is to end with it.
  let scope = CancellationSource()
  /// The flag of `scope`.
  let stop: UnsafeMutablePointer<Atomic<Bool>>
  /// The flag of the options' source, or else `stop` once more.
  let cancelled: UnsafeMutablePointer<Atomic<Bool>>
  /// How many workers (the caller not counted), threads for blocking tasks and Swift tasks are in this run.
  let inside: UnsafeMutablePointer<Atomic<Int>>
  /// 1 while the caller sleeps or is about to.
  let callerSleeps: UnsafeMutablePointer<Atomic<UInt32>>
  let ledger: MemoryLedger?
  let gate: SourceGate?
  let control: TaskControl?
  let desk: Desk
  /// How many tasks a lane would find at the desk.
  let deskTasks: UnsafeMutablePointer<Atomic<Int>>
  /// Whether one thread runs all tasks in the static order, until one is asynchronous.
  let isInOrder: Bool
  let options: RunOptions
  let needed: NeededTasks?
  let crew: Crew
  private let lines: CacheLines
  /// The numbers of the outputs, ascending.
  private let outputs: [UInt32]
  /// The source of the task that this run is part of.
  private let outer: CancellationSource?
  private let failing = Lock()
  private var failure: (task: Int, error: any Error, attempts: Int)?

  /// A slot and two counts.
  private static let bytesPerTask = MemoryLayout<Slot>.stride + 8

  init(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions, crew: Crew, dequeCapacity: Int) {
    let count = graph.count
    self.graph = graph
    self.crew = crew
    let lanes = crew.width
    self.lanes = lanes
    self.options = options
    for output in outputs { graph.check(output) }
    let sorted = outputs.map(\.id.rawValue).sorted()
    self.outputs = sorted

    // Where every task without dependents is an output, all are needed, and need not be walked through.
    var sinks = 0
    for place in sorted.indices where place == 0 || sorted[place] != sorted[place - 1] {
      let task = Int(sorted[place])
      if graph.dependentStarts[task] == graph.dependentStarts[task + 1] { sinks += 1 }
    }
    let needed = sinks == graph.sinkCount ? nil : NeededTasks(graph, for: outputs)
    self.needed = needed

    lines = CacheLines(5 + lanes)
    rootCursor = lines.atomic(0, 0)
    remaining = lines.atomic(1, needed?.count ?? count)
    deskTasks = lines.atomic(2, 0)
    stop = scope.flag
    outer = CurrentSource.value
    inside = lines.atomic(3, 0)
    callerSleeps = lines.atomic(4, 0)
    cancelled = options.cancellation?.flag ?? stop
    deques = .allocate(capacity: lanes)
    for lane in 0..<lanes { deques[lane] = WorkDeque(lines, line: 5 + lane, capacity: dequeCapacity) }

    slots = crew.takeMemory(bytes: count * RunState.bytesPerTask).bindMemory(to: Slot.self, capacity: count)
    slots.initialize(repeating: Slot(), count: count)
    let isNeeded = { (task: Int) in needed?.isNeeded[task] ?? true }
    ledger = options.memoryBudgetBytes.map { MemoryLedger(budget: $0, tasks: count) }
    gate = ledger.flatMap { SourceGate(graph, $0, isNeeded: isNeeded) }
    control = graph.tasksWithTraits.isEmpty ? nil : TaskControl(graph, options, isSerial: false, isNeeded: isNeeded)
    let (hasPriorities, hasHeldTasks) = (control?.hasPriorities ?? false, control?.hasHeldTasks ?? false)
    isInOrder = (lanes == 1 || count == 1) && gate == nil && !hasPriorities && !hasHeldTasks
    desk = Desk(
      graph, control, gate, isOrdered: lanes == 1 || hasPriorities, options: options, visible: deskTasks, inside: inside
    )

    let counts = UnsafeMutableRawPointer(slots + count).bindMemory(to: Int32.self, capacity: 2 * count)
    pending = UnsafeMutableRawPointer(counts).assumingMemoryBound(to: Atomic<Int32>.self)
    uses = UnsafeMutableRawPointer(counts + count).assumingMemoryBound(to: Atomic<Int32>.self)
    RunState.count(graph, needed, pending: counts, uses: counts + count)
    for output in outputs { counts[count + output.id.index] &+= 1 }

    if isInOrder {
      (roots, rootCount, ownsRoots, heldRoots) = (graph.roots, 0, false, [])
    } else if needed == nil, gate == nil, control == nil {
      (roots, rootCount, ownsRoots, heldRoots) = (graph.roots, graph.rootCount, false, [])
    } else {
      roots = .allocate(capacity: max(1, graph.rootCount))
      ownsRoots = true
      var written = 0
      var held: [UInt32] = []
      for place in 0..<graph.rootCount where isNeeded(Int(graph.roots[place])) {
        let task = graph.roots[place]
        if let gate, gate.holds(task) {
          gate.offer(task)
        } else if desk.isFor(Int(task)) {
          held.append(task)
        } else {
          roots[written] = task
          written += 1
        }
      }
      rootCount = written
      heldRoots = held
    }
  }

  deinit {
    // Acquires what all threads did here; pairs with `leave` and `callerLeaves`. Counting references has done so already, but
    // the thread sanitizer does not see that, and the memory goes to the next run.
    _ = inside.pointee.load(ordering: .acquiring)
    crew.giveMemory(slots, bytes: graph.count * RunState.bytesPerTask)
    if ownsRoots { roots.deallocate() }
    for lane in 0..<lanes { deques[lane].deallocate() }
    deques.deallocate()
  }

  /// Fills both counts. A task that nobody needs gets a pending count that is never used up.
  private static func count(
    _ graph: TaskGraph, _ needed: NeededTasks?, pending: UnsafeMutablePointer<Int32>, uses: UnsafeMutablePointer<Int32>
  ) {
    let (starts, dependentStarts) = (graph.dependencyStarts, graph.dependentStarts)
    guard let needed else {
      for task in 0..<graph.count {
        pending[task] = Int32(truncatingIfNeeded: starts[task &+ 1] &- starts[task])
        uses[task] = Int32(truncatingIfNeeded: dependentStarts[task &+ 1] &- dependentStarts[task])
      }
      return
    }
    uses.initialize(repeating: 0, count: graph.count)
    for task in 0..<graph.count {
      guard needed.isNeeded[task] else {
        pending[task] = Int32.max
        continue
      }
      pending[task] = Int32(truncatingIfNeeded: starts[task + 1] &- starts[task])
      for place in Int(starts[task])..<Int(starts[task + 1]) { uses[Int(graph.dependencies[place])] &+= 1 }
    }
  }

  /// Offers what is ready from the start and not among the roots.
  func begin() {
    if !heldRoots.isEmpty { serve(desk.offer(heldRoots)) }
  }

  /// The caller is about to let go of the run.
  func callerLeaves() { inside.pointee.wrappingAdd(0, ordering: .releasing) }

  /// A thread (not the caller's) or a Swift task leaves the run. Releases what it did; the caller acquires it when it waits
  /// for zero.
  func leave() {
    // Sequentially consistent, like the change of `stop` and the caller's look at `inside`: one sees the other.
    if inside.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent).newValue == 0,
      stop.pointee.load(ordering: .sequentiallyConsistent)
    {
      wakeCaller()
    }
  }

  /// Whether a thread that looked now would find something to do. May be a moment old.
  func hasVisibleWork() -> Bool {
    if stop.pointee.load(ordering: .relaxed) { return false }
    if rootCursor.pointee.load(ordering: .relaxed) < rootCount { return true }
    if deskTasks.pointee.load(ordering: .relaxed) > 0 { return true }
    for lane in 0..<lanes where !deques[lane].isEmpty { return true }
    return gate?.looksOpen ?? false
  }

  /// Whether all tasks have ended. Acquires their results; pairs with the subtraction in `tell`.
  var isComplete: Bool { remaining.pointee.load(ordering: .acquiring) == 0 }

  /// Counts `finished` tasks as ended, and wakes the caller after the last.
  @inline(__always)
  func tell(_ finished: Int) {
    // Releases the results; who sees zero has acquired those of all threads.
    if remaining.pointee.wrappingSubtract(finished, ordering: .acquiringAndReleasing).newValue == 0 { wakeCaller() }
  }

  /// Ends the run early.
  func end() {
    scope.cancel()
    desk.close()
    // The exchange in there comes after the changes that the caller waits for.
    wakeCaller()
  }

  /// Ends the run when one of the sources is cancelled that it has to obey; they keep the run until `disobey`.
  ///
  /// - Returns: For `disobey`.
  func obey() -> (cancellation: Int, outer: Int)? {
    if options.cancellation == nil, outer == nil { return nil }
    let end: @Sendable () -> Void = { self.end() }
    return (options.cancellation?.onCancel(end) ?? 0, outer?.onCancel(end) ?? 0)
  }

  /// Cancelling no longer concerns this run.
  func disobey(_ registrations: (cancellation: Int, outer: Int)?) {
    guard let registrations else { return }
    options.cancellation?.remove(registrations.cancellation)
    outer?.remove(registrations.outer)
  }

  /// Whether nobody wants the results, as opposed to: they cannot be had.
  private var isCancelledFromOutside: Bool {
    options.cancellation?.isCancelled ?? false || outer?.isCancelled ?? false
  }

  /// A task threw for good. Of several that do so at the same time, the one with the lowest number is reported; but those
  /// that only noticed that they should stop come last, and what is thrown after the run was cancelled does not count.
  func fail(_ task: Int, _ error: any Error, attempts: Int) {
    failing.withLock {
      if let failure {
        let (was, isNow) = (failure.error is CancellationError, error is CancellationError)
        if was == isNow ? failure.task <= task : isNow { return }
      } else if isCancelledFromOutside {
        return
      }
      failure = (task, error, attempts)
    }
    end()
  }

  /// Wakes the caller if it sleeps. Sequentially consistent, after the state it waits for has changed: see `README.md`,
  /// section "Parking".
  func wakeCaller() {
    if callerSleeps.pointee.exchange(0, ordering: .sequentiallyConsistent) == 1 { martlet_futex_wake(callerSleeps, 1) }
  }

  /// Lets the caller sleep until it is woken, unless `isDue` holds once its wish to sleep can be seen.
  func sleepAsCaller(_ crew: Crew, unless isDue: () -> Bool) {
    callerSleeps.pointee.store(1, ordering: .sequentiallyConsistent)
    crew.barrier()
    if isDue() {
      callerSleeps.pointee.store(0, ordering: .relaxed)
      return
    }
    while callerSleeps.pointee.load(ordering: .acquiring) == 1 { martlet_futex_wait(callerSleeps, 1) }
  }

  /// Drops all results of a run that ended early. Called by the caller when no other thread runs a task of it: a worker's
  /// reference to the run may live a little longer, and what the results hold must not.
  func dropResults() {
    for task in 0..<graph.count { slots[task].clear() }
  }

  /// What the run gave, or why it gave nothing. Called once, when no other thread runs a task of it.
  func results(_ outputs: [AnyNode]) throws -> RunResults {
    if let failure = failing.withLock({ self.failure }) {
      if failure.error is CancellationError, isCancelledFromOutside { throw failure.error }
      throw describe(failure.task, failure.error, attempts: failure.attempts)
    }
    guard isComplete else { throw CancellationError() }
    return RunResults(graph, outputs, from: slots, peakResultBytes: ledger?.peakBytes)
  }

  /// Why the run cannot begin.
  func checkResources() throws {
    if let shortage = control?.shortage { throw describe(shortage.task, shortage.error, attempts: 0) }
  }

  private func describe(_ task: Int, _ error: any Error, attempts: Int) -> TaskFailure {
    TaskFailure(
      graph, task, error, attempts: attempts,
      isOutput: { task in
        let place = lowerBound(self.outputs.count) { self.outputs[$0] < task }
        return place < self.outputs.count && self.outputs[place] == task
      },
      isNeeded: { self.needed?.isNeeded[$0] ?? true })
  }
}
