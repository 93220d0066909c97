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
  let rootCursor: UnsafeMutablePointer<Atomic<Int>>
  /// How many tasks have not ended, as far as the threads have told.
  let remaining: UnsafeMutablePointer<Atomic<Int>>
  /// Set when the run ends early.
  let stop: UnsafeMutablePointer<Atomic<Bool>>
  /// The flag of the options' source, or else `stop` once more.
  let cancelled: UnsafeMutablePointer<Atomic<Bool>>
  /// How many workers (the caller not counted) are in this run.
  let inside: UnsafeMutablePointer<Atomic<Int>>
  /// 1 while the caller sleeps or is about to.
  let callerSleeps: UnsafeMutablePointer<Atomic<UInt32>>
  let ledger: MemoryLedger?
  let gate: SourceGate?
  let options: RunOptions
  private let lines: CacheLines
  private let needed: NeededTasks?
  /// The numbers of the outputs, ascending.
  private let outputs: [UInt32]
  private let crew: Crew
  private let failing = Lock()
  private var failure: (task: Int, error: any Error)?

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
    stop = lines.atomic(2, false)
    inside = lines.atomic(3, 0)
    callerSleeps = lines.atomic(4, 0)
    cancelled = options.cancellation?.flag ?? stop
    deques = .allocate(capacity: lanes)
    for lane in 0..<lanes { deques[lane] = WorkDeque(lines, line: 5 + lane, capacity: dequeCapacity) }

    slots = crew.takeMemory(bytes: count * RunState.bytesPerTask).bindMemory(to: Slot.self, capacity: count)
    slots.initialize(repeating: Slot(), count: count)
    let counts = UnsafeMutableRawPointer(slots + count).bindMemory(to: Int32.self, capacity: 2 * count)
    RunState.count(graph, needed, pending: counts, uses: counts + count)
    for output in outputs { counts[count + output.id.index] &+= 1 }
    pending = UnsafeMutableRawPointer(counts).assumingMemoryBound(to: Atomic<Int32>.self)
    uses = UnsafeMutableRawPointer(counts + count).assumingMemoryBound(to: Atomic<Int32>.self)

    let isNeeded = { (task: Int) in needed?.isNeeded[task] ?? true }
    ledger = options.memoryBudgetBytes.map { MemoryLedger(budget: $0, tasks: count) }
    gate = ledger.flatMap { SourceGate(graph, $0, isNeeded: isNeeded) }
    if needed == nil, gate == nil {
      roots = graph.roots
      rootCount = graph.rootCount
      ownsRoots = false
    } else {
      roots = .allocate(capacity: max(1, graph.rootCount))
      ownsRoots = true
      var written = 0
      for place in 0..<graph.rootCount where isNeeded(Int(graph.roots[place])) {
        let task = graph.roots[place]
        if let gate, gate.holds(task) {
          gate.offer(task)
        } else {
          roots[written] = task
          written += 1
        }
      }
      rootCount = written
    }
  }

  deinit {
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

  /// Whether a thread that looked now would find something to do. May be a moment old.
  func hasVisibleWork() -> Bool {
    if stop.pointee.load(ordering: .relaxed) { return false }
    if rootCursor.pointee.load(ordering: .relaxed) < rootCount { return true }
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
    stop.pointee.store(true, ordering: .sequentiallyConsistent)
    wakeCaller()
  }

  /// A task threw. Of several that do so at the same time, the one with the lowest number is reported; but those that only
  /// noticed that they should stop come last.
  func fail(_ task: Int, _ error: any Error) {
    failing.withLock {
      if let failure {
        let (was, isNow) = (failure.error is CancellationError, error is CancellationError)
        if was == isNow ? failure.task <= task : isNow { return }
      }
      failure = (task, error)
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
      if failure.error is CancellationError, options.cancellation?.isCancelled ?? false { throw failure.error }
      throw TaskFailure(
        graph, failure.task, failure.error,
        isOutput: { task in
          let place = lowerBound(self.outputs.count) { self.outputs[$0] < task }
          return place < self.outputs.count && self.outputs[place] == task
        },
        isNeeded: { self.needed?.isNeeded[$0] ?? true })
    }
    guard isComplete else { throw CancellationError() }
    return RunResults(graph, outputs, from: slots, peakResultBytes: ledger?.peakBytes)
  }
}
