package import Synchronization

/// Asks runs to stop: give it to a run in its options, and call `cancel()` from any thread.
///
/// A run stops between two tasks; a task that looks at its context stops earlier. Cancelling takes one store, and cannot
/// be undone.
public final class CancellationSource: @unchecked Sendable {
  // Sendable: the flag is atomic and its address never changes.
  package let flag: UnsafeMutablePointer<Atomic<Bool>>

  /// A source that has not cancelled anything.
  public init() {
    flag = .allocate(capacity: 1)
    flag.initialize(to: Atomic(false))
  }

  deinit { flag.deallocate() }

  /// Whether `cancel()` was called.
  public var isCancelled: Bool { flag.pointee.load(ordering: .relaxed) }

  /// Stops the runs that have this source, now or later. Releasing, so that what was written before it is there for who
  /// acquires it; runs only need the flag.
  public func cancel() { flag.pointee.store(true, ordering: .releasing) }
}
