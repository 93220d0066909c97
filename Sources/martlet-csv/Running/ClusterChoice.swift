import Martlet
import MartletCluster
import MartletEngine
import MartletGraph

/// Where the tasks of a query run, if not on threads of this process: on the workers of a scheduler.
struct ClusterChoice: Sendable {
  private let address: String
  private let secretFile: String?

  /// Nil for threads of this process.
  init?(_ arguments: Arguments) throws(UsageError) {
    guard let address = arguments.value(.cluster) else {
      for option in [OptionName.secretFile, .sendData] where arguments.has(option) {
        throw UsageError("--\(option.rawValue) belongs to a cluster", remedy: "add --cluster tcp://HOST:PORT")
      }
      return nil
    }
    for option in [OptionName.trace, .profile] where arguments.has(option) {
      throw UsageError(
        "--\(option.rawValue) shows the threads of this process, not a cluster",
        remedy: "leave --cluster out, or look at the scheduler's HTTP port")
    }
    self.address = address
    secretFile = arguments.value(.secretFile)
  }

  /// Connects.
  ///
  /// - Throws: `ClusterError`.
  func connect() throws -> any Executor {
    var registry = TaskFunctionRegistry()
    try TableFunctions.register(in: &registry)
    var options = ClientOptions()
    options.registry = registry
    options.secretFile = secretFile
    options.connectTimeout = .seconds(5)
    return try Client(address, options: options)
  }
}

extension ClusterError {
  /// What happened and what to do, as the other complaints have it.
  var complaint: String { "\(message) (\(remedy.prefix(1).lowercased() + remedy.dropFirst()))" }
}

extension ClusterTaskError {
  /// What happened, on one line.
  var complaint: String {
    let lines = message.split(whereSeparator: \.isNewline).joined(separator: "; ")
    let workers = deaths.map { "\($0.worker) on \($0.host): \($0.cause)" }.joined(separator: ", ")
    return "the task \(label) failed on the cluster: \(lines)\(workers.isEmpty ? "" : " (workers died: \(workers))")"
  }
}
