import Martlet

/// What holds for all tasks of a submission that do not say otherwise themselves (`Delayed.workers`, `resources`, `priority`,
/// `retries`, `timeout`).
///
/// Equal work is one task, whoever submits it: where the cluster knows it already, the first to submit it has decided.
public struct SubmitOptions: Sendable, Hashable {
  /// Names, addresses or hosts of the workers that may run them; empty: all.
  public var workers: [String] = []
  /// Whether other workers may run them while none of `workers` is there.
  public var allowsOtherWorkers = false
  /// What each of them occupies of what workers have by name, while it runs.
  public var resources: [String: Int] = [:]
  /// Higher runs earlier.
  public var priority: Int16 = 0
  /// How often one that throws is run again.
  public var retries = 0
  /// How long an attempt may take; nil: as long as it wants.
  public var timeout: Duration?

  /// How long they wait for a worker that may run them (`workers`, `resources`, the function) while none is there; then they fail. Nil: as long as
  /// it takes.
  public var workerPatience: Duration?

  /// Nothing in particular.
  public init() {}

  /// In nanoseconds; 0: without end.
  var patienceNanoseconds: Int64 {
    workerPatience.map { max(1, Int64(clamping: ThreadWaiter.nanoseconds($0))) } ?? 0
  }

  func fill(_ traits: inout TaskTraits) {
    if traits.workers.isEmpty {
      traits.workers = workers
      traits.allowsOtherWorkers = allowsOtherWorkers
    }
    if traits.resources.isEmpty {
      traits.resources = resources.sorted { $0.key < $1.key }.map { ResourceNeed($0.key, amount: $0.value) }
    }
    if traits.priority == 0 { traits.priority = priority }
    if traits.retry == nil, retries > 0 { traits.retry = RetryPolicy(limit: retries) }
    if traits.timeout == nil { traits.timeout = timeout }
  }
}
