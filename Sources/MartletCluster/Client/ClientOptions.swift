public import MartletEngine
public import MartletGraph

/// What can be chosen about a client.
public struct ClientOptions: Sendable {
  /// Who this is, for others whom it concerns: those whose work is lost when it restarts the cluster. Nil: the program, its process
  /// and its host.
  public var name: String?
  /// How long the first connection may take.
  public var connectTimeout: Duration = .seconds(10)
  /// Ends the wait for the first connection when it is cancelled: making the client then throws `CancellationError`.
  public var cancellation: CancellationSource?
  /// How long a scheduler that was lost is looked for before all futures are lost.
  public var reconnectTimeout: Duration = .seconds(30)
  /// A file with what both sides of the cluster must know; others may not read it. Nil: no secret.
  public var secretFile: String?
  /// The secret itself, in place of a file.
  public var secret: [UInt8] = []
  /// The functions and types that this program shares with the workers; nil: those of `TaskFunctions`, to which nothing can
  /// be added once a client is made.
  public var registry: TaskFunctionRegistry?
  /// Is told how far the runs of this client are: on a thread that must not be kept waiting, at most some hundred times
  /// a run.
  public var onProgress: (@Sendable (ClientProgressReport) -> Void)?
  /// Is told when the connection breaks, comes back, or the session ends; and of leases that were lost.
  public var onEvent: (@Sendable (ClientEventReport) -> Void)?
  /// This client's share of the cluster while others want it too: one of weight 3 gets three times the computing time of one
  /// of weight 1. From 1 to 1000.
  public var weight = 1
  /// Bytes of graphs that may wait for the connection; who submits more waits.
  public var queueBytes = 64 << 20
  /// Results that take more bytes are dropped here once they were read; who asks again has them fetched again.
  public var keptResultBytes = 64 << 10
  /// Bytes of results that are on their way here at one time.
  public var bytesInFlight = 64 << 20
  /// The largest result that is taken, in bytes.
  public var largestResultBytes = 4 << 30

  /// Fewer blocks of layers that were expanded into a graph are sent task by task.
  var leastLayerBlocks = GraphLayers.leastBlocks

  /// What suits most programs.
  public init() {}
}

/// How far a graph is.
public struct ClientProgressReport: Sendable, Hashable {
  /// The results that were asked for, those that had been there before not counted.
  public let total: Int
  /// How many of them are there.
  public let finished: Int
  /// How many have failed.
  public let failed: Int
}

/// Something that happened to a client.
public enum ClientEventReport: Sendable, Hashable {
  /// There is a connection.
  case connected
  /// The connection is gone, and is being made again.
  case disconnected(reason: String)
  /// The session is over; all futures without a value here are lost.
  case ended(reason: String)
  /// A client, perhaps this one, has restarted the cluster: futures whose values are not here have failed.
  case restarted(by: String)
  /// So many tasks of a label, in graphs of this client, wait for a worker that is not there: `reason` says what they need, as in "needs
  /// GPU=1, no worker has it". Told after some seconds, and again while they wait.
  case waitsForWorker(label: String, tasks: Int, since: Duration, reason: String)
  /// The connection ended while a lease was held, or it was not renewed in time: somebody else may have the place.
  case leaseLost(semaphore: String)
  /// A line for an operator.
  case note(String)
}
