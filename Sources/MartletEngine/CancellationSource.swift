import Glibc
package import Synchronization

/// Asks runs to stop: give it to a run in its options, and call `cancel()` from any thread.
///
/// A run stops between two tasks; a task that looks at its context stops earlier, and the Swift tasks of asynchronous ones
/// are cancelled. Cancelling cannot be undone.
public final class CancellationSource: @unchecked Sendable {
  // Sendable: the flag is atomic and its address never changes; the handlers are used under the mutex.
  package let flag: UnsafeMutablePointer<Atomic<Bool>>
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var handlers: [(number: Int, action: @Sendable () -> Void)] = []
  private var lastNumber = 0

  /// A source that has not cancelled anything.
  public init() {
    // The flag has a line of its own: threads look at it before each task.
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 64 + MemoryLayout<pthread_mutex_t>.size, alignment: 64)
    flag = memory.bindMemory(to: Atomic<Bool>.self, capacity: 1)
    flag.initialize(to: Atomic(false))
    mutex = (memory + 64).bindMemory(to: pthread_mutex_t.self, capacity: 1)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    UnsafeMutableRawPointer(flag).deallocate()
  }

  /// The source that ends the task that is running here; nil outside of tasks.
  ///
  /// It is cancelled when the run of the task ends early and when the task's time is up. Runs started inside a task end with
  /// it by themselves; this is for other work that is to end with it.
  public static var current: CancellationSource? { CurrentSource.value }

  /// Whether `cancel()` was called.
  public var isCancelled: Bool { flag.pointee.load(ordering: .relaxed) }

  /// Stops the runs that have this source, now or later. Some handlers of theirs run on this thread.
  public func cancel() {
    // Releases what was written before for who acquires it; runs only need the flag.
    if flag.pointee.exchange(true, ordering: .acquiringAndReleasing) { return }
    let handlers = locked {
      defer { self.handlers = [] }
      return self.handlers
    }
    for handler in handlers { handler.action() }
  }

  /// Runs `action` once when the source is cancelled, at once when it is already.
  ///
  /// - Returns: For `remove`.
  package func onCancel(_ action: @escaping @Sendable () -> Void) -> Int {
    let number: Int? = locked {
      // Who cancels sets the flag first, then takes the handlers: one of the two sees the other.
      if isCancelled { return nil }
      lastNumber += 1
      handlers.append((lastNumber, action))
      return lastNumber
    }
    if let number { return number }
    action()
    return 0
  }

  /// Forgets a handler. It may be running all the same, on another thread.
  package func remove(_ number: Int) {
    locked {
      if let place = handlers.lastIndex(where: { $0.number == number }) { handlers.remove(at: place) }
    }
  }

  private func locked<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}

/// Which source ends the task that is running: known by its thread, or, in an asynchronous one, by its Swift task.
enum CurrentSource {
  @TaskLocal static var ofSwiftTask: CancellationSource?

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
  }()

  static var value: CancellationSource? {
    if let source = pthread_getspecific(key) {
      return Unmanaged<CancellationSource>.fromOpaque(source).takeUnretainedValue()
    }
    return ofSwiftTask
  }

  /// Makes `source`, which must live until `leave`, the current one of this thread.
  ///
  /// - Returns: For `leave`.
  static func enter(_ source: CancellationSource) -> UnsafeMutableRawPointer? {
    let before = pthread_getspecific(key)
    pthread_setspecific(key, Unmanaged.passUnretained(source).toOpaque())
    return before
  }

  /// Goes back to what was before `enter`.
  static func leave(_ before: UnsafeMutableRawPointer?) { pthread_setspecific(key, before) }
}
