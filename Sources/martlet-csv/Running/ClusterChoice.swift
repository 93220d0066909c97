import Martlet
import MartletCluster
import MartletEngine
import MartletGraph

/// Where the tasks of a query run, if not on threads of this process.
enum ClusterChoice: Sendable {
  /// On the workers of a scheduler.
  case cluster(address: String, secretFile: String?)
  /// On so many processes of this machine, which end with the query.
  case local(workers: Int, threads: Int)

  /// Nil for threads of this process.
  init?(_ arguments: Arguments) throws(UsageError) {
    let address = arguments.value(.cluster)
    let workers = try arguments.integer(.localCluster, atLeast: 1, atMost: 1024)
    if address != nil, workers != nil {
      throw UsageError("--cluster and --local-cluster do not go together", remedy: "give one of them")
    }
    if arguments.has(.secretFile), address == nil {
      throw UsageError("--secret-file belongs to a cluster", remedy: "add --cluster tcp://HOST:PORT")
    }
    if arguments.has(.sendData), address == nil, workers == nil {
      throw UsageError("--send-data belongs to a cluster", remedy: "add --cluster tcp://HOST:PORT, or leave it out")
    }
    if address == nil, workers == nil { return nil }
    for option in [OptionName.trace, .profile] where arguments.has(option) {
      throw UsageError(
        "--\(option.rawValue) shows threads of this process, not a cluster",
        remedy: "leave the cluster out, or look at the scheduler's HTTP port")
    }
    if let address {
      self = .cluster(address: address, secretFile: arguments.value(.secretFile))
    } else {
      self = .local(workers: workers!, threads: try arguments.threads() ?? 1)
    }
  }

  /// Connects, or starts the processes.
  ///
  /// - Throws: `ClusterError`.
  func connect() throws -> any Executor {
    var registry = TaskFunctionRegistry()
    try TableFunctions.register(in: &registry)
    var options = ClientOptions()
    options.registry = registry
    switch self {
    case .cluster(let address, let secretFile):
      options.secretFile = secretFile
      return OwnedCluster(client: try Client(address, options: options), processes: nil)
    case .local(let workers, let threads):
      let processes = try LocalCluster(workers: workers, threads: threads)
      do {
        return OwnedCluster(client: try processes.client(options: options), processes: processes)
      } catch {
        processes.close()
        throw error
      }
    }
  }
}

/// A client, and with it the processes that were started for it: both go with it.
private final class OwnedCluster: Executor {
  private let client: Client
  private let processes: LocalCluster?

  init(client: Client, processes: LocalCluster?) {
    self.client = client
    self.processes = processes
  }

  deinit {
    client.close()
    processes?.close()
  }

  func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
    try client.run(graph, outputs: outputs, options: options)
  }
}

extension ClusterError {
  /// What happened and what to do, as the other complaints have it.
  var complaint: String { "\(message) (\(remedy.prefix(1).lowercased() + remedy.dropFirst()))" }
}
