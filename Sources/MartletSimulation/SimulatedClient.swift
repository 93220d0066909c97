import MartletBytes
import MartletClient
import MartletProtocol

/// A client's core with the least of a shell around it, and a program that uses it.
struct SimulatedClient: Sendable {
  var core: ClientCore
  /// Its graph, by number.
  let workload: Int
  var isAlive = true
  /// It does nothing before this time.
  var frozenUntil: Int64 = 0
  /// The connection to the scheduler, and those to workers by their addresses.
  var session: Int?
  var peers: [String: Int] = [:]
  /// What comes on a connection: the frame that the core has taken.
  var receiving: [Int: FutureID] = [:]

  // What the program knows.

  /// Its handles on futures of jobs.
  var handles: [Int: (future: FutureID, count: Int)] = [:]
  /// Which job a future is, also one that a call on a worker computes.
  var jobs: [FutureID: Int] = [:]
  /// Whose values are here; each was right when it came.
  var values: Set<FutureID> = []
  var failures: [FutureID: FailureRecord] = [:]
  /// What the core has answered to the submission that was just made.
  var submitted: [FutureID] = []
  var refusal: FailureRecord?
  /// Gathers that are not answered, with the jobs that they are for.
  var gathers: [RequestID: [Int]] = [:]
  /// The call on workers that is not answered, the job that it computes, and its futures.
  var call: RequestID?
  var callJob = 0
  var callFutures: [FutureID] = []
  var nextSubmission: UInt32 = 1
  var nextRequest: UInt32 = 1
  /// How many more things it will do before it waits for all that it has.
  var actsLeft: Int
  /// Whether it has got everything and released it.
  var isDone = false
  var isClosed = false

  init(workload: Int, acts: Int, settings: ClientSettings) {
    self.workload = workload
    actsLeft = acts
    core = ClientCore(settings: settings)
  }

  /// Whether it wants nothing any more, and nothing of what it wanted is left in its core.
  var isOver: Bool { !isAlive || (isDone && core.leftover() == nil) }
}
