import Synchronization

/// Futures in the order in which they end.
///
///     let completed = CompletedFutures(files.map { file in pool.submit { try lineCount(file) } })
///     while let future = completed.next() { total += try future.result() }
///
/// More may be inserted at any time, also while somebody takes them: a loop that looks at a result and submits the next
/// task inserts its future. The futures need not be of the same pool. Several threads or tasks may take from one.
public final class CompletedFutures<Value: Sendable>: AsyncSequence, Sendable {
  private let shared = CompletionQueue<Value>()

  /// No futures yet.
  public init() {}

  /// Futures in the order in which they end.
  public init(_ futures: some Sequence<Future<Value>>) {
    for future in futures { insert(future) }
  }

  /// Adds a future; one that has ended already comes as if it did now.
  public func insert(_ future: Future<Value>) { shared.insert(future) }

  /// Futures that nobody has taken: those that run or wait, and those that have ended.
  public var remaining: Int { shared.remaining }

  /// Cancels those that have not ended; they come too.
  public func cancelAll() { for future in shared.unfinished { future.cancel() } }

  /// The next future that has ended; blocks the calling thread until there is one. Nil when all have been taken.
  @available(*, noasync, message: "use for await")
  public func next() -> Future<Value>? {
    if case .future(let future) = shared.next(until: nil) { return future }
    return nil
  }

  /// The next future that has ended; blocks the calling thread until there is one. Nil when all have been taken.
  ///
  /// - Throws: `PoolError` (`.timedOut`) when none ends in this time.
  @available(*, noasync, message: "use for await")
  public func next(timeout: Duration) throws -> Future<Value>? {
    switch shared.next(until: Waiting.deadline(after: timeout)) {
    case .future(let future): return future
    case .end: return nil
    case .timedOut: throw PoolError.timedOut("Waiting for the next of several tasks", after: timeout)
    }
  }

  /// Takes futures as they end.
  public struct Iterator: AsyncIteratorProtocol {
    fileprivate let shared: CompletionQueue<Value>

    /// The next future that has ended; suspends until there is one. Nil when all have been taken, and when the Swift task
    /// that waits is cancelled.
    public func next() async -> Future<Value>? { await shared.next() }
  }

  /// An iterator over the futures that nobody has taken.
  public func makeAsyncIterator() -> Iterator { Iterator(shared: shared) }
}

/// What a `CompletedFutures` and the futures in it have in common.
private final class CompletionQueue<Value: Sendable>: @unchecked Sendable {
  // Sendable: everything is used under the lock.
  private let lock = ShortLock()
  private var pending: [ObjectIdentifier: Future<Value>] = [:]
  private var ended: [Future<Value>] = []
  private var head = 0
  private var waiters = Waiters()

  enum Answer {
    case future(Future<Value>)
    case end
    case timedOut
  }

  deinit { lock.destroy() }

  var remaining: Int { lock.withLock { pending.count + ended.count - head } }

  var unfinished: [Future<Value>] { lock.withLock { Array(pending.values) } }

  func insert(_ future: Future<Value>) {
    let isNew = lock.withLock { pending.updateValue(future, forKey: ObjectIdentifier(future)) == nil }
    if isNew, !future.add(CompletionListener(self)) { finished(future) }
  }

  func finished(_ future: AnyFuture) {
    lock.lock()
    if let future = pending.removeValue(forKey: ObjectIdentifier(future)) { ended.append(future) }
    let told = waiters.takeAll()
    lock.unlock()
    for tell in told { tell() }
  }

  func next(until deadline: UInt64?) -> Answer {
    while true {
      lock.lock()
      if let future = popFirst() {
        lock.unlock()
        return .future(future)
      }
      if pending.isEmpty {
        lock.unlock()
        return .end
      }
      let parker = Parker()
      waiters.add(parker)
      lock.unlock()
      if !Waiting.sleep(on: parker, until: deadline) {
        lock.withLock { waiters.remove(parker) }
        return .timedOut
      }
    }
  }

  func next() async -> Future<Value>? {
    while true {
      let gate = ContinuationGate()
      let future = lock.withLock { () -> Future<Value>?? in
        if let future = popFirst() { return .some(future) }
        if pending.isEmpty { return .some(nil) }
        waiters.add(gate)
        return nil
      }
      if let future { return future }
      await withTaskCancellationHandler {
        await withUnsafeContinuation { gate.suspend($0) }
      } onCancel: {
        gate.open()
      }
      if Task.isCancelled {
        lock.withLock { waiters.remove(gate) }
        return nil
      }
    }
  }

  /// Under the lock.
  private func popFirst() -> Future<Value>? {
    guard head < ended.count else { return nil }
    defer {
      head += 1
      // As in `ReadyResults`.
      if head == ended.count || head > 32 && head * 2 > ended.count {
        ended.removeFirst(head)
        head = 0
      }
    }
    return ended[head]
  }
}

private final class CompletionListener<Value: Sendable>: FutureListener, @unchecked Sendable {
  // Sendable: constant.
  private let queue: CompletionQueue<Value>

  init(_ queue: CompletionQueue<Value>) { self.queue = queue }

  override func futureFinished(_ future: AnyFuture) { queue.finished(future) }
}
