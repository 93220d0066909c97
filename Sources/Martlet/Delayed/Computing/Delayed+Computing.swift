public import MartletEngine
import MartletGraph

// `run` blocks the thread that calls it, and that thread works; `compute` is for asynchronous code. On several at once, what
// they share runs once.

extension Delayed {
  /// The result.
  ///
  /// Blocks the thread, which works on it as well. From asynchronous code call `compute`.
  ///
  /// - Parameters:
  ///   - executor: Where it is computed; nil: that of `withExecutor`, else all cores of this machine.
  ///   - options: How.
  /// - Throws: `TaskFailure` when a task threw, with its key, its place in the program, and the way to it;
  ///   `CancellationError` when the run was cancelled.
  public func run(on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()) throws -> Value {
    let plan = PlannedComputation([node], options)
    return try plan.run(on: DefaultExecutor.chosen(executor), options)[plan.output(0)]
  }

  /// The result, without blocking a thread of Swift's. Cancelling the Swift task that waits cancels the run.
  public func compute(
    on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()
  ) async throws -> Value {
    let plan = PlannedComputation([node], options)
    return try await plan.compute(on: DefaultExecutor.chosen(executor), options)[plan.output(0)]
  }

  /// Computes the result now, and stands for it from then on: what is made of it does not run this again.
  public func persist(
    on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()
  ) throws -> Delayed {
    constant(try run(on: executor, options: options))
  }

  /// Computes the result now, and stands for it from then on: what is made of it does not run this again.
  public func persist(
    on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()
  ) async throws -> Delayed {
    constant(try await compute(on: executor, options: options))
  }

  fileprivate func constant(_ value: Value) -> Delayed {
    Delayed(constant: value, label: label, node.site.place)
  }
}

/// The results of several computations, each of its own type; what they share runs once. See `Delayed.run`.
public func run<each Value>(
  _ computations: repeat Delayed<each Value>, on executor: (any Executor)? = nil,
  options: ComputeOptions = ComputeOptions()
) throws -> (repeat each Value) {
  let plan = PlannedComputation(nodes(of: repeat each computations), options)
  let results = try plan.run(on: DefaultExecutor.chosen(executor), options)
  var place = 0
  return (repeat next(results, plan, &place, (each Value).self))
}

/// The results of several computations, each of its own type; what they share runs once. See `Delayed.compute`.
public func compute<each Value>(
  _ computations: repeat Delayed<each Value>, on executor: (any Executor)? = nil,
  options: ComputeOptions = ComputeOptions()
) async throws -> (repeat each Value) {
  let plan = PlannedComputation(nodes(of: repeat each computations), options)
  let results = try await plan.compute(on: DefaultExecutor.chosen(executor), options)
  var place = 0
  return (repeat next(results, plan, &place, (each Value).self))
}

private func next<Value: Sendable>(
  _ results: RunResults, _ plan: PlannedComputation, _ place: inout Int, _ type: Value.Type
) -> Value {
  place += 1
  return results[plan.output(place - 1, of: type)]
}

extension Array {
  /// The results in their order; what they share runs once. See `Delayed.run`.
  public func run<Value>(
    on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()
  ) throws -> [Value] where Element == Delayed<Value> {
    let plan = PlannedComputation(map { $0.node }, options)
    let results = try plan.run(on: DefaultExecutor.chosen(executor), options)
    return indices.map { results[plan.output($0)] }
  }

  /// The results in their order; what they share runs once. See `Delayed.compute`.
  public func compute<Value>(
    on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()
  ) async throws -> [Value] where Element == Delayed<Value> {
    let plan = PlannedComputation(map { $0.node }, options)
    let results = try await plan.compute(on: DefaultExecutor.chosen(executor), options)
    return indices.map { results[plan.output($0)] }
  }

  /// Computes all of them now, what they share once; see `Delayed.persist`.
  public func persist<Value>(
    on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()
  ) throws -> [Delayed<Value>] where Element == Delayed<Value> {
    Swift.zip(self, try run(on: executor, options: options)).map { $0.constant($1) }
  }

  /// Computes all of them now, what they share once; see `Delayed.persist`.
  public func persist<Value>(
    on executor: (any Executor)? = nil, options: ComputeOptions = ComputeOptions()
  ) async throws -> [Delayed<Value>] where Element == Delayed<Value> {
    Swift.zip(self, try await compute(on: executor, options: options)).map { $0.constant($1) }
  }
}
