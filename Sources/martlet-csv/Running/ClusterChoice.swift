import Martlet
import MartletCluster
import MartletEngine
import MartletGraph

/// Where the tasks of a query run, if not on threads of this process.
enum ClusterChoice: Sendable {
  /// On the workers of a scheduler.
  case cluster(address: String, secretFile: String?)
  /// In processes of this machine, which end with the query.
  case local(workers: Int, threads: Int)

  /// Nil for threads of this process.
  init?(_ arguments: Arguments) throws(UsageError) {
    let address = arguments.value(.cluster)
    let workers = try arguments.integer(.localCluster, atLeast: 1, atMost: 1024)
    if address != nil, workers != nil {
      throw UsageError("--cluster and --local-cluster are two ways to say where", remedy: "give one of them")
    }
    if arguments.has(.secretFile), address == nil {
      throw UsageError("--secret-file belongs to a cluster", remedy: "add --cluster tcp://HOST:PORT")
    }
    if address == nil, workers == nil {
      if !arguments.has(.sendData) { return nil }
      throw UsageError("--send-data belongs to a cluster", remedy: "add --cluster tcp://HOST:PORT")
    }
    for option in [OptionName.trace, .profile] where arguments.has(option) {
      throw UsageError(
        "--\(option.rawValue) shows the threads of this process, not a cluster", remedy: "leave the cluster out")
    }
    if let address {
      self = .cluster(address: address, secretFile: arguments.value(.secretFile))
    } else {
      self = .local(workers: workers ?? 1, threads: try arguments.threads() ?? 1)
    }
  }

  /// Connects, or starts the processes.
  ///
  /// - Parameter cancellation: Ends the wait.
  /// - Throws: `ClusterError`; `CancellationError`.
  func connect(_ cancellation: CancellationSource) throws -> any Executor {
    var registry = TaskFunctionRegistry()
    try TableFunctions.register(in: &registry)
    var options = ClientOptions()
    options.registry = registry
    options.connectTimeout = .seconds(5)
    options.cancellation = cancellation
    switch self {
    case .cluster(let address, let secretFile):
      options.secretFile = secretFile
      return try Client(address, options: options)
    case .local(let workers, let threads):
      let cluster = try LocalCluster(workers: workers, threads: threads)
      do {
        return OwnedCluster(cluster, try cluster.client(options: options))
      } catch {
        cluster.close()
        throw error
      }
    }
  }
}

/// A cluster that goes with its only client.
private final class OwnedCluster: Executor {
  private let cluster: LocalCluster
  private let client: Client

  init(_ cluster: LocalCluster, _ client: Client) {
    self.cluster = cluster
    self.client = client
  }

  deinit {
    client.close()
    cluster.close()
  }

  func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
    try client.run(graph, outputs: outputs, options: options)
  }
}

extension ClusterError {
  /// What happened and what to do, as the other complaints have it.
  var complaint: String {
    let line = message.split(whereSeparator: \.isNewline).joined(separator: "; ")
    return "\(line) (\(remedy.prefix(1).lowercased() + remedy.dropFirst()))"
  }
}

extension ClusterTaskError {
  /// What happened, on one line.
  var complaint: String {
    let lines = message.split(whereSeparator: \.isNewline).joined(separator: "; ")
    let workers = deaths.map { "\($0.worker) on \($0.host): \($0.cause)" }.joined(separator: ", ")
    return "the task \(label) failed on the cluster: \(lines)\(workers.isEmpty ? "" : " (workers died: \(workers))")"
  }
}
