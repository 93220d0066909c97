public import Martlet
import MartletBytes
import MartletProtocol

/// What came of a call on one worker.
public struct WorkerOutcome<Value: PortableValue>: Sendable {
  /// The worker's address, as `Client.workers` has it.
  public let worker: String
  /// What the function gave there, or what it threw: a `ClusterTaskError`, also where the worker ended meanwhile or does not
  /// know the function.
  public let result: Result<Value, any Error>
}

extension Client {
  /// Runs a registered function once on each worker, before other work and without inputs, and waits for all of them.
  ///
  /// It is run once: where its worker ends, it fails there. A worker that is asked twice at a time does both.
  ///
  /// - Parameters:
  ///   - workers: Names or addresses of workers; empty: all that are there now.
  ///   - timeout: How long it may take on a worker; nil: as long as it wants.
  /// - Returns: What came of it, worker by worker, in the order of their coming. None where there are no workers.
  /// - Throws: `ClusterError`, also when there is no such worker or the function is not registered here.
  @available(*, noasync, message: "use await runOnWorkers")
  public func runOnWorkers<Function: PortableTaskFunction>(
    _ function: Function, workers: [String] = [], timeout: Duration? = nil
  ) throws -> [WorkerOutcome<Function.Result>] {
    let call = try call(of: function, workers, timeout)
    let futures: [(worker: String, future: ClusterFuture<Function.Result>)] =
      try calls(try link.ask(.runOnWorkers(call), what: "a call on workers"))
    return futures.map { worker, future in
      WorkerOutcome(worker: worker, result: Result { try future.result() })
    }
  }

  /// Runs a registered function once on each worker, before other work and without inputs, and waits for all of them.
  ///
  /// - Parameters:
  ///   - workers: Names or addresses of workers; empty: all that are there now.
  ///   - timeout: How long it may take on a worker; nil: as long as it wants.
  /// - Returns: What came of it, worker by worker, in the order of their coming. None where there are no workers.
  /// - Throws: `ClusterError`, also when there is no such worker or the function is not registered here.
  public func runOnWorkers<Function: PortableTaskFunction>(
    _ function: Function, workers: [String] = [], timeout: Duration? = nil
  ) async throws -> [WorkerOutcome<Function.Result>] {
    let call = try call(of: function, workers, timeout)
    let futures: [(worker: String, future: ClusterFuture<Function.Result>)] =
      try calls(try await link.ask(.runOnWorkers(call), what: "a call on workers"))
    var outcomes: [WorkerOutcome<Function.Result>] = []
    for (worker, future) in futures { outcomes.append(WorkerOutcome(worker: worker, result: await future.outcome)) }
    return outcomes
  }

  private func calls<Value: PortableValue>(
    _ answer: ReplyAnswer
  ) throws -> [(worker: String, future: ClusterFuture<Value>)] {
    guard case .onWorkers(let list) = answer else { throw ClusterError.denied("a call on workers", "\(answer)") }
    return list.map { ($0.worker, ClusterFuture($0.token)) }
  }

  private func call<Function: PortableTaskFunction>(
    of function: Function, _ workers: [String], _ timeout: Duration?
  ) throws(ClusterError) -> WorkersCall {
    guard link.registry.function(of: Function.self) != nil else {
      throw ClusterError(
        .denied, "the function \(Function.name) version \(Function.version) is not registered in this process",
        "Call TaskFunctions.register(\(Function.self).self) on clients and workers before they start")
    }
    var writer = ByteWriter()
    function.write(to: &writer)
    if let failure = writer.failure {
      throw ClusterError(
        .denied, "the arguments of \(Function.name) cannot be written: \(failure.message)", "Correct them")
    }
    guard writer.byteCount <= WireLimits.argumentBytes else {
      throw ClusterError(
        .denied,
        "the arguments of \(Function.name) take \(writer.byteCount) bytes, a message holds "
          + "\(WireLimits.argumentBytes)", "Scatter large data, and submit tasks that need it")
    }
    // A key of its own each time: the call is never taken for another one.
    let key = Digest128(low: .random(in: .min ... .max), high: .random(in: .min ... .max))
    return WorkersCall(
      digest: key, label: Function.name, function: FunctionName(name: Function.name, version: Function.version),
      arguments: writer.bytes, workers: workers,
      timeoutNanoseconds: timeout.map { max(1, Int64(clamping: ThreadWaiter.nanoseconds($0))) } ?? 0)
  }
}
