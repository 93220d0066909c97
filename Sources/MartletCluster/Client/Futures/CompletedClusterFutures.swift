import MartletEngine
public import MartletBytes

/// Futures in the order in which they end.
///
/// More may be inserted at any time, also while somebody takes them. At most `prefetch` of those that have ended and were not
/// taken have their values fetched ahead: a reader that is slow does not fill the memory.
public final class CompletedClusterFutures<Value: PortableValue>: AsyncSequence, Sendable {
  private let shared: CompletedCells

  /// No futures yet.
  public init(prefetch: Int = 16) { shared = CompletedCells(prefetch: prefetch) }

  /// Futures in the order in which they end.
  ///
  /// - Parameter prefetch: Of how many futures that have ended the values are fetched before they are taken; 0: none.
  public convenience init(_ futures: some Sequence<ClusterFuture<Value>>, prefetch: Int = 16) {
    self.init(prefetch: prefetch)
    for future in futures { insert(future) }
  }

  /// Adds a future; one that has ended already comes as if it did now.
  public func insert(_ future: ClusterFuture<Value>) { shared.insert(future.token) }

  /// How many wait for one.
  var waiterCount: Int { shared.waiterCount }

  /// Futures that nobody has taken.
  public var remaining: Int { shared.remaining }

  /// Cancels those that have not ended; they come too.
  public func cancelAll() {
    for (link, cells) in shared.unfinished.cellsByLink { link.post(.cancel(cells, force: false)) }
  }

  /// The next future that has ended; blocks the calling thread until there is one. Nil when all have been taken, and when the task
  /// of the cluster that waits here is cancelled.
  @available(*, noasync, message: "use for await")
  public func next() -> ClusterFuture<Value>? {
    if case .token(let token) = shared.next(until: nil) { return ClusterFuture(token) }
    return nil
  }

  /// The next future that has ended; blocks the calling thread until there is one. Nil when all have been taken.
  ///
  /// - Throws: `ClusterError` (`.timedOut`) when none ends in this time; `CancellationError` when the task of the cluster that waits
  ///   here is cancelled.
  @available(*, noasync, message: "use for await")
  public func next(timeout: Duration) throws -> ClusterFuture<Value>? {
    switch shared.next(until: ThreadWaiter.deadline(after: timeout)) {
    case .token(let token): return ClusterFuture(token)
    case .end: return nil
    case .nothing:
      try BodyRest.checkCancellation()
      throw ClusterError.timedOut("waiting for the next of several futures", timeout)
    }
  }

  /// Takes futures as they end.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let shared: CompletedCells

    /// The next future that has ended; suspends until there is one. Nil when all have been taken, and when the Swift task
    /// that waits is cancelled.
    public func next() async -> ClusterFuture<Value>? { await shared.next().map { ClusterFuture($0) } }
  }

  /// An iterator over the futures that nobody has taken.
  public func makeAsyncIterator() -> Iterator { Iterator(shared: shared) }
}

extension Client {
  /// These futures in the order in which they end: `for await future in client.asCompleted(futures)`.
  ///
  /// - Parameter prefetch: Of how many futures that have ended the values are fetched before they are taken; 0: none.
  public func asCompleted<Value>(
    _ futures: some Sequence<ClusterFuture<Value>>, prefetch: Int = 16
  ) -> CompletedClusterFutures<Value> {
    CompletedClusterFutures(futures, prefetch: prefetch)
  }
}

/// What a `CompletedClusterFutures` and the futures in it have in common.
private final class CompletedCells: @unchecked Sendable {
  // Sendable: everything is used under the lock.
  private let lock = Lock()
  private var pending: [ObjectIdentifier: FutureToken] = [:]
  private var ended: [FutureToken] = []
  private var head = 0
  /// How many of `ended` have been asked for their values.
  private var asked = 0
  /// The last one that was taken, when its value was fetched ahead.
  private var lastTaken: FutureToken?
  private var waiters = WaiterList()
  private let prefetch: Int

  enum Answer {
    case token(FutureToken)
    case end
    case nothing
  }

  init(prefetch: Int) { self.prefetch = max(0, prefetch) }

  deinit {
    // Values that were fetched for nobody.
    for token in ended[head..<max(head, asked)] { CompletedCells.endFetching(token) }
    if let lastTaken { CompletedCells.endFetching(lastTaken) }
  }

  var remaining: Int { lock.withLock { pending.count + ended.count - head } }

  var unfinished: [FutureToken] { lock.withLock { Array(pending.values) } }

  func insert(_ token: FutureToken) {
    let isNew = lock.withLock { pending.updateValue(token, forKey: ObjectIdentifier(token.cell)) == nil }
    guard isNew else { return }
    let listener = CellListener(needsValue: false) { [weak self, id = ObjectIdentifier(token.cell)] in
      self?.finished(id)
    }
    if !token.cell.add(listener) { finished(ObjectIdentifier(token.cell)) }
  }

  private func finished(_ id: ObjectIdentifier) {
    let (told, fetched) = lock.withLock { () -> ([@Sendable () -> Void], [FutureToken]) in
      if let token = pending.removeValue(forKey: id) { ended.append(token) }
      return (waiters.takeAll(), nextToFetch())
    }
    for token in fetched { CompletedCells.fetch(token) }
    for tell in told { tell() }
  }

  /// Under the lock: those that come into the window.
  private func nextToFetch() -> [FutureToken] {
    asked = max(asked, head)
    let end = min(ended.count, head + prefetch)
    guard asked < end else { return [] }
    defer { asked = end }
    return Array(ended[asked..<end])
  }

  private static func fetch(_ token: FutureToken) {
    let begin = token.cell.beginReading()
    if case .unasked = token.cell.look(since: begin) { token.link.post(.want(token.cell)) }
  }

  private static func endFetching(_ token: FutureToken) {
    if token.cell.endReading(keptBytes: token.link.keptBytes) { token.link.post(.wasRead(token.cell)) }
  }

  /// Takes one that has ended. A value that was fetched ahead is kept until the next one is taken.
  private func take() -> Answer {
    let (answer, fetched, read) = lock.withLock { () -> (Answer, [FutureToken], FutureToken?) in
      let before = lastTaken
      lastTaken = nil
      guard head < ended.count else { return (pending.isEmpty ? .end : .nothing, [], before) }
      let token = ended[head]
      if head < asked { lastTaken = token }
      head += 1
      let fetched = nextToFetch()
      if head == ended.count || head > 32 && head * 2 > ended.count {
        ended.removeFirst(head)
        asked -= head
        head = 0
      }
      return (.token(token), fetched, before)
    }
    for token in fetched { CompletedCells.fetch(token) }
    if let read { CompletedCells.endFetching(read) }
    return answer
  }

  func next(until deadline: UInt64?) -> Answer {
    while true {
      let answer = take()
      guard case .nothing = answer, !BodyRest.isCancelled else { return answer }
      let waiter = ThreadWaiter()
      guard let number = wait({ waiter.set() }) else { continue }
      defer { stopWaiting(number) }
      if !waiter.wait(until: deadline) { return .nothing }
    }
  }

  func next() async -> FutureToken? {
    while true {
      switch take() {
      case .token(let token): return token
      case .end: return nil
      case .nothing: break
      }
      if Task.isCancelled { return nil }
      let gate = TaskGate()
      guard let number = wait({ gate.open() }) else { continue }
      await withTaskCancellationHandler {
        await withUnsafeContinuation { gate.suspend($0) }
      } onCancel: {
        gate.open()
      }
      stopWaiting(number)
    }
  }

  /// - Returns: Nil when there is nothing to wait for.
  private func wait(_ tell: @escaping @Sendable () -> Void) -> UInt64? {
    lock.withLock { head < ended.count || pending.isEmpty ? nil : waiters.add(tell) }
  }

  private func stopWaiting(_ number: UInt64) { lock.withLock { waiters.remove(number) } }

  var waiterCount: Int { lock.withLock { waiters.count } }
}
