import MartletClient
import MartletEngine
import MartletProtocol
import MartletSystem
import Synchronization

/// One `run` of a graph: results arrive in batches for the thread that waits, which reads them.
final class GraphRun: @unchecked Sendable {
  // Sendable: `arrived` and `end` are used under the monitor, `hasNews` is atomic, the rest belongs to the loop.

  enum End: Sendable {
    /// All results have arrived.
    case complete
    case failed(FailureRecord)
    case lost(any Error)
    case cancelled
  }

  struct Arrival: Sendable {
    /// Which of the wanted tasks, as the session's answers count them.
    let place: Int
    let value: ClientValue
  }

  /// Is told, on the loop's thread, how far the tasks are, by label.
  let onProgress: (@Sendable ([LabelProgress]) -> Void)?

  private let monitor = Monitor()
  private var arrived: [Arrival] = []
  private var end: End?
  private let hasNews = Atomic<Bool>(false)

  // The loop's:
  /// What the session calls the graph, once its first piece was handed over.
  @exclusivity(unchecked) var submission: SubmissionID?
  @exclusivity(unchecked) var isComplete = false
  /// The wanted tasks so far.
  @exclusivity(unchecked) var futures: [FutureID] = []
  /// The request that fetches all results, while it is open.
  @exclusivity(unchecked) var request: RequestID?
  @exclusivity(unchecked) var fresh: [Arrival] = []
  @exclusivity(unchecked) var isTouched = false
  @exclusivity(unchecked) var isOver = false

  init(onProgress: (@Sendable ([LabelProgress]) -> Void)? = nil) { self.onProgress = onProgress }

  // MARK: For the loop

  /// Hands over what has come in this turn.
  func publish() {
    isTouched = false
    if fresh.isEmpty { return }
    monitor.withLock {
      if arrived.isEmpty { swap(&arrived, &fresh) } else { arrived += fresh }
      // A hint for the look in `next`; what was written is read under the monitor.
      hasNews.store(true, ordering: .releasing)
    }
    // Outside of the lock, which who wakes up takes first.
    monitor.signal()
    fresh.removeAll(keepingCapacity: true)
  }

  /// What has come goes first.
  func finish(_ end: End) {
    publish()
    monitor.withLock {
      if self.end == nil { self.end = end }
      monitor.signal()
    }
    hasNews.store(true, ordering: .releasing)
  }

  // MARK: For other threads

  /// Ends the wait; the loop hears of it from who waited.
  func cancel() {
    monitor.withLock {
      if end == nil { end = .cancelled }
      monitor.signal()
    }
    hasNews.store(true, ordering: .releasing)
  }

  // MARK: For the thread that waits

  /// Waits for results or for the end; `batch` is empty. Nil: more may come.
  func next(_ batch: inout [Arrival]) -> End? {
    let isSoon = ThreadWaiter.spin { hasNews.load(ordering: .acquiring) }
    // A body of a task lets others compute meanwhile.
    let rest = isSoon ? nil : BodyRest.begin { self.cancel() }
    defer { rest?.end() }
    return monitor.withLock {
      if arrived.isEmpty, end == nil {
        let start = martlet_monotonic_nanoseconds()
        while arrived.isEmpty, end == nil { monitor.wait() }
        ThreadWaiter.slept(since: start)
      }
      hasNews.store(false, ordering: .relaxed)
      swap(&arrived, &batch)
      return end
    }
  }
}
