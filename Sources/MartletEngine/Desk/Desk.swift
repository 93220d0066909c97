import MartletGraph
import Synchronization

/// Where the tasks of a run are that cannot just go from hand to hand: those that wait for a resource, for a thread of their
/// own, for a Swift task, or for their next attempt; those that became ready away from the lanes; and, where the order
/// matters more than speed, all that are ready. See `README.md` beside this file.
final class Desk: @unchecked Sendable {
  // Sendable: everything is used under the lock, but for `visible` and `inside`, which are atomic.

  /// Whether all ready tasks come here, so that the first of them is always taken first.
  let isOrdered: Bool
  private let graph: TaskGraph
  private let control: TaskControl?
  private let gate: SourceGate?
  private let maximumBlockingTasks: Int
  private let maximumAsyncTasks: Int
  /// How many tasks a lane would find here.
  let visible: UnsafeMutablePointer<Atomic<Int>>
  private let inside: UnsafeMutablePointer<Atomic<Int>>

  private let lock = Lock()
  private var isClosed = false
  /// Places in the static order by task, made when first needed.
  private var ranks: [UInt32] = []
  /// Tasks that a lane can take.
  private var ready = ReadyHeap()
  private var resources: ResourceQueues
  /// Tasks for threads of their own. They have what they need of resources.
  private var blocking = ReadyHeap()
  /// Threads of their own that were asked for and have not gone, and those of them that have not come yet. As many tasks
  /// as those are left for them.
  private var threads = 0
  private var coming = 0
  /// Numbers of threads: those that were given back, and how many there are.
  private var freeNumbers: [Int] = []
  private var numbers = 0
  /// Asynchronous tasks that are under way, and those that wait until there are fewer.
  private var running: [UInt32: AsyncAttempt] = [:]
  private var suspended = ReadyHeap()
  private var works: [UInt32: AsyncWork] = [:]
  /// Tasks that wait for their next attempt.
  private var timers: [UInt32: UInt64] = [:]
  /// Tasks that are neither ready nor with a lane: blocking, asynchronous, waiting for their next attempt.
  private var away = 0

  init(
    _ graph: TaskGraph, _ control: TaskControl?, _ gate: SourceGate?, isOrdered: Bool, options: RunOptions,
    visible: UnsafeMutablePointer<Atomic<Int>>, inside: UnsafeMutablePointer<Atomic<Int>>
  ) {
    self.graph = graph
    self.control = control
    self.gate = gate
    self.isOrdered = isOrdered
    maximumBlockingTasks = max(1, options.maximumBlockingTasks)
    maximumAsyncTasks = max(1, options.maximumAsyncTasks)
    self.visible = visible
    self.inside = inside
    resources = ResourceQueues(control)
  }

  /// Whether a ready task has to come here.
  @inline(__always)
  func isFor(_ task: Int) -> Bool { isOrdered || control?.isHeld(task) ?? false }

  // MARK: Ready tasks

  /// Tasks have become ready.
  ///
  /// - Returns: How many more threads of their own are wanted now: each is to call `threadCame`.
  func offer(_ tasks: some Sequence<UInt32>) -> Int {
    lock.withLock {
      for task in tasks { route(task) }
      return settle()
    }
  }

  /// The first ready task for a lane, or -1. It has the resources that it needs.
  func take() -> Int {
    lock.withLock {
      defer { publish() }
      if isClosed { return -1 }
      if let head = resources.first(isBlocking: false), head.key < ready.first ?? .max {
        resources.start(head)
        return task(head.key)
      }
      return ready.isEmpty ? -1 : task(ready.removeFirst())
    }
  }

  // MARK: Tasks on threads of their own

  /// A thread has come that was asked for.
  ///
  /// - Returns: What it is to run, and its number among those of the run; the run waits for it from now on. Nil when it was
  ///   in vain.
  func threadCame() -> (task: Int, number: Int)? {
    lock.withLock {
      coming -= 1
      if isClosed { return nil }
      inside.pointee.wrappingAdd(1, ordering: .relaxed)  // before anybody can wait for it, as `isClosed` is not set
      if freeNumbers.isEmpty {
        freeNumbers.append(numbers)
        numbers += 1
      }
      return (task(blocking.removeFirst()), freeNumbers.removeLast())
    }
  }

  /// What a thread is to run next; -1 when it has to go.
  func nextForThread(_ number: Int) -> Int {
    lock.withLock {
      if !isClosed, blocking.count > coming { return task(blocking.removeFirst()) }
      threads -= 1
      freeNumbers.append(number)
      return -1
    }
  }

  // MARK: Asynchronous tasks

  /// A task goes on in a Swift task.
  ///
  /// - Parameter isAway: Whether it was with none of the lanes.
  /// - Returns: What to start now; nil when it has to wait or the run has ended.
  func suspend(_ task: UInt32, _ work: AsyncWork, _ run: RunState, isAway: Bool) -> AsyncAttempt? {
    lock.withLock {
      if isClosed { return nil }
      if !isAway { goesAway() }
      if running.count < maximumAsyncTasks { return start(task, work, run) }
      suspended.insert(key(task))
      works[task] = work
      return nil
    }
  }

  /// The Swift task of a task has ended.
  ///
  /// - Returns: Another one to start.
  func asyncOver(_ task: UInt32, _ run: RunState) -> AsyncAttempt? {
    lock.withLock {
      running[task] = nil
      if isClosed || suspended.isEmpty || running.count >= maximumAsyncTasks { return nil }
      let next = UInt32(self.task(suspended.removeFirst()))
      return start(next, works.removeValue(forKey: next)!, run)
    }
  }

  private func start(_ task: UInt32, _ work: AsyncWork, _ run: RunState) -> AsyncAttempt {
    inside.pointee.wrappingAdd(1, ordering: .relaxed)  // as in `takeBlocking`
    let attempt = AsyncAttempt(run, Int(task), work, limit: control?.entry(Int(task))?.pointee.timeout)
    running[task] = attempt
    return attempt
  }

  // MARK: The end of an attempt

  /// An attempt is over: others may have the resources.
  ///
  /// - Returns: As `offer`.
  func release(_ task: Int) -> Int {
    guard let entry = control?.entry(task), entry.pointee.demand >= 0 else { return 0 }
    return lock.withLock {
      if isClosed { return 0 }
      resources.release(demand: entry.pointee.demand)
      return settle()
    }
  }

  /// A task that was away has ended, which made others ready.
  ///
  /// - Returns: As `offer`.
  func returned(_ tasks: [UInt32]) -> Int {
    lock.withLock {
      if isClosed { return 0 }
      for task in tasks { route(task) }
      cameBack()
      return settle()
    }
  }

  /// A task has to be tried again after some time.
  ///
  /// - Returns: As `offer`.
  func retry(_ task: UInt32, after nanoseconds: UInt64, now: UInt64, _ run: RunState, isAway: Bool) -> Int {
    lock.withLock {
      if isClosed { return 0 }
      if !isAway { goesAway() }
      if nanoseconds == 0 {
        route(task)
        cameBack()
        return settle()
      }
      timers[task] = TimerQueue.shared.schedule(at: now &+ nanoseconds) { run.retryIsDue(task) }
      publish()
      return 0
    }
  }

  /// The time has come.
  ///
  /// - Returns: As `offer`.
  func retryIsDue(_ task: UInt32) -> Int {
    lock.withLock {
      if isClosed || timers.removeValue(forKey: task) == nil { return 0 }
      route(task)
      cameBack()
      return settle()
    }
  }

  /// The run has ended early: nothing is started any more, and what waits in Swift tasks is cancelled.
  func close() {
    let (running, timers) = lock.withLock {
      defer {
        isClosed = true
        self.running = [:]
        self.timers = [:]
        ready.removeAll()
        blocking.removeAll()
        suspended.removeAll()
        resources.removeAll()
        visible.pointee.store(0, ordering: .relaxed)
      }
      return (self.running, self.timers)
    }
    for timer in timers.values { TimerQueue.shared.cancel(timer) }
    for attempt in running.values { attempt.cancel() }
  }

  /// Frees what tasks hold that waited when the desk was closed. Called by the caller of the run, so that nothing is left
  /// when it returns; who closed the desk may be another thread.
  func drop() {
    let works = lock.withLock {
      defer { self.works = [:] }
      return self.works
    }
    withExtendedLifetime(works) {}
  }

  /// What is where, for messages about runs that do not end.
  var story: String {
    lock.withLock {
      "ready \(ready.count), waiting for resources \(resources.count) (free \(resources.free)), blocking "
        + "\(blocking.count) (threads \(threads), coming \(coming)), async \(running.count) + \(suspended.count), timers \(timers.count), "
        + "away \(away), visible \(visible.pointee.load(ordering: .relaxed)), closed \(isClosed)"
    }
  }

  // MARK: Under the lock

  private func route(_ task: UInt32) {
    let entry = control?.entry(Int(task))?.pointee
    if let entry, entry.demand >= 0 {
      resources.insert(key(task), demand: entry.demand)
    } else if let entry, entry.isBlocking {
      blocking.insert(key(task))
      goesAway()
    } else {
      ready.insert(key(task))
    }
  }

  /// Starts what has its resources now, and shows what lanes can take.
  ///
  /// - Returns: As `offer`.
  private func settle() -> Int {
    while let head = resources.first(isBlocking: true) {
      resources.start(head)
      blocking.insert(head.key)
      goesAway()
    }
    publish()
    let wanted = max(0, min(blocking.count - coming, maximumBlockingTasks - threads))
    coming += wanted
    threads += wanted
    return wanted
  }

  private func publish() {
    if isClosed { return }
    let count = ready.count + (resources.first(isBlocking: false) == nil ? 0 : 1)
    visible.pointee.store(count, ordering: .relaxed)
  }

  private func goesAway() {
    away += 1
    gate?.enter()
  }

  private func cameBack() {
    away -= 1
    gate?.cameBack()
  }

  /// Higher priorities first, then the static order.
  private func key(_ task: UInt32) -> UInt64 {
    if ranks.isEmpty {
      ranks = [UInt32](unsafeUninitializedCapacity: graph.count) { ranks, count in
        for rank in 0..<graph.count { ranks[Int(graph.order[rank])] = UInt32(truncatingIfNeeded: rank) }
        count = graph.count
      }
    }
    let priority = Int(control?.entry(Int(task))?.pointee.priority ?? 0)
    return UInt64(Int(Int16.max) - priority) << 32 | UInt64(ranks[Int(task)])
  }

  private func task(_ key: UInt64) -> Int { Int(graph.order[Int(UInt32(truncatingIfNeeded: key))]) }
}
