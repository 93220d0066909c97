/// What may go wrong in a simulated cluster.
package enum Fault: String, CaseIterable, Sendable {
  /// A worker ends without a word.
  case crash
  /// A worker or a client does nothing for a while, then goes on.
  case freeze
  /// A connection breaks; both sides learn of it, one after the other.
  case cut
  /// A connection swallows what is said; both sides learn of it much later.
  case halfOpen
  /// Some workers and clients cannot be reached by the others for a while.
  case partition
  /// What a worker says comes late for a while.
  case late
  /// A worker says its answers twice for a while.
  case twice
  /// A worker's process takes more memory than its results do, up to where its supervisor ends it.
  case memory
  /// A worker's disk takes nothing for a while.
  case fullDisk
  /// Files of results cannot be read back.
  case damagedFile
  /// Data arrives that cannot be decoded.
  case damagedData
  /// A worker retires: it hands over what it holds.
  case retire
  /// The scheduler ends, and another one takes its place that knows nothing.
  case restart
  /// A client lets the cluster start anew: graphs and results of all clients are forgotten, workers begin again.
  case renew
  /// Tasks throw.
  case failure
  /// Clients cancel what they want, also for others, and change their minds.
  case cancel
  /// A client ends without a word.
  case vanish
}

/// What graphs look like.
package enum GraphShape: Sendable {
  /// Anything; clients submit parts of it.
  case random
  /// Blocks that are read, neighbours that are joined, and a sum.
  case blocks
  /// Two layers of which each task of the second needs a part of each of the first.
  case allToAll
}

/// What is simulated.
package struct SimulationOptions: Sendable {
  /// Workers at the beginning.
  package var leastWorkers = 1
  package var workers = 6
  /// Tasks of a client's graph.
  package var leastTasks = 1
  package var tasks = 60
  package var shape = GraphShape.random
  /// Clients, 1 to so many.
  package var clients = 3
  /// What may go wrong.
  package var faults = Fault.allCases
  /// Something goes wrong as often as this in the middle, until so much time is over: everything shall come to an end.
  package var faultNanoseconds: Int64 = 20_000_000
  package var calmNanoseconds: Int64 = 400_000_000
  /// What a task usually takes, at most; now and then it takes ten or a hundred times as long.
  package var taskNanoseconds: Int64 = 2_000_000
  /// Whether others come for workers that are gone.
  package var replacesWorkers = true
  /// Whether all tables are recomputed after every event. What they cost grows with the cluster.
  package var checksEveryEvent = true
  /// The last lines that are kept for the report of a failure, at least 1.
  package var historyLines = 120

  package init() {}
}

/// What a simulation came to.
package struct SimulationReport: Equatable, Sendable {
  /// Events that the scheduler, the workers and the clients decided upon.
  package var events = 0
  /// Tasks of all graphs, each time that they were submitted.
  package var tasks = 0
  /// Bodies that were begun.
  package var runs = 0
  /// Bodies that threw.
  package var thrown = 0
  /// Runs whose work was lost, as the schedulers recorded, and tasks that were needed once more.
  package var lostRuns = 0
  package var repeatedTasks = 0
  /// Changes of states in the schedulers.
  package var transitions = 0
  /// Faults that happened.
  package var faults = 0
  /// Results that moved from worker to worker or to clients, and that were written to files.
  package var transfers = 0
  package var spills = 0
  /// Workers at the end that would take work.
  package var openWorkers = 0
  /// How long it took the cluster, in nanoseconds of its own time.
  package var nanoseconds: Int64 = 0

  package init() {}
}

/// A simulated cluster did what it must not. The same seed and options do it again.
package struct SimulationFailure: Error, CustomStringConvertible {
  package let seed: UInt64
  /// When, in nanoseconds of the cluster's time, and what.
  package let nanoseconds: Int64
  package let problem: String
  /// The last events before it.
  package let history: [String]

  package var description: String {
    "seed \(seed), \(nanoseconds) ns: \(problem)\n" + history.map { "  \($0)" }.joined(separator: "\n")
  }
}
