public import MartletGraph

/// Computes graphs: on this thread, on all cores, on a cluster. The same graph gives the same results on each.
public protocol Executor: Sendable {
  /// Computes what `outputs` need, and returns when they are there.
  ///
  /// May be called from any thread, from several at once, and from inside a task. It blocks the thread: from `async` code,
  /// call `compute`.
  ///
  /// - Throws: `TaskFailure` when a task threw; `CancellationError` when the run was cancelled.
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

  /// How a run is carried out.
  public init(
    memoryBudgetBytes: Int? = nil, cancellation: CancellationSource? = nil, events: EventLog? = EventLog.current
  ) {
    self.memoryBudgetBytes = memoryBudgetBytes
    self.cancellation = cancellation
    self.events = events
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
  public func compute(
    _ graph: TaskGraph, outputs: [AnyNode], options: RunOptions = RunOptions()
  ) async throws -> RunResults {
    let source = options.cancellation ?? CancellationSource()
    var options = options
    options.cancellation = source
    let settled = options
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        // A thread of its own: it works on the run as the caller of `run` does. Starting it takes some 50 µs.
        startThread(named: "martlet-run") {
          continuation.resume(with: Result { try self.run(graph, outputs: outputs, options: settled) })
        }
      }
    } onCancel: {
      source.cancel()
    }
  }
}
