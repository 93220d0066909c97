import Synchronization

/// A lease that this client holds.
final class LeaseState: Sendable {
  let semaphore: String
  let number: UInt64
  let fence: UInt64
  private let lost = Atomic<Bool>(false)

  init(semaphore: String, number: UInt64, fence: UInt64) {
    self.semaphore = semaphore
    self.number = number
    self.fence = fence
  }

  var isLost: Bool { lost.load(ordering: .relaxed) }

  func lose() { lost.store(true, ordering: .relaxed) }
}
