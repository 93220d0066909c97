import Glibc
import MartletProtocol

extension Client {
  /// Starts the cluster anew: forgets all graphs and results of all clients, and starts the processes of all workers again. For a
  /// cluster that is stuck, or full of what nobody can name any more.
  ///
  /// Every future of every client, this one's too, fails with a `ClusterTaskError` (`.restarted`) that says who did it, unless its value is
  /// with the client already; runs fail in the same way. Such a future can be had again: `retry` computes it from its graph, which
  /// its client has kept; or submit it again. Data that was scattered onto workers, published names, and tasks in queues and
  /// variables are gone. Values in queues and variables, events, leases of clients and topics stay.
  ///
  /// Workers below a supervisor (the default) get a new process at once, whatever their tasks are at. A worker without one drops all
  /// that it has and comes back; a body there that does not heed its cancellation keeps its thread. A client whose connection is broken at
  /// that moment sends what is not done again when it is back, as it does when the scheduler was started anew.
  ///
  /// - Parameter timeout: How long to wait until all workers that were there are back.
  /// - Throws: `ClusterError`: `.timedOut`, which names the workers that are missing: the restart has happened all the same;
  ///   `.denied` inside of a task, which would end itself.
  @available(*, noasync, message: "use await restart")
  public func restart(timeout: Duration = .seconds(30)) throws {
    try Self.check(try link.ask(try restarting(timeout), what: "restarting the cluster"), timeout)
  }

  /// Starts the cluster anew: forgets all graphs and results of all clients, and starts the processes of all workers again.
  ///
  /// - Parameter timeout: How long to wait until all workers that were there are back.
  /// - Throws: `ClusterError`: `.timedOut`, which names the workers that are missing: the restart has happened all the same;
  ///   `.denied` inside of a task, which would end itself.
  public func restart(timeout: Duration = .seconds(30)) async throws {
    try Self.check(try await link.ask(try restarting(timeout), what: "restarting the cluster"), timeout)
  }

  private func restarting(_ timeout: Duration) throws(ClusterError) -> RequestBody {
    if isInside {
      throw ClusterError(
        .denied, "a task cannot restart the cluster that runs it", "Let the program that waits for the task do it")
    }
    return .restart(
      name: link.shell.options.name ?? Self.ownName,
      timeoutNanoseconds: Int64(clamping: ThreadWaiter.nanoseconds(timeout)))
  }

  private static func check(_ answer: ReplyAnswer, _ timeout: Duration) throws {
    let missing = try answer.lines()
    if missing.isEmpty { return }
    throw ClusterError(
      .timedOut,
      "the cluster was restarted, but \(missing.count) of its workers are not back after \(timeout): "
        + missing.joined(separator: ", "),
      "Look at their logs, or start others in their place")
  }

  /// `program (process 123) on host`.
  private static var ownName: String {
    var host = [CChar](repeating: 0, count: 256)
    _ = gethostname(&host, host.count - 1)
    let program = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? "a program"
    let place = String(decoding: host.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return "\(program) (process \(getpid())) on \(place)"
  }
}
