/// What an executor may want to know about a task besides its work. Tasks without traits take no memory for them.
public struct TaskTraits: Sendable, Hashable {
  /// The task brings data into memory (it reads a file); a memory budget holds such tasks back.
  public var isSource: Bool
  /// The task waits for something other than the processor: it runs on a thread kept for such tasks.
  public var isBlocking: Bool
  /// Higher runs earlier where there is a choice.
  public var priority: Int16
  /// What the result will take in memory, as far as one knows before; 0 when one does not.
  public var estimatedResultBytes: Int
  /// What to do when the task throws; nil: the run fails.
  public var retry: RetryPolicy?
  /// How long one attempt may take; nil: as long as it wants.
  public var timeout: Duration?
  /// What the task occupies while it runs.
  public var resources: [ResourceNeed]
  /// The task takes next to no time and may be run again inside each task that needs its result, which is then not kept:
  /// an optimiser decides (`GraphPasses.inline`).
  public var isCheap: Bool
  /// On a cluster: names, addresses or hosts of the workers that may run the task; empty: all. Nobody else looks at it.
  public var workers: [String]
  /// On a cluster: whether other workers may run it while none of `workers` is there.
  public var allowsOtherWorkers: Bool

  /// Traits of a task.
  public init(
    isSource: Bool = false, estimatedResultBytes: Int = 0, isBlocking: Bool = false, priority: Int16 = 0,
    retry: RetryPolicy? = nil, timeout: Duration? = nil, resources: [ResourceNeed] = [], isCheap: Bool = false,
    workers: [String] = [], allowsOtherWorkers: Bool = false
  ) {
    self.isSource = isSource
    self.isBlocking = isBlocking
    self.priority = priority
    self.estimatedResultBytes = estimatedResultBytes
    self.retry = retry
    self.timeout = timeout
    self.resources = resources
    self.isCheap = isCheap
    self.workers = workers
    self.allowsOtherWorkers = allowsOtherWorkers
  }

  /// No traits.
  public static let none = TaskTraits()
}

/// A share of something that the machine has only so much of, by name: `gpu` 1, `connections` 4. Runs and workers are told how
/// much there is; of `memory`, in bytes, each has its budget or limit, unless it is told otherwise.
public struct ResourceNeed: Sendable, Hashable {
  /// What it is called.
  public var name: String
  /// How much of it is occupied; at least 1.
  public var amount: Int

  /// The resource that is there without being named: bytes.
  public static let memory = "memory"

  /// A share of a resource.
  public init(_ name: String, amount: Int = 1) {
    self.name = name
    self.amount = max(1, amount)
  }
}

/// How often a task that throws is run again, and how long to wait before: `delay`, then `factor` times as long each time,
/// at most `longestDelay`. No thread is held while it waits.
public struct RetryPolicy: Sendable, Hashable {
  /// How often at most, the first run not counted.
  public var limit: Int
  /// The wait before the first repetition.
  public var delay: Duration
  /// What the wait is multiplied by each time.
  public var factor: Double
  /// The longest wait.
  public var longestDelay: Duration

  /// A policy of `limit` repetitions.
  public init(limit: Int, delay: Duration = .zero, factor: Double = 2, longestDelay: Duration = .seconds(60)) {
    self.limit = max(0, limit)
    self.delay = max(.zero, delay)
    self.factor = factor.isFinite ? max(1, factor) : 1
    self.longestDelay = max(.zero, longestDelay)
  }

  /// The wait before repetition `number`, counted from 1.
  public func delay(before number: Int) -> Duration {
    var wait = delay
    for _ in 1..<max(1, number) {
      if wait >= longestDelay || wait == .zero || factor == 1 { break }
      wait = wait * factor
    }
    return min(wait, longestDelay)
  }
}

/// How the work of a task is given.
@usableFromInline
package enum TaskKind: UInt8, Sendable, BitwiseCopyable {
  case literal
  case call
  case closure
  /// The array of the results of the inputs, in their order, and nothing else: two of the same inputs are equal.
  case gather
  case alias
  /// Nothing but the end of another task, for those that only have to come after it.
  case signal
  /// A closure whose body leaves a rest that waits without a thread: see `TaskSuspended`.
  case asynchronous
}
