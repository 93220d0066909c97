public import MartletEngine
public import MartletGraph

/// How delayed computations are made into a graph, and how it runs.
public struct ComputeOptions: Sendable {
  /// What is done to the graph before it runs. Results are the same with and without. By default nothing: making a new graph
  /// takes longer than it wins back in one run on threads. It pays where a graph is sent, or where the tasks of a chain have
  /// large results.
  public var passes: GraphPasses
  /// In which order tasks run where there is a choice. Nil: so that few results are alive; but where all results are numbers
  /// and the like, of at most eight bytes, which stand in the table of results itself, no order saves memory, and
  /// tasks run depth-first, which costs nothing to find.
  public var order: GraphOrder?
  /// How the graph runs: memory budget, resources, events, cancellation.
  public var run: RunOptions

  /// As written, few results alive, no limits.
  public init(
    passes: GraphPasses = [], order: GraphOrder? = nil, run: RunOptions = RunOptions()
  ) {
    self.passes = passes
    self.order = order
    self.run = run
  }
}

/// The executor that computes where none is given.
enum DefaultExecutor {
  @TaskLocal static var scoped: (any Executor)?

  /// An executor given explicitly, else that of the scope, else the thread pool that all share.
  static func chosen(_ executor: (any Executor)?) -> any Executor { executor ?? scoped ?? ThreadPoolExecutor.shared }
}

/// All computations in `body` that are given no executor are computed by `executor`.
public func withExecutor<Result>(_ executor: any Executor, _ body: () throws -> Result) rethrows -> Result {
  try DefaultExecutor.$scoped.withValue(executor, operation: body)
}

/// All computations in `body` that are given no executor are computed by `executor`.
public func withExecutor<Result>(
  _ executor: any Executor, isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
) async rethrows -> Result {
  try await DefaultExecutor.$scoped.withValue(executor, operation: body)
}
