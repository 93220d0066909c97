public import Martlet
import MartletProtocol

/// The result, now or later, of a task on a cluster.
///
/// A handle: when the last copy is gone, the cluster drops the result, unless somebody else wants it. The value is fetched
/// when somebody asks for it, not before.
public struct ClusterFuture<Value: PortableValue>: Sendable {
  /// How far a task is.
  public enum State: Sendable, Hashable {
    /// It has no result yet.
    case waiting
    /// It has a value.
    case succeeded
    /// It has an error.
    case failed
    /// It was cancelled.
    case cancelled
  }

  let token: FutureToken

  init(_ token: FutureToken) { self.token = token }

  /// The key of the task, 32 hexadecimal digits: the same for the same work in every process.
  public var key: String { token.cell.digest.description }

  /// How far it is, as far as this client has heard.
  public var state: State {
    switch token.cell.state {
    case .waiting: .waiting
    case .finished: .succeeded
    case .failed: .failed
    case .cancelled: .cancelled
    }
  }

  /// Whether it has ended: with a value, with an error, or by being cancelled.
  public var isFinished: Bool { token.cell.isFinished }

  /// Nobody shall compute it any more. Its tasks stay where another client wants them, unless `force`.
  public func cancel(force: Bool = false) { token.link.post(.cancel([token.cell], force: force)) }

  /// Computes it once more after it has failed or was cancelled, from the task that failed first. It waits from then on; where nothing is
  /// known any more that could give it, it has failed as before.
  public func retry() { token.link.retry([token.cell]) }

  /// The same result as an input of further computations; the future lives as long as they.
  ///
  /// Computations with it run on the same client. Where they run in this process, the value is fetched.
  public var delayed: Delayed<Value> { Martlet.delayed(FutureReference<Value>(token: token), on: []) }
}

/// A result that the cluster has, as a task of a graph.
struct FutureReference<Value: PortableValue>: TaskFunction, ShippedReference {
  static var name: String { "martlet.future" }
  static var version: Int { 1 }
  let token: FutureToken

  var digest: Digest128 { token.cell.digest }
  var holder: AnyObject { token }
  var resultType: any PortableValue.Type { Value.self }

  func hash(into hasher: inout StableHasher) {
    hasher.combine(digest.low)
    hasher.combine(digest.high)
  }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Value {
    try ClusterFuture<Value>(token).readBlocking(until: nil)
  }
}
