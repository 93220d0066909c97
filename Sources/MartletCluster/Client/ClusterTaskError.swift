import MartletBytes
import MartletProtocol

/// Why a task of a cluster has no result.
public struct ClusterTaskError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure.
  public enum Kind: Sendable, Hashable {
    /// The task threw.
    case threw
    /// An attempt took longer than it may.
    case timedOut
    /// It ran on more workers that died than are allowed.
    case killedWorkers
    /// No worker has the function or the resources, or may run it.
    case cannotRun
    /// Its arguments or inputs are not what its function expects.
    case undecodable
    /// Its result has no bytes, or too many.
    case unsendable
    /// Somebody cancelled it.
    case cancelled
    /// What it needs is lost and cannot be computed again.
    case lost
    /// The cluster was restarted (`Client.restart`) before it had ended, or before its result was fetched.
    case restarted
  }

  /// How a worker ended that ran the task.
  public struct Death: Sendable, Hashable {
    /// The name of the worker.
    public let worker: String
    /// Where it ran.
    public let host: String
    /// `signal 9`, `exit status 1`, `connection lost`.
    public let cause: String
    /// Its largest resident memory, in bytes; 0 when nobody knows.
    public let peakBytes: Int64
    /// The last lines that it wrote.
    public let lastLines: [String]
  }

  /// The kind of failure.
  public let kind: Kind
  /// The key of the task that failed first, 32 hexadecimal digits.
  public let key: String
  /// Its label.
  public let label: String
  /// What it threw, as text, or what happened.
  public let message: String
  /// How often it was run.
  public let attempts: Int
  /// The workers that died of it, the last ones.
  public let deaths: [Death]
  /// What happened to the task at the scheduler, a line an event; empty where nobody asked.
  public internal(set) var story: [String] = []

  init(_ record: FailureRecord) {
    kind =
      switch record.kind {
      case .threw: .threw
      case .timedOut: .timedOut
      case .killedWorkers: .killedWorkers
      case .cannotRun: .cannotRun
      case .undecodable: .undecodable
      case .unsendable: .unsendable
      case .cancelled: .cancelled
      case .lost: .lost
      case .restarted: .restarted
      }
    key = record.key.description
    label = record.label
    message = record.message
    attempts = Int(record.attempts)
    deaths = record.deaths.map {
      Death(worker: $0.worker, host: $0.host, cause: $0.cause, peakBytes: $0.peakBytes, lastLines: $0.lastLines)
    }
  }

  /// What failed and why, with the workers that died and the end of the story.
  public var description: String {
    var text = message
    if attempts > 1 { text += " (\(attempts) attempts)" }
    for death in deaths {
      text += "\n  the worker \(death.worker) on \(death.host) died: \(death.cause)"
      for line in death.lastLines.suffix(3) { text += "\n    \(line)" }
    }
    for line in story.suffix(8) { text += "\n  \(line)" }
    return text
  }
}
