import MartletEngine
import MartletProtocol
import MartletSystem

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
  /// Commands without hurry of which the loop was not told.
  private var unannounced = 0
  private var isClosed = false
  /// The first commands, which may not be taken yet, at the last look.
  private var held = 0
  private let limit: Int
  private static let mostUnannounced = 64
  private static let lookNanoseconds: UInt64 = 50_000_000

  enum Added {
    /// The loop has to be told.
    case first
    case behindOthers
    /// The loop takes nothing any more.
    case refused
    /// It waited in vain, and was not added.
    case cancelled
  }

  init(limitBytes: Int) { limit = max(1, limitBytes) }

  /// Adds a command.
  ///
  /// - Parameters:
  ///   - size: What it holds in bytes.
  ///   - waits: Whether the calling thread may wait for room.
  ///   - isCancelled: Says, some times a second, whether it waits in vain.
  ///   - isUrgent: False where the loop need not be told at once: it takes the command with the next one, with some more of the
  ///     kind, or at its next tick.
  func add(
    _ command: ClientCommand, size: Int = 0, waits: Bool = false, isUrgent: Bool = true,
    isCancelled: (() -> Bool)? = nil
  ) -> Added {
    monitor.withLock {
      if waits {
        while !isClosed, bytes > 0, bytes + size > limit {
          if let isCancelled {
            if isCancelled() {
              // Who waits beside may have been meant.
              monitor.signal()
              return .cancelled
            }
            monitor.wait(until: martlet_monotonic_nanoseconds() + CommandQueue.lookNanoseconds)
          } else {
            monitor.wait()
          }
        }
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
      if !isUrgent, !isAnnounced, unannounced < CommandQueue.mostUnannounced {
        unannounced += 1
        return .behindOthers
      }
      defer { isAnnounced = true }
      return isAnnounced ? .behindOthers : .first
    }
  }

  /// Takes all commands; `taken` is empty.
  func take(_ taken: inout [ClientCommand]) {
    monitor.withLock {
      swap(&commands, &taken)
      bytes = 0
      held = 0
      isAnnounced = false
      unannounced = 0
      monitor.signal()
    }
  }

  /// Takes those commands for which `isFree` holds, which do not count as bytes; the others keep their order and their room. Each is
  /// looked at once, until all are taken.
  func take(_ taken: inout [ClientCommand], where isFree: (ClientCommand) -> Bool) {
    monitor.withLock {
      var rest = held
      for place in held..<commands.count {
        if isFree(commands[place]) {
          taken.append(commands[place])
        } else {
          commands.swapAt(rest, place)
          rest += 1
        }
      }
      commands.removeLast(commands.count - rest)
      held = rest
      isAnnounced = false
      unannounced = 0
    }
  }

  /// Whether there are commands of which the loop was not told.
  var hasUnannounced: Bool { monitor.withLock { unannounced > 0 } }

  /// Refuses what comes from now on, and gives what is there.
  func close(_ taken: inout [ClientCommand]) {
    monitor.withLock {
      isClosed = true
      swap(&commands, &taken)
      bytes = 0
      held = 0
      monitor.signal()
    }
  }
}
