import Glibc
import MartletBytes
import MartletEngine
import MartletGraph
import Synchronization

/// A thread on which bodies run, as waits inside of a body see it.
final class BodySeat {
  let threads: BodyThreads
  /// Its number among the threads of bodies.
  let number: Int
  /// The body that runs.
  fileprivate(set) var run: BodyRun?
  fileprivate var isResting = false
  // Kept from one body to the next.
  @exclusivity(unchecked) var lastFunction = WorkBody.LastFunction()
  /// For results that are small as bytes.
  @exclusivity(unchecked) var writer = ByteWriter()

  init(_ threads: BodyThreads, number: Int) {
    self.threads = threads
    self.number = number
  }

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  /// That of the calling thread; nil where no bodies run.
  static var current: BodySeat? {
    pthread_getspecific(key).map { Unmanaged<BodySeat>.fromOpaque($0).takeUnretainedValue() }
  }

  /// Makes it the calling thread's while `body` runs.
  func occupy(_ body: () -> Void) {
    pthread_setspecific(BodySeat.key, Unmanaged.passUnretained(self).toOpaque())
    body()
    pthread_setspecific(BodySeat.key, nil)
  }

  /// Runs a body; see `BodyRun.begin`.
  func begin(_ run: BodyRun, _ registry: TaskFunctionRegistry, stop: UnsafePointer<Atomic<Bool>>) -> Bool {
    self.run = run
    defer { self.run = nil }
    return run.begin(registry, stop: stop, on: self)
  }

  /// Goes on with a body; see `BodyRun.goOn`.
  func goOn(_ run: BodyRun) -> Bool {
    self.run = run
    defer { self.run = nil }
    return run.goOn(on: self)
  }
}

/// The wait of a body for other tasks, or for something that is shared: meanwhile others compute in its place.
struct BodyRest {
  private let seat: BodySeat
  private let run: BodyRun

  /// Begins to wait, if the calling thread runs the body of a task.
  ///
  /// - Parameter wake: Ends the wait; called, at most once, when the body is cancelled.
  static func begin(_ wake: @escaping @Sendable () -> Void) -> BodyRest? {
    guard let seat = BodySeat.current, let run = seat.run, !seat.isResting, seat.threads.rests(run, seat, wake) else {
      return nil
    }
    seat.isResting = true
    return BodyRest(seat: seat, run: run)
  }

  /// What was waited for is there: waits for a thread's room, and goes on.
  func end() {
    seat.threads.goesOn(run, seat)
    seat.isResting = false
  }

  /// Throws when the body that runs on this thread should end.
  static func checkCancellation() throws {
    if isCancelled { throw CancellationError() }
  }

  /// Whether the body that runs on this thread should end.
  static var isCancelled: Bool { BodySeat.current?.run?.isCancelled ?? false }
}

/// Where a thread waits inside of a body, and who may end that.
final class BodyPlace: @unchecked Sendable {
  // Sendable: everything is used under the monitor.
  private let monitor = Monitor()
  private var wake: (@Sendable () -> Void)?
  private var isHere = false
  private var mayGoOn = false
  private var wasWoken = false

  /// For another task.
  func reset() {
    monitor.withLock {
      wake = nil
      isHere = false
      mayGoOn = false
      wasWoken = false
    }
  }

  /// A thread begins to wait.
  func enter(_ wake: @escaping @Sendable () -> Void, isCancelled: () -> Bool) {
    let isLate = monitor.withLock {
      isHere = true
      mayGoOn = false
      self.wake = wake
      // Who cancels sets the flag first, then looks here: one of the two sees the other.
      guard isCancelled(), !wasWoken else { return false }
      wasWoken = true
      return true
    }
    if isLate { wake() }
  }

  /// Ends the wait because the body is cancelled.
  func cancel() {
    let told = monitor.withLock { () -> (@Sendable () -> Void)? in
      guard isHere, !wasWoken else { return nil }
      wasWoken = true
      return wake
    }
    told?()
  }

  /// Whether a thread waits here.
  var isTaken: Bool { monitor.withLock { isHere } }

  /// Lets the thread go on that waits in `leave`, or comes there.
  func allow() {
    monitor.withLock {
      mayGoOn = true
      monitor.signal()
    }
  }

  /// The wait is over: waits to be allowed to go on, unless all ends.
  func leave(unless isEnding: () -> Bool) {
    monitor.withLock {
      wake = nil
      while !mayGoOn, !isEnding() { monitor.wait() }
      isHere = false
    }
  }
}
