public import MartletGraph
import MartletSystem
import Synchronization

/// A task that was submitted to a pool, whatever the type of its result. `Future` has the result.
///
/// One object is the handle, the task in the queue, and the place of the result.
public class AnyFuture: @unchecked Sendable {
  // Sendable: `word` is atomic; the links belong to the pool's lock, the listeners to one of `Listeners`; the rest is
  // written by the thread that runs the task before it sets `finished`, and read by others after they saw it.

  /// How far a task is.
  public enum State: Sendable, Hashable {
    /// Nobody has started it.
    case waiting
    /// Its body has begun.
    case running
    /// It has a value.
    case succeeded
    /// It has an error.
    case failed
    /// It was cancelled before it had anything.
    case cancelled
  }

  /// The bits of `word`.
  enum Bits {
    static let running: UInt32 = 1
    static let finished: UInt32 = 2
    static let cancelRequested: UInt32 = 4
    static let hasListeners: UInt32 = 8
    static let failed: UInt32 = 16
    static let cancelled: UInt32 = 32
    static let timedOut: UInt32 = 64
  }

  /// The pool that it was submitted to.
  final let core: PoolCore
  final let priority: Pool.Priority
  private final let word = Atomic<UInt32>(0)
  // The places in the pool's queue, under its lock.
  @exclusivity(unchecked) final var next: Unmanaged<AnyFuture>?
  @exclusivity(unchecked) final var previous: Unmanaged<AnyFuture>?
  @exclusivity(unchecked) final var isQueued = false
  /// Whether it is on the pool's list of asynchronous tasks that have started.
  @exclusivity(unchecked) final var isStarted = false
  /// Whether the pool counts it as in flight.
  @exclusivity(unchecked) final var isCounted = false
  /// Under the lock `Listeners.lock(of: self)`.
  @exclusivity(unchecked) final var listeners = ListenerList()

  /// The value, once it is finished and there is no error. In a slot, because code that does not know the type of the
  /// value is several times faster then.
  @exclusivity(unchecked) @usableFromInline final var slot = Slot()
  /// What the body threw, or why it never ran.
  @exclusivity(unchecked) @usableFromInline final var error: (any Error)?

  init(core: PoolCore, priority: Pool.Priority) {
    self.core = core
    self.priority = priority
  }

  deinit { slot.clear() }

  /// How far it is.
  public final var state: State {
    let bits = word.load(ordering: .acquiring)
    if bits & Bits.finished == 0 { return bits & Bits.running == 0 ? .waiting : .running }
    if bits & Bits.cancelled != 0 { return .cancelled }
    return bits & Bits.failed == 0 ? .succeeded : .failed
  }

  /// Whether it has ended: with a value, with an error, or by being cancelled.
  public final var isFinished: Bool { word.load(ordering: .acquiring) & Bits.finished != 0 }

  /// Asks the task to stop.
  ///
  /// One that has not started never will; its result is `CancellationError`, at once. One that runs goes on until it looks
  /// at `Pool.isCurrentTaskCancelled`, or, when its body is asynchronous, at anything that Swift's own cancellation
  /// ends. A body that ends with a value all the same has that value.
  ///
  /// - Returns: Whether the body never runs because of this call.
  @discardableResult
  public final func cancel() -> Bool {
    if core.withdraw(self) {
      failWithoutRunning(CancellationError(), kind: Bits.cancelled)
      return true
    }
    requestStop(Bits.cancelRequested)
    return false
  }

  // MARK: For the pool

  /// Whether the body should stop: a relaxed look, nothing is read because of it.
  @inline(__always)
  final var isStopRequested: Bool { word.load(ordering: .relaxed) & Bits.cancelRequested != 0 }

  final var isTimedOut: Bool { word.load(ordering: .relaxed) & Bits.timedOut != 0 }

  /// Whether the body should stop, also because of something around it.
  var wantsStop: Bool { isStopRequested || core.isStopping.load(ordering: .relaxed) }

  /// Marks it as started. The caller has taken it from the queue, so it is the only one.
  @inline(__always)
  final func markRunning() { word.bitwiseOr(Bits.running, ordering: .relaxed) }

  /// Runs the body of a task that was taken from the queue.
  ///
  /// - Returns: Whether the task has ended; an asynchronous one may not have.
  func run() -> Bool { true }

  /// Ends a task that was taken from the queue and will not run.
  func failWithoutRunning(_ error: any Error, kind: UInt32) {
    self.error = error
    announce(kind)
  }

  /// A running body is asked to stop.
  func requestStop(_ bits: UInt32) {
    word.bitwiseOr(bits | Bits.cancelRequested, ordering: .acquiringAndReleasing)
  }

  /// Tells everybody who waits. The result was written.
  @inline(__always)
  final func announce(_ kind: UInt32) {
    // Publishes the result; pairs with the acquiring look at `finished`.
    let before = word.bitwiseOr(Bits.finished | kind, ordering: .acquiringAndReleasing).oldValue
    if before & Bits.hasListeners != 0 { tellListeners() }
  }

  @inline(never)
  private final func tellListeners() {
    // One at a time, so that each of them can be removed until it is told.
    let lock = Listeners.lock(of: self)
    while true {
      lock.lock()
      let listener = listeners.popFirst()
      lock.unlock()
      guard let listener else { return }
      listener.futureFinished(self)
    }
  }

  /// Adds who wants to be told of the end.
  ///
  /// - Returns: False when it has ended already; then the listener is not told.
  final func add(_ listener: FutureListener) -> Bool {
    let lock = Listeners.lock(of: self)
    lock.lock()
    defer { lock.unlock() }
    // Who ends the task sees this bit and waits for the lock, or has ended it before, which is seen here.
    let before = word.bitwiseOr(Bits.hasListeners, ordering: .acquiringAndReleasing).oldValue
    if before & Bits.finished != 0 { return false }
    listeners.append(listener)
    return true
  }

  /// Removes a listener that was added, unless it has been told or is being told.
  final func remove(_ listener: FutureListener) {
    let lock = Listeners.lock(of: self)
    lock.lock()
    listeners.remove(listener)
    lock.unlock()
  }
}
