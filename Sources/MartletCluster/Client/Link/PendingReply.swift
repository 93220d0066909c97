import MartletClient
import MartletEngine
import MartletProtocol

/// A question to the session, in terms of cells.
enum RequestBody: Sendable {
  case gather([ResultCell])
  case publish(name: String, [ResultCell], overwrites: Bool)
  case unpublish(name: String)
  case subscribe(name: String)
  case whoHas([ResultCell])
  case ask(Question)
  case replicate([ResultCell], copies: UInt32)
  /// None: all results that are there.
  case rebalance([ResultCell])
  case runOnWorkers(WorkersCall)
  /// Names or addresses of workers.
  case retireWorkers([String])
  case restart(name: String, timeoutNanoseconds: Int64)
  case coordinate(CoordinationRequest, ResultCell?)

  var cells: [ResultCell] {
    switch self {
    case .gather(let list), .publish(_, let list, _), .whoHas(let list), .replicate(let list, _), .rebalance(let list):
      list
    case .coordinate(_, let cell): cell.map { [$0] } ?? []
    case .unpublish, .subscribe, .ask, .runOnWorkers, .retireWorkers, .restart: []
    }
  }
}

/// What came of it.
enum ReplyAnswer: Sendable {
  case answer(ClientAnswer)
  case futures([FutureToken])
  case lease(LeaseState)
  /// Holders of each cell that was asked about.
  case holders([[String]])
  /// The tasks of a call on workers, with the workers' addresses.
  case onWorkers([(worker: String, token: FutureToken)])
  case failed(any Error)
}

/// Somebody who waits for the answer to a request: one thread, or one Swift task.
final class PendingReply: @unchecked Sendable {
  // Sendable: `answer` is used under the lock, `number` belongs to the loop, the rest is constant.
  private let lock = Lock()
  private var answer: ReplyAnswer?
  private let waiter = ThreadWaiter()
  private let gate = TaskGate()
  /// Its number at the session; the loop's.
  @exclusivity(unchecked) var number: RequestID?
  private var isGivenUp = false

  /// - Returns: False when nobody waits any more.
  @discardableResult
  func settle(_ answer: ReplyAnswer) -> Bool {
    let isWanted = lock.withLock {
      if self.answer != nil || isGivenUp { return false }
      self.answer = answer
      return true
    }
    guard isWanted else { return false }
    waiter.set()
    gate.open()
    return true
  }

  /// Nobody waits any more; what has come in the last moment is given.
  func giveUp() -> ReplyAnswer? {
    lock.withLock {
      isGivenUp = true
      return answer
    }
  }

  private var current: ReplyAnswer? { lock.withLock { answer } }

  /// Blocks until there is an answer; nil when the deadline came first.
  func wait(until deadline: UInt64? = nil) -> ReplyAnswer? {
    if ThreadWaiter.spin({ current != nil }) { return current }
    waiter.wait(until: deadline)
    return current
  }

  /// Suspends until there is an answer; nil when the time is over, or the Swift task that waits is cancelled.
  func value(within timeout: Duration? = nil) async -> ReplyAnswer? {
    let timer = timeout.map { time in
      Task.detached { [gate] in
        // Cancelled when the answer was faster.
        do { try await Task.sleep(for: time) } catch { return }
        gate.open()
      }
    }
    await withTaskCancellationHandler {
      await withUnsafeContinuation { gate.suspend($0) }
    } onCancel: {
      gate.open()
    }
    timer?.cancel()
    return current ?? giveUp()
  }
}
