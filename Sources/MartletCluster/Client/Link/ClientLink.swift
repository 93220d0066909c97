import MartletClient
import MartletGraph
import MartletNet
import Synchronization

/// What a client and its futures have in common: the way to the loop. The session ends when the last of them is gone.
final class ClientLink: Sendable {
  let shell: ClientShell
  let registry: TaskFunctionRegistry
  let keptBytes: Int
  /// Numbers what is made here: names of its own.
  let serial = Atomic<UInt64>(0)
  private let queue: CommandQueue
  private let drain: @Sendable () -> Void

  init(_ shell: ClientShell) {
    self.shell = shell
    registry = shell.registry
    keptBytes = shell.options.keptResultBytes
    queue = shell.queue
    drain = { [shell] in shell.drain() }
    shell.link = self
  }

  deinit { post(.close) }

  /// Hands a command to the loop.
  ///
  /// - Parameters:
  ///   - size: What it holds, in bytes.
  ///   - waits: Whether to wait while too much is queued.
  ///   - isUrgent: As `CommandQueue.add` has it.
  /// - Returns: False when the client is closed.
  @discardableResult
  func post(_ command: ClientCommand, size: Int = 0, waits: Bool = false, isUrgent: Bool = true) -> Bool {
    switch queue.add(command, size: size, waits: waits && !shell.loop.isOnLoop, isUrgent: isUrgent) {
    case .first: shell.loop.execute(drain)
    case .behindOthers: true
    case .refused, .cancelled: false
    }
  }

  /// Hands a command to the loop; waits while too much is queued, until that is in vain.
  ///
  /// - Throws: `CancellationError` then; `ClusterError` when the client is closed.
  func post(_ command: ClientCommand, size: Int, unless isCancelled: () -> Bool) throws {
    switch withoutActuallyEscaping(
      isCancelled,
      do: { isCancelled in
        queue.add(command, size: size, waits: !shell.loop.isOnLoop, isCancelled: isCancelled)
      })
    {
    case .first: if !shell.loop.execute(drain) { throw closedError }
    case .behindOthers: break
    case .cancelled: throw CancellationError()
    case .refused: throw closedError
    }
  }

  /// Lets these be tried again that have failed.
  func retry(_ cells: [ResultCell]) {
    for cell in cells { cell.beginRetry() }
    if !post(.retry(cells)) { for cell in cells { cell.refuseRetry() } }
  }

  /// The futures that a graph needs.
  ///
  /// - Throws: `ClusterError` when one of them is of another client.
  func checked(_ references: [AnyObject]) throws(ClusterError) -> [FutureToken] {
    let tokens = references.compactMap { $0 as? FutureToken }
    if tokens.contains(where: { $0.link !== self }) { throw .foreign("a graph needs a future") }
    return tokens
  }

  /// The cells of futures of this client.
  ///
  /// - Throws: `ClusterError` when one of them is of another client.
  func cells<Value>(of futures: [ClusterFuture<Value>], _ what: String) throws(ClusterError) -> [ResultCell] {
    if futures.contains(where: { $0.token.link !== self }) { throw .foreign(what) }
    return futures.map(\.token.cell)
  }

  /// The error of a command that was not taken.
  var closedError: ClusterError { shell.status.endError ?? .closed }

  /// Stops the program where a wait would never end.
  func requireOffLoop() {
    if shell.loop.isOnLoop {
      fatalError("a client's own thread cannot wait for the cluster: do it outside of its callbacks")
    }
  }

  /// Asks, and waits for the answer.
  ///
  /// - Throws: `ClusterError`.
  func ask(_ body: RequestBody, timeout: Duration? = nil, what: String) throws -> ReplyAnswer {
    requireOffLoop()
    let reply = PendingReply()
    guard post(.request(reply, body)) else { throw closedError }
    guard let answer = reply.wait(until: ThreadWaiter.deadline(after: timeout)) ?? reply.giveUp() else {
      post(.abandon(reply))
      try BodyRest.checkCancellation()
      throw ClusterError.timedOut(what, timeout ?? .zero)
    }
    return try checked(answer, what)
  }

  /// Asks, and suspends until the answer is there.
  ///
  /// - Throws: `ClusterError`, or `CancellationError` when the Swift task is cancelled.
  func ask(_ body: RequestBody, timeout: Duration? = nil, what: String) async throws -> ReplyAnswer {
    let reply = PendingReply()
    guard post(.request(reply, body)) else { throw closedError }
    guard let answer = await reply.value(within: timeout) else {
      post(.abandon(reply))
      try Task.checkCancellation()
      throw ClusterError.timedOut(what, timeout ?? .zero)
    }
    return try checked(answer, what)
  }

  private func checked(_ answer: ReplyAnswer, _ what: String) throws -> ReplyAnswer {
    switch answer {
    case .failed(let error): throw error
    case .answer(.denied(let reason)): throw shell.status.endError ?? ClusterError.denied(what, reason)
    case .answer, .futures, .holders, .onWorkers, .lease: return answer
    }
  }
}

extension [FutureToken] {
  /// Their cells, for each client that they are of.
  var cellsByLink: [(link: ClientLink, cells: [ResultCell])] {
    var lists: [(link: ClientLink, cells: [ResultCell])] = []
    // There are few clients in a program, mostly one.
    for token in self {
      if let place = lists.firstIndex(where: { $0.link === token.link }) {
        lists[place].cells.append(token.cell)
      } else {
        lists.append((token.link, [token.cell]))
      }
    }
    return lists
  }
}

/// A handle of the program on a future: when the last copy is gone, so is the future.
final class FutureToken: Sendable {
  let cell: ResultCell
  let link: ClientLink

  init(_ cell: ResultCell, _ link: ClientLink) {
    self.cell = cell
    self.link = link
  }

  // A small result takes nothing that anybody waits for: its release rides along with the next command.
  deinit { link.post(.release(cell), isUrgent: !cell.isSmall) }
}
