import Glibc
import MartletSystem
import Synchronization

/// Work that other threads hand to a loop, and the bell that wakes it. README.md section 2 has the argument.
final class Submissions: @unchecked Sendable {
  // Sendable: `lock` guards all variables; the rest is atomic or constant.
  typealias Work = @Sendable () -> Void

  /// Whether work waits, for a look without the lock. May be late; the look before sleeping is not.
  let isPending = Atomic<Bool>(false)
  private let lock = NetLock()
  private var waiting: [Work] = []
  private var isSleeping = false
  private var isOpen = true
  /// Threads between their decision to ring and the end of the system call that does.
  private let ringing = Atomic<Int>(0)
  private let bell: Int32

  /// `bell` is an eventfd that the loop listens to.
  init(bell: Int32) { self.bell = bell }

  /// Appends `work` and wakes the loop if it sleeps. False when the loop was shut down; `work` is then dropped.
  func add(_ work: @escaping Work) -> Bool { submit(work) }

  /// Wakes the loop if it sleeps, or if it is about to.
  func wake() { _ = submit(nil) }

  private func submit(_ work: Work?) -> Bool {
    var rings = false
    let accepted = lock.withLock {
      guard isOpen else { return false }
      if let work { waiting.append(work) }
      if !isPending.load(ordering: .relaxed) { isPending.store(true, ordering: .releasing) }
      if isSleeping {
        isSleeping = false
        rings = true
        ringing.wrappingAdd(1, ordering: .relaxed)
      }
      return true
    }
    if rings {
      martlet_eventfd_signal(bell)
      // Pairs with the load in close(): the bell is used no more.
      ringing.wrappingSubtract(1, ordering: .releasing)
    }
    return accepted
  }

  /// Exchanges what waits with `list`, which is empty.
  func take(_ list: inout [Work]) {
    lock.withLock {
      swap(&waiting, &list)
      isPending.store(false, ordering: .relaxed)
    }
  }

  /// From now on `add` rings the bell. False when work waits already, or `wake` was called: then the loop must not sleep.
  func prepareToSleep() -> Bool {
    lock.withLock {
      if isPending.load(ordering: .relaxed) { return false }
      isSleeping = true
      return true
    }
  }

  /// The loop is awake: the bell is not needed.
  func wokeUp() {
    lock.withLock { isSleeping = false }
  }

  /// Refuses further work if none waits; then nobody will touch the bell any more.
  func closeIfEmpty() -> Bool {
    let closed = lock.withLock {
      if !waiting.isEmpty { return false }
      isOpen = false
      return true
    }
    if closed {
      while ringing.load(ordering: .acquiring) != 0 { sched_yield() }
    }
    return closed
  }
}
