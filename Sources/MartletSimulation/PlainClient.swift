import MartletBytes
import MartletProtocol

/// A client without a session's core: it submits a graph, waits for what it wants of it, releases it and goes. It sends layers
/// as layers, which the core does not, and asks where a result is that is nowhere any more.
struct PlainClient: Sendable {
  /// Its graph, by number.
  let workload: Int
  var isAlive = true
  /// The number of its graph: it is sent again after a restart.
  var graph: UInt32 = 1
  var session: Int?
  /// The wanted jobs by the scheduler's handles.
  var handles: [TaskHandle: Int] = [:]
  /// How many of them it has named.
  var named = 0
  /// What is said to be there.
  var sought: Set<TaskHandle> = []
  var results: [Int: UInt64] = [:]
  var failures: [Int: FailureRecord] = [:]
  /// The tasks of its call on all workers that have not ended; nil while it waits for their names.
  var everywhere: Set<TaskHandle>? = []
  /// All of them, and the job that they compute.
  var everywhereAll: [TaskHandle] = []
  var everywhereJob = 0
  /// Whether it has got everything and released it.
  var isDone = false

  init(workload: Int) { self.workload = workload }

  func hasAll(_ workload: Workload) -> Bool {
    everywhere?.isEmpty == true && workload.wanted.allSatisfy { results[$0] != nil || failures[$0] != nil }
  }
}
