import MartletGraph
import MartletSystem
import Synchronization

/// What a pool consists of: its queue, its threads, and who waits for room in it. Lives until the last thread has ended.
/// See `README.md`.
final class PoolCore: TaskExecutor, @unchecked Sendable {
  // Sendable: everything in `state` is used under `lock`; the rest is constant or atomic.

  /// Tasks that run at the same time.
  let width: Int
  /// Tasks that are submitted and have not ended, at most.
  let maximumInFlight: Int
  /// Threads at most, those that wait inside a task included.
  let threadLimit: Int
  /// How often a thread looks for work before it sleeps.
  let spinLimit: Int
  let initializer: (@Sendable (Int) throws -> Void)?

  let lock = ShortLock()
  let state: UnsafeMutablePointer<State>
  /// `state.queued`, for threads that look out for work.
  let queuedHint = Atomic<Int>(0)
  /// Whether all tasks are asked to stop.
  let isStopping = Atomic<Bool>(false)

  /// What the lock guards.
  struct State {
    /// Rests of asynchronous tasks first, then by priority.
    var continuing = TaskQueue()
    var high = TaskQueue()
    var normal = TaskQueue()
    var low = TaskQueue()
    var queued = 0
    /// Asynchronous tasks that have started and not ended.
    var started = TaskQueue()
    /// Submitted tasks that have not ended.
    var inFlight = 0
    /// Calls of `map` and the like that have not ended.
    var calls = 0
    /// Threads alive.
    var threads = 0
    /// Threads that do not sleep and do not wait inside a task; those that are being woken or started included.
    var active = 0
    /// Of these, threads that look for work, or are on their way to.
    var searching = 0
    /// Threads that sleep because there is nothing to do.
    var idle: [PoolThread] = []
    /// What threads that wait inside a task sleep on, by their number.
    var sleeping: [Int: Parker] = [:]
    /// Numbers of threads that have ended.
    var freeIndexes: [Int] = []
    /// Who waits until there is room for a task.
    var room = RoomQueue()
    /// Whether nothing more is accepted.
    var isClosed = false
    /// Who waits until the last thread has ended.
    var closers: [Closer] = []
    /// Why no task can run.
    var failure: PoolError?

    /// Whether threads have nothing to wait for.
    var isOver: Bool { isClosed && inFlight == 0 && calls == 0 && queued == 0 }
  }

  init(
    width: Int, maximumInFlight: Int, threadLimit: Int, spinLimit: Int,
    initializer: (@Sendable (Int) throws -> Void)?
  ) {
    self.width = width
    self.maximumInFlight = maximumInFlight
    self.threadLimit = threadLimit
    self.spinLimit = spinLimit
    self.initializer = initializer
    state = .allocate(capacity: 1)
    state.initialize(to: State())
  }

  deinit {
    state.deinitialize(count: 1)
    state.deallocate()
    lock.destroy()
  }

  // MARK: The queue, under the lock

  /// Puts a task at the end of its queue.
  @inline(__always)
  func push(_ task: AnyFuture) {
    switch task.priority.rank {
    case 0: state.pointee.normal.append(task)
    case 1...: state.pointee.high.append(task)
    default: state.pointee.low.append(task)
    }
    task.isQueued = true
    count(1)
  }

  /// Puts the rest of an asynchronous task before everything else.
  func pushContinuing(_ piece: AnyFuture) {
    state.pointee.continuing.append(piece)
    count(1)
  }

  /// Takes the next task.
  @inline(__always)
  func pop() -> AnyFuture? {
    if state.pointee.queued == 0 { return nil }
    let task =
      state.pointee.continuing.popFirst() ?? state.pointee.high.popFirst() ?? state.pointee.normal.popFirst()
      ?? state.pointee.low.popFirst()
    task?.isQueued = false
    count(-1)
    return task
  }

  /// Takes a task out of its queue.
  private func unlink(_ task: AnyFuture) {
    switch task.priority.rank {
    case 0: state.pointee.normal.remove(task)
    case 1...: state.pointee.high.remove(task)
    default: state.pointee.low.remove(task)
    }
    task.isQueued = false
    count(-1)
  }

  @inline(__always)
  private func count(_ change: Int) {
    state.pointee.queued &+= change
    queuedHint.store(state.pointee.queued, ordering: .relaxed)
  }

  // MARK: Submitting

  /// What became of a task that was offered.
  enum Admission {
    case accepted
    case refused(PoolError)
    case full
  }

  /// Accepts a task if there is room.
  @inline(__always)
  func offer(_ task: AnyFuture) -> Admission {
    lock.lock()
    if state.pointee.isClosed || state.pointee.failure != nil, let refusal = refusal() {
      lock.unlock()
      return .refused(refusal)
    }
    guard state.pointee.inFlight < maximumInFlight else {
      lock.unlock()
      return .full
    }
    state.pointee.inFlight &+= 1
    task.isCounted = true
    push(task)
    let waking = waking()
    lock.unlock()
    wake(waking)
    return .accepted
  }

  /// Queues a task that is not counted: a lane of a call, the rest of an asynchronous task.
  func enqueue(uncounted task: AnyFuture, isContinuing: Bool = false) {
    lock.lock()
    if isContinuing { pushContinuing(task) } else { push(task) }
    let waking = waking()
    lock.unlock()
    wake(waking)
  }

  /// Swift's hook: the next piece of an asynchronous task.
  func enqueue(_ job: consuming ExecutorJob) {
    enqueue(uncounted: AsyncPiece(core: self, UnownedJob(job)), isContinuing: true)
  }

  // MARK: Taking tasks back

  /// Takes a task that nobody has started out of the queue; the caller alone has it then.
  func claim(_ task: AnyFuture) -> Bool {
    lock.lock()
    defer { lock.unlock() }
    guard task.isQueued else { return false }
    unlink(task)
    return true
  }

  /// The same for a task that will not run.
  func withdraw(_ task: AnyFuture) -> Bool {
    lock.lock()
    guard task.isQueued else {
      lock.unlock()
      return false
    }
    unlink(task)
    settleLocked(task)
    let changes = changes()
    lock.unlock()
    carryOut(changes)
    return true
  }

  // MARK: Ending

  /// Counts an ended task off.
  func settle(_ task: AnyFuture) {
    lock.lock()
    settleLocked(task)
    let changes = changes()
    lock.unlock()
    carryOut(changes)
  }

  /// Remembers an asynchronous task while it is suspended: nobody else may hold it.
  func start(_ task: AnyFuture) {
    lock.lock()
    task.isStarted = true
    state.pointee.started.append(task)
    lock.unlock()
  }

  @inline(__always)
  func settleLocked(_ task: AnyFuture) {
    if task.isStarted {
      task.isStarted = false
      state.pointee.started.remove(task)
    }
    if task.isCounted {
      task.isCounted = false
      state.pointee.inFlight &-= 1
    }
  }

  /// What has to be done after the lock is free.
  struct Changes {
    var admitted: RoomQueue?
    var waking = Waking.nobody
    var ending: [PoolThread] = []
  }

  /// Looks at what the end of a task, or of the pool, makes possible. Under the lock.
  func changes() -> Changes {
    var changes = Changes()
    if !state.pointee.room.isEmpty { changes.admitted = admitLocked() }
    changes.waking = waking()
    if state.pointee.isOver, !state.pointee.idle.isEmpty {
      changes.ending = state.pointee.idle
      state.pointee.idle = []
      state.pointee.active &+= changes.ending.count
      state.pointee.searching &+= changes.ending.count
    }
    return changes
  }

  func carryOut(_ changes: Changes) {
    if var admitted = changes.admitted {
      while let waiter = admitted.popFirst() { waiter.admitted() }
    }
    wake(changes.waking)
    for thread in changes.ending { thread.parker.set() }
  }

  /// Gives free room to those who wait for it: their tasks are queued here, so nobody can come in between.
  @inline(never)
  private func admitLocked() -> RoomQueue {
    var admitted = RoomQueue()
    while state.pointee.inFlight < maximumInFlight, let waiter = state.pointee.room.popFirst() {
      state.pointee.inFlight &+= 1
      waiter.task.isCounted = true
      push(waiter.task)
      admitted.append(waiter)
    }
    return admitted
  }
}
