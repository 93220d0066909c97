public import MartletGraph

/// Computes graphs: on this thread, on all cores, on a cluster. The same graph gives the same results on each.
public protocol Executor: Sendable {
  /// Computes what `outputs` need, and returns when they are there.
  ///
  /// It returns or throws only when no task of it is running any more. So a run that was cancelled, or whose task failed or
  /// took too long, waits for the bodies that are still under way; they see by their context that they should stop.
  ///
  /// May be called from any thread, from several at once, and from inside a task. It blocks the thread: from `async` code,
  /// call `compute`.
  ///
  /// - Throws: `TaskFailure` when a task threw or cannot run; `CancellationError` when the run was cancelled.
  func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults
}

/// How a run is carried out.
public struct RunOptions: Sendable {
  /// What results may take in memory, in bytes. Tasks with the trait `isSource` wait while it is used up, but where nothing
  /// else could go on, one of them runs. Nil: no budget, and nothing is measured.
  public var memoryBudgetBytes: Int?
  /// Stops the run.
  public var cancellation: CancellationSource?
  /// Receives the events of the run; nil: there are none, and they cost nothing. `EventLog.current` where not given.
  public var events: EventLog?
  /// How much there is of each resource that tasks name in their traits. A task that needs more fails the run before
  /// anything runs. `memory` is there in any case: the budget, or what the machine has, in bytes.
  public var resources: [String: Int]
  /// How many tasks with the trait `isBlocking` run at one time, each on a thread of its own; others wait for one. At least 1.
  public var maximumBlockingTasks: Int
  /// How many asynchronous tasks are under way at one time; others wait without being started. At least 1.
  public var maximumAsyncTasks: Int
  /// Starts the Swift tasks of asynchronous tasks; nil: detached ones.
  var startAsync: (@Sendable (AsyncAttempt) -> Void)?

  /// How a run is carried out.
  public init(
    memoryBudgetBytes: Int? = nil, cancellation: CancellationSource? = nil, events: EventLog? = EventLog.current,
    resources: [String: Int] = [:], maximumBlockingTasks: Int = 64, maximumAsyncTasks: Int = 1024
  ) {
    self.memoryBudgetBytes = memoryBudgetBytes
    self.cancellation = cancellation
    self.events = events
    self.resources = resources
    self.maximumBlockingTasks = maximumBlockingTasks
    self.maximumAsyncTasks = maximumAsyncTasks
  }
}

extension Executor {
  /// Computes `outputs`, without options.
  public func run(_ graph: TaskGraph, outputs: [AnyNode]) throws -> RunResults {
    try run(graph, outputs: outputs, options: RunOptions())
  }

  /// Computes `outputs`, all of one type.
  public func run<Value>(
    _ graph: TaskGraph, outputs: [Node<Value>], options: RunOptions = RunOptions()
  ) throws -> RunResults {
    try run(graph, outputs: outputs.map(\.erased), options: options)
  }

  /// Computes one result.
  public func run<Value>(
    _ graph: TaskGraph, output: Node<Value>, options: RunOptions = RunOptions()
  ) throws -> Value {
    try run(graph, outputs: [output.erased], options: options)[output]
  }

  /// Computes one result without blocking a thread of Swift's. Cancelling the Swift task that waits cancels the run.
  public func compute<Value>(
    _ graph: TaskGraph, output: Node<Value>, options: RunOptions = RunOptions()
  ) async throws -> Value {
    try await compute(graph, outputs: [output.erased], options: options)[output]
  }

  /// Computes `outputs` without blocking a thread of Swift's. Cancelling the Swift task that waits cancels the run.
  ///
  /// The bodies of asynchronous tasks have the priority and the task-local values of the Swift task that waits here.
  public func compute(
    _ graph: TaskGraph, outputs: [AnyNode], options: RunOptions = RunOptions()
  ) async throws -> RunResults {
    let source = options.cancellation ?? CancellationSource()
    let mailbox = ComputeMailbox()
    var options = options
    options.cancellation = source
    options.startAsync = { mailbox.put(.start($0)) }
    let settled = options
    return try await withTaskCancellationHandler {
      // A thread of its own: it works on the run as the caller of `run` does.
      Runners.cache.submit {
        mailbox.put(.end(Result { try self.run(graph, outputs: outputs, options: settled) }))
      }
      while true {
        for message in await mailbox.take() {
          switch message {
          case .start(let attempt): attempt.started(Task { await attempt.perform() })
          case .end(let result): return try result.get()
          }
        }
      }
    } onCancel: {
      source.cancel()
    }
  }
}

/// The threads that stand in for Swift tasks which compute.
private enum Runners {
  /// Not limited: a run may wait for another one. One that has just ended a run looks for the next for some 30 µs.
  static let cache = ThreadCache(name: "martlet-run", idleLimit: 8, spinLimit: 1000)
}
