import Glibc
import MartletEngine
import MartletGraph
import MartletNet
import MartletSystem
import Synchronization

/// The threads that run bodies: as many as the worker has for those that compute, and one for each that only waits.
///
/// Cost of a tiny body beside itself: two locks that are seldom contended. Threads and loop wake each other only when they
/// sleep, and for many bodies at once.
final class BodyThreads: @unchecked Sendable {
  // Sendable: `monitor` guards the queue, `endsLock` the ends; the rest is atomic or constant.

  private let registry: TaskFunctionRegistry
  private let limits: BodyRun.Limits
  private let count: Int
  private let cache = ThreadCache(name: "waiting", idleLimit: 4)

  private let monitor = Monitor()
  /// Those before `first` are taken.
  private var queue: [BodyRun?] = []
  private var first = 0
  /// Runs that threads have taken; what the last look at the queue found.
  private var taken = 0
  private var lastTaken = 0
  private var wasWaiting = false
  private var sleeping = 0
  private var living = 0
  private var isClosed = false
  /// How many runs nobody has taken, for threads that look without the lock.
  private let waiting = Atomic<Int>(0)
  /// Threads that look for one.
  private let spinning = Atomic<Int>(0)

  private let endsLock = Lock()
  private var ends: [BodyRun] = []
  private var signal: LoopSignal?
  private let stop: UnsafeMutablePointer<Atomic<Bool>>
  private let waitingBodies = Atomic<Int>(0)

  /// The loop is told of ends at the latest when so many wait, or after this time when the thread that has them is free to.
  private static let untoldEnds = 32
  private static let untoldNanoseconds: UInt64 = 100_000
  /// How long a thread looks for another run before it sleeps; as long as two wake-ups in a virtual machine.
  private static let spinNanoseconds: UInt64 = 60_000
  /// A yield that takes so long has let somebody else run: the processor is needed elsewhere.
  private static let crowdedNanoseconds: UInt64 = 20_000

  init(count: Int, registry: TaskFunctionRegistry, limits: BodyRun.Limits) {
    self.count = count
    self.registry = registry
    self.limits = limits
    stop = .allocate(capacity: 1)
    stop.initialize(to: Atomic(false))
  }

  deinit {
    stop.deinitialize(count: 1)
    stop.deallocate()
  }

  /// Starts the threads. `signal` is notified when bodies have ended.
  func start(_ signal: LoopSignal) {
    self.signal = signal
    monitor.withLock { living = count }
    for number in 0..<count { startThread(named: "body-\(number)") { [self] in work(number) } }
  }

  /// Lets bodies run; on the loop's thread. The list is emptied.
  func submit(_ runs: inout [BodyRun]) {
    if runs.isEmpty { return }
    monitor.withLock {
      if first == queue.count {
        queue.removeAll(keepingCapacity: true)
        first = 0
      }
      for run in runs where !run.isBlocking { queue.append(run) }
      let ahead = queue.count - first
      waiting.store(ahead, ordering: .relaxed)
      // Who looks for a run looks into the queue before it sleeps.
      let awaited = spinning.load(ordering: .relaxed)
      for _ in 0..<min(sleeping, max(0, ahead - awaited)) { monitor.signal() }
    }
    for run in runs where run.isBlocking {
      waitingBodies.wrappingAdd(1, ordering: .relaxed)
      cache.submit { [self] in
        run.run(registry, stop: stop, thread: count, limits: limits)
        _ = handBack(run)
        signal?.notify()
        waitingBodies.wrappingSubtract(1, ordering: .releasing)
      }
    }
    runs.removeAll(keepingCapacity: true)
  }

  /// Takes back all runs that wait, when no thread has taken any between two calls: the threads are busy with longer bodies.
  func withdrawStuck() -> [BodyRun] {
    monitor.withLock {
      let hasMoved = taken != lastTaken || !wasWaiting
      lastTaken = taken
      wasWaiting = first < queue.count
      guard wasWaiting, !hasMoved else { return [] }
      let runs = queue[first...].compactMap { $0 }
      queue.removeAll(keepingCapacity: true)
      first = 0
      waiting.store(0, ordering: .relaxed)
      wasWaiting = false
      return runs
    }
  }

  /// Exchanges the bodies that have ended with `list`, which is empty; on the loop's thread.
  func takeEnds(_ list: inout [BodyRun]) {
    endsLock.withLock { swap(&ends, &list) }
  }

  /// Whether there are ends that the loop has not taken.
  var hasEnds: Bool { endsLock.withLock { !ends.isEmpty } }

  /// Tells all bodies that nobody wants their results, and lets the threads end. Returns at once.
  func close() {
    stop.pointee.store(true, ordering: .relaxed)
    monitor.withLock {
      isClosed = true
      queue = []
      first = 0
      waiting.store(0, ordering: .relaxed)
      for _ in 0..<sleeping { monitor.signal() }
    }
    cache.close()
  }

  /// Whether no thread runs anything any more.
  var isDone: Bool {
    monitor.withLock { living == 0 } && waitingBodies.load(ordering: .acquiring) == 0 && cache.threadCount == 0
  }

  // MARK: A thread

  /// What a thread remembers from one body to the next.
  private struct Memory {
    var toldAt: UInt64 = 0
    /// Whether the loop was not told of the last end.
    var hasUntold = false
    var spins = true
  }

  private func work(_ number: Int) {
    var memory = Memory()
    while let run = next(&memory) {
      run.run(registry, stop: stop, thread: number, limits: limits)
      ended(run, &memory)
    }
    monitor.withLock { living -= 1 }
  }

  private func next(_ memory: inout Memory) -> BodyRun? {
    if waiting.load(ordering: .relaxed) == 0, memory.spins { spin(&memory) }
    return monitor.withLock {
      while first == queue.count {
        if isClosed { return nil }
        // Another thread has taken what this one counted on.
        tell(&memory)
        sleeping += 1
        monitor.wait()
        sleeping -= 1
        memory.spins = true
      }
      let run = queue[first]
      queue[first] = nil
      first += 1
      taken &+= 1
      waiting.store(queue.count - first, ordering: .relaxed)
      return run
    }
  }

  private func tell(_ memory: inout Memory) {
    guard memory.hasUntold else { return }
    memory.hasUntold = false
    signal?.notify()
  }

  /// Looks for a run for a moment.
  private func spin(_ memory: inout Memory) {
    tell(&memory)
    spinning.wrappingAdd(1, ordering: .relaxed)
    defer { spinning.wrappingSubtract(1, ordering: .relaxed) }
    let end = martlet_monotonic_nanoseconds() + BodyThreads.spinNanoseconds
    var time: UInt64 = 0
    while waiting.load(ordering: .relaxed) == 0, time < end {
      let before = martlet_monotonic_nanoseconds()
      sched_yield()
      time = martlet_monotonic_nanoseconds()
      if time - before > BodyThreads.crowdedNanoseconds {
        memory.spins = false
        return
      }
    }
  }

  /// Hands a run back.
  private func ended(_ run: BodyRun, _ memory: inout Memory) {
    let count = handBack(run)
    memory.hasUntold = true
    // What is not told now is found at the loop's next tick if the next body takes long.
    let now = martlet_monotonic_nanoseconds()
    guard
      waiting.load(ordering: .relaxed) == 0 || count >= BodyThreads.untoldEnds
        || now &- memory.toldAt > BodyThreads.untoldNanoseconds
    else { return }
    memory.toldAt = now
    tell(&memory)
  }

  private func handBack(_ run: BodyRun) -> Int {
    endsLock.withLock {
      ends.append(run)
      return ends.count
    }
  }
}
