/// Why something could not be done with a cluster: about connections, names and what is shared. What tasks throw is a
/// `ClusterTaskError`.
public struct ClusterError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs.
  public enum Code: Sendable, Hashable {
    /// The address or an option makes no sense.
    case badOption
    /// A process of a cluster on this machine did not start.
    case notStarted
    /// Nobody answered in time.
    case unreachable
    /// The scheduler does not take this client, or the other way round: another secret, another version.
    case refused
    /// The scheduler was lost, and did not come back in time. All futures are lost with it.
    case lost
    /// The client was closed.
    case closed
    /// The time given for something was over.
    case timedOut
    /// No task of a cluster runs here.
    case notInTask
    /// A task waits for a result that cannot be there before it has ended.
    case waitsForItself
    /// The scheduler does not do what was asked.
    case denied
    /// A value is of another type than expected, or of one that this process has not registered.
    case wrongType
    /// A value is there, but could not be fetched or read.
    case unreadable
  }

  /// The kind of this failure.
  public let code: Code
  /// What happened and where, with the values seen.
  public let message: String
  /// What to do about it: one imperative sentence.
  public let remedy: String

  init(_ code: Code, _ message: String, _ remedy: String) {
    self.code = code
    self.message = message
    self.remedy = remedy
  }

  /// The message, the remedy.
  public var description: String { "\(message). \(remedy)." }
}

extension ClusterError {
  static var closed: ClusterError {
    ClusterError(.closed, "the client is closed", "Keep it open while its futures are used, or make another one")
  }

  static func unreachable(_ address: String, _ time: Duration, _ reason: String?) -> ClusterError {
    ClusterError(
      .unreachable, "no scheduler answers at \(address) within \(time)\(reason.map { ": \($0)" } ?? "")",
      "Start martlet-scheduler there, or correct the address")
  }

  static func refused(_ address: String, _ reason: String) -> ClusterError {
    ClusterError(
      .refused, "the scheduler at \(address) and this client do not agree: \(reason)",
      "Use one version of Martlet, and the same secret on both sides")
  }

  static func lost(_ address: String, _ reason: String) -> ClusterError {
    ClusterError(
      .lost, "the session with the scheduler at \(address) is over: \(reason)",
      "Look at the scheduler's log, then connect anew and submit again")
  }

  static func timedOut(_ what: String, _ time: Duration) -> ClusterError {
    ClusterError(.timedOut, "\(what) took longer than \(time)", "Give it more time, or cancel it")
  }

  static func foreign(_ what: String) -> ClusterError {
    ClusterError(.denied, "\(what) of another client", "Publish it there, and take it from the dataset here")
  }

  static func denied(_ what: String, _ reason: String) -> ClusterError {
    ClusterError(.denied, "\(what): \(reason)", "Correct what was asked")
  }

  static func wrongType(_ found: String, expected: String) -> ClusterError {
    ClusterError(.wrongType, "a result is of the type \(found), not \(expected)", "Ask for it as what it is")
  }

  static func unregistered(_ type: String) -> ClusterError {
    ClusterError(
      .wrongType, "a result is of the type \(type), which is not registered in this process",
      "Call TaskFunctions.register(value:) with it before the client is made")
  }

  static func unreadable(_ type: String, _ reason: String) -> ClusterError {
    ClusterError(
      .unreadable, "a result of the type \(type) cannot be read: \(reason)",
      "Use programs on both sides that were built from the same sources")
  }

  static func notFetched(_ reason: String) -> ClusterError {
    ClusterError(.unreadable, "a result is there but could not be brought here: \(reason)", "Ask for it again")
  }
}
