import MartletEngine
import MartletProtocol

/// What threads of the program want the loop to do.
enum ClientCommand: Sendable {
  case submit(SubmittedGraph)
  case piece(GraphRun, Submission)
  /// Nobody waits for the run any more.
  case endRun(GraphRun)
  case want(ResultCell)
  /// A reader has taken a value that is too large to be kept.
  case wasRead(ResultCell)
  case release(ResultCell)
  case cancel([ResultCell], force: Bool)
  case retry([ResultCell])
  case request(PendingReply, RequestBody)
  case abandon(PendingReply)
  case scatter(ScatterOrder)
  case listen(topic: String, MessageBuffer)
  case endListening(topic: String, MessageBuffer)
  case giveBack(LeaseState)
  case close
}

/// Commands on their way to the loop, bounded in bytes. Many commands make one wake-up.
final class CommandQueue: @unchecked Sendable {
  // Sendable: the monitor guards all variables.
  private let monitor = Monitor()
  private var commands: [ClientCommand] = []
  private var bytes = 0
  private var isAnnounced = false
  private var isClosed = false
  private let limit: Int

  enum Added {
    /// The loop has to be told.
    case first
    case behindOthers
    /// The loop takes nothing any more.
    case refused
  }

  init(limitBytes: Int) { limit = max(1, limitBytes) }

  /// Adds a command.
  ///
  /// - Parameters:
  ///   - size: What it holds in bytes.
  ///   - waits: Whether the calling thread may wait for room.
  func add(_ command: ClientCommand, size: Int = 0, waits: Bool = false) -> Added {
    monitor.withLock {
      if waits {
        while !isClosed, bytes > 0, bytes + size > limit { monitor.wait() }
      }
      if isClosed {
        // The next one that waits has to see it as well.
        monitor.signal()
        return .refused
      }
      bytes += size
      commands.append(command)
      // One is woken at a time: the next one may have room, too.
      if waits, bytes < limit { monitor.signal() }
      defer { isAnnounced = true }
      return isAnnounced ? .behindOthers : .first
    }
  }

  /// Takes all commands; `taken` is empty.
  func take(_ taken: inout [ClientCommand]) {
    monitor.withLock {
      swap(&commands, &taken)
      bytes = 0
      isAnnounced = false
      monitor.signal()
    }
  }

  /// Refuses what comes from now on, and gives what is there.
  func close(_ taken: inout [ClientCommand]) {
    monitor.withLock {
      isClosed = true
      swap(&commands, &taken)
      bytes = 0
      monitor.signal()
    }
  }
}
