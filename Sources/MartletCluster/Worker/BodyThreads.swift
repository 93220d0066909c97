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
  private let count: Int
  private let cache = ThreadCache(name: "waiting", idleLimit: 4)

  private let monitor = Monitor()
  /// Bodies that have waited, and may go on. Those before `firstResumed` are taken.
  @exclusivity(unchecked) private var resumed: [BodyRun?] = []
  @exclusivity(unchecked) private var firstResumed = 0
  /// Those before `first` are taken.
  @exclusivity(unchecked) private var queue: [BodyRun?] = []
  @exclusivity(unchecked) private var first = 0
  /// Runs that threads have taken; what the last look at the queue found.
  @exclusivity(unchecked) private var taken = 0
  private var lastTaken = 0
  private var wasWaiting = false
  @exclusivity(unchecked) private var sleeping = 0
  @exclusivity(unchecked) private var living = 0
  /// Threads in bodies, and those whose bodies sleep.
  @exclusivity(unchecked) private var running = 0
  @exclusivity(unchecked) private var resting = 0
  private var freeNumbers: [Int] = []
  private var numbers = 0
  @exclusivity(unchecked) private var isClosed = false
  /// How many runs nobody has taken, for threads that look without the lock.
  private let waiting = Atomic<Int>(0)
  /// Threads that look for one.
  private let spinning = Atomic<Int>(0)

  private let endsLock = Lock()
  @exclusivity(unchecked) private var ends: [BodyRun] = []
  @exclusivity(unchecked) private(set) var signal: LoopSignal?
  let newsLock = Lock()
  var news: [BodyNews] = []
  private let stop: UnsafeMutablePointer<Atomic<Bool>>
  private let waitingBodies = Atomic<Int>(0)

  /// The loop is told of ends at once where no further body waits, or another worker waits for the result; else when so many wait, or before the first of them would
  /// wait longer than this, as far as one knows: what the loop and the scheduler do for a message costs as much as a short
  /// body.
  private static let untoldEnds = 32
  private static let untoldNanoseconds: UInt64 = 400_000
  /// How long a thread looks for another run before it sleeps, while runs come fast: longer than it takes the scheduler to hear
  /// of one and to send the next.
  private static let spinNanoseconds: UInt64 = 200_000
  /// A thread that ran a shorter body soon takes the loop's next turn, which then need not wait for events itself.
  private static let shortNanoseconds: UInt64 = 200_000
  /// How long a thread without a run waits for events in the loop's place before it sleeps.
  private static let standInNanoseconds: UInt64 = 2_000_000

  init(count: Int, registry: TaskFunctionRegistry) {
    self.count = count
    self.registry = registry
    // Those for bodies that only wait have the number behind these.
    numbers = count + 1
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
    let woken = monitor.withLock {
      if first == queue.count {
        queue.removeAll(keepingCapacity: true)
        first = 0
      }
      for run in runs where !run.isBlocking { queue.append(run) }
      let ahead = queue.count - first + resumed.count - firstResumed
      waiting.store(ahead, ordering: .relaxed)
      // Who looks for a run looks into the queue before it sleeps.
      let awaited = spinning.load(ordering: .relaxed)
      return min(sleeping, max(0, ahead - awaited))
    }
    // Outside of the lock, which who wakes up takes first. Somebody else may have taken the run by then: who was woken in vain
    // looks, and sleeps again.
    for _ in 0..<woken { monitor.signal() }
    signal?.wakeInPlace()
    for run in runs where run.isBlocking { beginApart(run) }
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
      waiting.store(resumed.count - firstResumed, ordering: .relaxed)
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
      resumed = []
      firstResumed = 0
      waiting.store(0, ordering: .relaxed)
      for _ in 0..<sleeping { monitor.signal() }
    }
    cache.close()
  }

  /// Whether nobody wants any results any more.
  var isEnding: Bool { stop.pointee.load(ordering: .relaxed) }

  // MARK: Bodies that wait

  /// Runs something on a thread beside the others.
  func occupyThread(_ body: @escaping @Sendable (BodySeat) -> Void) {
    waitingBodies.wrappingAdd(1, ordering: .relaxed)
    cache.submit { [self] in
      let seat = BodySeat(self, number: count)
      seat.occupy { body(seat) }
      waitingBodies.wrappingSubtract(1, ordering: .releasing)
    }
  }

  /// Runs a body on a thread of its own.
  private func beginApart(_ run: BodyRun) {
    occupyThread { [self] seat in if seat.begin(run, registry, stop: stop) { handBack(run, isTold: true) } }
  }

  /// Lets a body go on that has waited without a thread.
  func enqueueResumed(_ run: BodyRun) {
    monitor.withLock {
      if firstResumed == resumed.count {
        resumed.removeAll(keepingCapacity: true)
        firstResumed = 0
      }
      resumed.append(run)
      waiting.store(queue.count - first + resumed.count - firstResumed, ordering: .relaxed)
      if sleeping > 0 { monitor.signal() }
    }
    signal?.wakeInPlace()
  }

  /// A body sleeps on its thread: another one takes the thread's place.
  func giveWay() {
    let number = monitor.withLock { () -> Int? in
      running -= 1
      resting += 1
      if sleeping > 0 { monitor.signal() }
      guard living - resting < count, !isClosed else { return nil }
      living += 1
      return newNumber()
    }
    if let number { startThread(named: "body-\(number)") { [self] in work(number) } }
  }

  /// A body that slept goes on. A thread more than there should be ends when it is idle.
  func takeBack() {
    monitor.withLock {
      running += 1
      resting -= 1
      if sleeping > 0, living - resting > count { monitor.signal() }
    }
  }

  private func newNumber() -> Int {
    if let free = freeNumbers.popLast() { return free }
    numbers += 1
    return numbers - 1
  }

  /// Whether no thread runs anything any more.
  var isDone: Bool {
    monitor.withLock { living == 0 } && waitingBodies.load(ordering: .acquiring) == 0 && cache.threadCount == 0
  }

  // MARK: A thread

  /// What a thread remembers from one body to the next.
  private struct Memory {
    /// When the first end came that the loop was not told of; 0: it was told of all.
    var untoldSince: UInt64 = 0
    /// Whether the last body was so short that what comes for the loop may wait for the end of the next one.
    var isSoonBack = false
    /// Whether it counts as one that is in a body.
    var isRunning = false
    var policy = PollPolicy(limitNanoseconds: BodyThreads.spinNanoseconds)
  }

  private func work(_ number: Int) {
    let seat = BodySeat(self, number: number)
    seat.occupy {
      var memory = Memory()
      while let turn = next(&memory, number) {
        let hasEnded = turn.isFirst ? seat.begin(turn.run, registry, stop: stop) : seat.goOn(turn.run)
        if hasEnded { ended(turn.run, &memory) }
      }
    }
  }

  /// A run, and whether it has to be begun.
  private typealias Turn = (run: BodyRun, isFirst: Bool)

  /// What to run next; nil when the thread has to end.
  private func next(_ memory: inout Memory, _ number: Int) -> Turn? {
    if waiting.load(ordering: .relaxed) == 0 {
      // The loop's turn, which this thread takes where it can, may have something for it.
      tell(&memory)
      if waiting.load(ordering: .relaxed) == 0, !standIn(), memory.policy.polls { spin(&memory) }
    }
    return monitor.withLock {
      if memory.isRunning { running -= 1 }
      memory.isRunning = false
      while first == queue.count && firstResumed == resumed.count || running >= count {
        // Another thread has taken what this one counted on.
        if memory.untoldSince != 0 { signal?.notify() }
        memory.untoldSince = 0
        // One too many: a body that slept on its thread goes on there.
        if isClosed || living - resting > count {
          living -= 1
          freeNumbers.append(number)
          return nil
        }
        let start = martlet_monotonic_nanoseconds()
        sleeping += 1
        monitor.wait()
        sleeping -= 1
        memory.policy.slept(from: start, to: martlet_monotonic_nanoseconds())
      }
      running += 1
      memory.isRunning = true
      let run: BodyRun?
      let isFirst = firstResumed == resumed.count
      if !isFirst {
        run = resumed[firstResumed]
        resumed[firstResumed] = nil
        firstResumed += 1
      } else {
        run = queue[first]
        queue[first] = nil
        first += 1
        taken &+= 1
      }
      waiting.store(queue.count - first + resumed.count - firstResumed, ordering: .relaxed)
      return run.map { (run: $0, isFirst: isFirst) }
    }
  }

  private func tell(_ memory: inout Memory) {
    guard memory.untoldSince != 0 else { return }
    memory.untoldSince = 0
    signal?.callOrNotify(isSoonFollowed: memory.isSoonBack)
  }

  /// Waits for the loop's events in its place until there is something to run; false where somebody else does.
  private func standIn() -> Bool {
    guard let signal else { return false }
    spinning.wrappingAdd(1, ordering: .relaxed)
    defer { spinning.wrappingSubtract(1, ordering: .relaxed) }
    return signal.waitInPlace(atMost: BodyThreads.standInNanoseconds) { [self] in
      waiting.load(ordering: .relaxed) == 0 && !isEnding
    }
  }

  /// Looks for a run for a moment.
  private func spin(_ memory: inout Memory) {
    spinning.wrappingAdd(1, ordering: .relaxed)
    defer { spinning.wrappingSubtract(1, ordering: .relaxed) }
    var before = martlet_monotonic_nanoseconds()
    let end = before + memory.policy.limit
    while waiting.load(ordering: .relaxed) == 0 {
      sched_yield()
      let time = martlet_monotonic_nanoseconds()
      if time - before > PollPolicy.crowdedNanoseconds { return memory.policy.crowded(at: time) }
      if time >= end { return memory.policy.pollingFailed() }
      before = time
    }
    memory.policy.found()
  }

  /// Hands a run back.
  private func ended(_ run: BodyRun, _ memory: inout Memory) {
    // The run is the loop's once it is handed back.
    let expected = UInt64(max(0, run.nanoseconds))
    let isAwaited = run.isAwaited
    let count = handBack(run)
    // Among very many runs the loop's own thread reads the next ones meanwhile.
    memory.isSoonBack = expected < BodyThreads.shortNanoseconds && count < BodyThreads.untoldEnds
    let now = martlet_monotonic_nanoseconds()
    if memory.untoldSince == 0 { memory.untoldSince = now }
    // What is not told now is found at the loop's next tick if the next body takes long.
    guard
      isAwaited || waiting.load(ordering: .relaxed) == 0 || count >= BodyThreads.untoldEnds
        || now &- memory.untoldSince &+ expected > BodyThreads.untoldNanoseconds
    else { return }
    tell(&memory)
  }

  @discardableResult
  func handBack(_ run: BodyRun, isTold: Bool = false) -> Int {
    defer { if isTold { signal?.notify() } }
    return endsLock.withLock {
      ends.append(run)
      return ends.count
    }
  }
}
