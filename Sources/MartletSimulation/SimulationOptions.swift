/// What may go wrong in a simulated cluster.
package enum Fault: String, CaseIterable, Sendable {
  /// A worker ends without a word.
  case crash
  /// A worker does nothing for a while, then goes on.
  case freeze
  /// A connection breaks; both sides learn of it, one after the other.
  case cut
  /// A connection swallows what is said; both sides learn of it much later.
  case halfOpen
  /// Some workers cannot be reached by the others for a while.
  case partition
  /// A worker's disk takes nothing for a while.
  case fullDisk
  /// Files of results cannot be read back.
  case damagedFile
  /// Data arrives that cannot be decoded.
  case damagedData
  /// A worker retires: it hands over what it holds.
  case retire
  /// Tasks throw.
  case failure
  /// A client ends without a word.
  case vanish
}

/// What is simulated.
package struct SimulationOptions: Sendable {
  /// Workers at the beginning, 1 to so many.
  package var workers = 6
  /// Tasks of a client's graph, 1 to so many.
  package var tasks = 60
  /// Clients, 1 to so many.
  package var clients = 3
  /// What may go wrong.
  package var faults = Fault.allCases
  /// Whether all tables are recomputed after every event. What they cost grows with the cluster.
  package var checksEveryEvent = true

  package init() {}
}

/// What a simulation came to.
package struct SimulationReport: Sendable {
  /// Events that the scheduler, the workers and the clients decided upon.
  package var events = 0
  /// Tasks of all graphs.
  package var tasks = 0
  /// Bodies that were begun.
  package var runs = 0
  /// Bodies that threw.
  package var thrown = 0
  /// Runs whose work was lost, as the scheduler recorded.
  package var lostRuns = 0
  /// Changes of states in the scheduler.
  package var transitions = 0
  /// Faults that happened.
  package var faults = 0
  /// Results that moved from worker to worker, and that were written to files.
  package var transfers = 0
  package var spills = 0
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
