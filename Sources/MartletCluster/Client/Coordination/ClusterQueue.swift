public import MartletBytes
import MartletClient
import MartletProtocol

/// A queue that clients and tasks of a cluster share by name: first in, first out. For small values: the scheduler keeps them.
public struct ClusterQueue<Value: PortableValue>: Sendable {
  /// What all call it.
  public let name: String
  /// How many values it takes; 0: as many as the scheduler allows.
  public let limit: Int
  private let link: ClientLink
  private let type = Value.portableTypeName

  init(_ name: String, limit: Int, _ link: ClientLink) {
    self.name = name
    self.limit = limit
    self.link = link
  }

  /// Appends a value; waits while the queue is full.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: False when the time was over.
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await put")
  @discardableResult
  public func put(_ value: Value, timeout: Duration? = nil) throws -> Bool {
    SharedReading.isDone(try link.ask(try putting(value, timeout), what: "putting into the queue \(name)"))
  }

  /// Appends a value; waits while the queue is full.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: False when the time was over.
  /// - Throws: `ClusterError`.
  @discardableResult
  public func put(_ value: Value, timeout: Duration? = nil) async throws -> Bool {
    SharedReading.isDone(try await link.ask(try putting(value, timeout), what: "putting into the queue \(name)"))
  }

  /// Appends a future of this client; the cluster keeps its result until somebody takes it.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: False when the time was over.
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await put")
  @discardableResult
  public func put(_ future: ClusterFuture<Value>, timeout: Duration? = nil) throws -> Bool {
    SharedReading.isDone(try link.ask(try putting(future, timeout), what: "putting into the queue \(name)"))
  }

  /// Appends a future of this client; the cluster keeps its result until somebody takes it.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: False when the time was over.
  /// - Throws: `ClusterError`.
  @discardableResult
  public func put(_ future: ClusterFuture<Value>, timeout: Duration? = nil) async throws -> Bool {
    SharedReading.isDone(try await link.ask(try putting(future, timeout), what: "putting into the queue \(name)"))
  }

  /// Takes the oldest value; waits until there is one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no `Value`.
  @available(*, noasync, message: "use await take")
  public func take(timeout: Duration? = nil) throws -> Value? {
    try SharedReading.value(try link.ask(taking(timeout), what: "taking from the queue \(name)"))
  }

  /// Takes the oldest value; waits until there is one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no `Value`. `CancellationError` when the Swift task is cancelled: what had been taken
  ///   for it in the same moment goes back, behind what was put since.
  public func take(timeout: Duration? = nil) async throws -> Value? {
    try SharedReading.value(try await link.ask(taking(timeout), what: "taking from the queue \(name)"))
  }

  /// Takes the oldest, which is a future, of this client or another one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no future.
  @available(*, noasync, message: "use await takeFuture")
  public func takeFuture(timeout: Duration? = nil) throws -> ClusterFuture<Value>? {
    try SharedReading.future(try link.ask(taking(timeout), what: "taking from the queue \(name)"))
  }

  /// Takes the oldest, which is a future, of this client or another one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no future. `CancellationError`: as `take`.
  public func takeFuture(timeout: Duration? = nil) async throws -> ClusterFuture<Value>? {
    try SharedReading.future(try await link.ask(taking(timeout), what: "taking from the queue \(name)"))
  }

  private func putting(_ value: Value, _ timeout: Duration?) throws -> RequestBody {
    .coordinate(
      .put(
        queue: name, value: .bytes(type: type, try value.sharedBytes()), limit: UInt32(clamping: limit),
        timeoutNanoseconds: SharedReading.nanoseconds(timeout)), nil)
  }

  private func putting(_ future: ClusterFuture<Value>, _ timeout: Duration?) throws(ClusterError) -> RequestBody {
    .coordinate(
      .put(
        queue: name, value: .bytes(type: "", []), limit: UInt32(clamping: limit),
        timeoutNanoseconds: SharedReading.nanoseconds(timeout)),
      try link.cells(of: [future], "putting a future into the queue \(name)").first)
  }

  private func taking(_ timeout: Duration?) -> RequestBody {
    .coordinate(.take(queue: name, timeoutNanoseconds: SharedReading.nanoseconds(timeout)), nil)
  }
}
