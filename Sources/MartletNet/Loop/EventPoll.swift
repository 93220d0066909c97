import Glibc
import MartletSystem
import Synchronization

/// Where a loop waits for its events: the system's epoll, and the bell that ends a wait. Before it sleeps it polls while that pays.
///
/// One thread at a time waits or looks, and alone touches `events` until the next time; which one, the loop's `turnLock` decides.
final class EventPoll {
  /// An eventfd whose every signal ends a wait.
  let bell: Int32
  /// What the last wait or look has found. The bell's token belongs to no channel.
  let events = UnsafeMutablePointer<martlet_event>.allocate(capacity: capacity)
  private(set) var sleeps = 0
  private(set) var polledNanoseconds: UInt64 = 0
  private let epoll: Int32
  private var policy: PollPolicy

  private static let capacity = 256
  private static let bellToken = UInt64.max - 1

  /// - Parameter limit: How long to poll at most before sleeping; 0 for never.
  /// - Throws: When the system refuses a descriptor.
  init(limitNanoseconds limit: UInt64) throws(NetworkError) {
    policy = PollPolicy(limitNanoseconds: limit)
    epoll = martlet_epoll_create()
    bell = martlet_eventfd_create()
    var error: NetworkError?
    if epoll < 0 {
      error = .system(-epoll, "create", "an epoll descriptor")
    } else if bell < 0 {
      error = .system(-bell, "create", "an eventfd")
    } else {
      let status = martlet_epoll_add_edge(epoll, bell, UInt32(MARTLET_READABLE), EventPoll.bellToken)
      if status < 0 { error = .system(-status, "watch", "an eventfd") }
    }
    if let error {
      close()
      throw error
    }
  }

  deinit { events.deallocate() }

  /// Closes both descriptors. Nobody waits, and nobody will.
  func close() {
    if epoll >= 0 { Glibc.close(epoll) }
    if bell >= 0 { Glibc.close(bell) }
  }

  // MARK: What is watched

  /// 0 or a negative errno.
  func watch(_ descriptor: Int32, waitsFor: UInt32, token: UInt64) -> Int32 {
    martlet_epoll_add(epoll, descriptor, waitsFor, token)
  }

  func unwatch(_ descriptor: Int32) { _ = martlet_epoll_remove(epoll, descriptor) }

  func change(_ descriptor: Int32, waitsFor: UInt32, token: UInt64) {
    let status = martlet_epoll_change(epoll, descriptor, waitsFor, token)
    if status < 0 { misuse("epoll refuses a change of descriptor \(descriptor): error \(-status)") }
  }

  // MARK: Waiting

  /// Waits for events, until `due` at the latest, or until something is submitted; how many there are, which may be none. All times are
  /// nanoseconds of the monotonic clock.
  func wait(for submissions: Submissions, from start: UInt64, until due: UInt64) -> Int {
    if due <= start || submissions.isPending.load(ordering: .relaxed) { return look() }
    var polled = false
    if policy.polls {
      polled = true
      let (count, ended) = poll(submissions, from: start, due: due)
      if ended { return count }
    }
    // README.md section 2: after this, who submits rings the bell.
    guard submissions.prepareToSleep() else { return look() }
    sleeps += 1
    let nanoseconds = due == .max ? -1 : Int64(min(due - min(due, martlet_monotonic_nanoseconds()), 1 << 60))
    let count = wait(nanoseconds)
    submissions.wokeUp()
    if !polled, count > 0 { policy.slept(from: start, to: martlet_monotonic_nanoseconds()) }
    return count
  }

  /// Looks for events for a while. `ended` when there is something to do.
  private func poll(_ submissions: Submissions, from start: UInt64, due: UInt64) -> (count: Int, ended: Bool) {
    var time = start
    defer { polledNanoseconds += time - start }
    let end = min(due, start + policy.limit)
    while true {
      let count = look()
      if count > 0 || submissions.isPending.load(ordering: .relaxed) {
        policy.found()
        return (count, true)
      }
      let before = martlet_monotonic_nanoseconds()
      sched_yield()
      time = martlet_monotonic_nanoseconds()
      // Giving the processor away took as long as another thread's turn: it is needed elsewhere.
      if time - before > PollPolicy.crowdedNanoseconds {
        policy.crowded(at: time)
        return (0, false)
      }
      if time >= end {
        if time >= due { return (0, true) }
        policy.pollingFailed()
        return (0, false)
      }
    }
  }

  /// The same without waiting.
  func look() -> Int { wait(0) }

  private func wait(_ nanoseconds: Int64) -> Int {
    let count = martlet_epoll_wait(epoll, events, Int32(EventPoll.capacity), nanoseconds)
    if count < 0 { misuse("epoll fails with error \(-count)") }
    return Int(count)
  }
}
