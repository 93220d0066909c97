import MartletGraph
import Synchronization

/// Holds sources back while the results in memory leave them no room. See `README.md` beside this file.
final class SourceGate: @unchecked Sendable {
  // Sendable: everything below the lock is used under it; the atomics are copies for `looksOpen`.

  private let ledger: MemoryLedger
  private let lock = Lock()
  private let graph: TaskGraph
  /// Estimates of the graph's sources, by task.
  private let estimates: [UInt32: Int]
  private let ranks: [UInt32: UInt32]
  /// Rank in the upper half, task in the lower.
  private var waiting = ReadyHeap()
  /// The estimates of the sources that run.
  private var reserved = 0
  /// The threads in this run that run a task or look for one, and the tasks that are away from the lanes.
  private var busy = 0
  private let waitingCount = Atomic<Int>(0)
  /// What `waiting`'s first and the running sources will take.
  private let wantedBytes = Atomic<Int>(0)
  /// Whether nothing but sources is left, because the last task that was away came back.
  private let isDue = Atomic<Bool>(false)

  /// Nil when no needed task is a source.
  init?(_ graph: TaskGraph, _ ledger: MemoryLedger, isNeeded: (Int) -> Bool) {
    var estimates: [UInt32: Int] = [:]
    for (task, traits) in graph.tasksWithTraits where traits.isSource && isNeeded(Int(task)) {
      estimates[task] = max(0, traits.estimatedResultBytes)
    }
    if estimates.isEmpty { return nil }
    var ranks: [UInt32: UInt32] = [:]
    for rank in 0..<graph.count where estimates[graph.order[rank]] != nil { ranks[graph.order[rank]] = UInt32(rank) }
    self.graph = graph
    self.ledger = ledger
    self.estimates = estimates
    self.ranks = ranks
  }

  /// Whether the task has to come through here.
  func holds(_ task: UInt32) -> Bool { estimates[task] != nil }

  /// A source has become ready.
  func offer(_ task: UInt32) {
    lock.withLock {
      waiting.insert(UInt64(ranks[task]!) << 32 | UInt64(task))
      publish()
    }
  }

  /// A thread that was idle begins to look for work, or a task leaves the lanes: it will come back.
  func enter() {
    lock.withLock {
      busy += 1
      publish()
    }
  }

  /// A task that was away has ended or is ready again, and what follows from that is where threads find it.
  func cameBack() {
    lock.withLock {
      busy -= 1
      publish()
    }
  }

  /// A thread found nothing else to do. It gets a source, or is idle from now on (-1).
  func takeOrIdle() -> Int {
    lock.withLock {
      if let first = waiting.first, fits(first) { return take() }
      busy -= 1
      // Nothing runs and nothing is ready: without this source the run would stand still.
      if busy == 0, !waiting.isEmpty {
        busy = 1
        return take()
      }
      return -1
    }
  }

  /// A source has ended; its result is in the ledger by now.
  func finished(_ task: UInt32) {
    guard let estimate = estimates[task] else { return }
    lock.withLock {
      reserved -= estimate
      publish()
    }
  }

  /// Whether an idle thread should come and ask. May be a moment old; who frees memory wakes a sleeping thread.
  var looksOpen: Bool {
    waitingCount.load(ordering: .relaxed) > 0
      && (isDue.load(ordering: .relaxed)
        || ledger.liveBytes + wantedBytes.load(ordering: .relaxed) <= ledger.budget)
  }

  private func fits(_ entry: UInt64) -> Bool {
    ledger.liveBytes + reserved + estimates[UInt32(truncatingIfNeeded: entry)]! <= ledger.budget
  }

  private func take() -> Int {
    let task = UInt32(truncatingIfNeeded: waiting.removeFirst())
    reserved += estimates[task]!
    publish()
    return Int(task)
  }

  private func publish() {
    waitingCount.store(waiting.count, ordering: .relaxed)
    let next = waiting.first.map { estimates[UInt32(truncatingIfNeeded: $0)]! } ?? 0
    wantedBytes.store(reserved + next, ordering: .relaxed)
    isDue.store(busy == 0 && !waiting.isEmpty, ordering: .relaxed)
  }
}
