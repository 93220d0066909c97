import Synchronization

/// Lets a loop call one function soon; any number of notifications before the call make one call.
///
/// For queues that other threads fill and the loop drains: put something in, then `notify`. The call sees all that was
/// put in before a notification that it answers. Cost: an atomic exchange, seldom more; no allocation.
package final class LoopSignal: Sendable {
  private let isNotified = Atomic<Bool>(false)
  private let loop: EventLoop
  private let action: @Sendable () -> Void

  /// `action` is called on the loop's thread.
  package init(loop: EventLoop, action: @escaping @Sendable () -> Void) {
    self.loop = loop
    self.action = action
  }

  /// From any thread. False when the loop was shut down.
  @discardableResult
  package func notify() -> Bool {
    // Publishes what the caller put in; pairs with the exchange in call().
    if isNotified.exchange(true, ordering: .acquiringAndReleasing) { return true }
    return loop.execute(call)
  }

  /// The same, but where the loop is in no turn the caller takes one in its place and runs the action. Not with a lock that
  /// the action or anything else of the loop takes.
  package func callOrNotify(isSoonFollowed: Bool = false) {
    // Publishes what the caller put in; pairs with the exchange in call().
    if isNotified.exchange(true, ordering: .acquiringAndReleasing) { return }
    if !loop.takeTurn(isSoonFollowed: isSoonFollowed, call) { loop.execute(call) }
  }

  /// Waits for events in the loop's place, where its own thread stands aside: `EventLoop.waitInPlace`.
  package func waitInPlace(atMost limit: UInt64, while isNeeded: () -> Bool) -> Bool {
    loop.waitInPlace(atMost: limit, while: isNeeded)
  }

  /// Ends such a wait: what it is for has come. In turns only.
  package func wakeInPlace() { loop.wakeInPlace() }

  @Sendable private func call() {
    // Before the action: what is put in after this is notified anew.
    _ = isNotified.exchange(false, ordering: .acquiringAndReleasing)
    action()
  }
}
