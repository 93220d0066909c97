public import MartletBytes
import MartletClient
import MartletProtocol

/// A variable that clients and tasks of a cluster share by name. For small values: the scheduler keeps them.
public struct ClusterVariable<Value: PortableValue>: Sendable {
  /// What all call it.
  public let name: String
  private let link: ClientLink
  private let type = Value.portableTypeName

  init(_ name: String, _ link: ClientLink) {
    self.name = name
    self.link = link
  }

  /// Sets it.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await set")
  public func set(_ value: Value) throws {
    _ = try link.ask(
      .coordinate(.set(variable: name, value: .bytes(type: type, try value.sharedBytes())), nil),
      what: "setting the variable \(name)")
  }

  /// Sets it.
  ///
  /// - Throws: `ClusterError`.
  public func set(_ value: Value) async throws {
    _ = try await link.ask(
      .coordinate(.set(variable: name, value: .bytes(type: type, try value.sharedBytes())), nil),
      what: "setting the variable \(name)")
  }

  /// Sets it to a future of this client; the cluster keeps its result.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await set")
  public func set(_ future: ClusterFuture<Value>) throws {
    _ = try link.ask(
      .coordinate(
        .set(variable: name, value: .bytes(type: "", [])),
        try link.cells(of: [future], "setting the variable \(name) to a future").first),
      what: "setting the variable \(name)")
  }

  /// Sets it to a future of this client; the cluster keeps its result.
  ///
  /// - Throws: `ClusterError`.
  public func set(_ future: ClusterFuture<Value>) async throws {
    _ = try await link.ask(
      .coordinate(
        .set(variable: name, value: .bytes(type: "", [])),
        try link.cells(of: [future], "setting the variable \(name) to a future").first),
      what: "setting the variable \(name)")
  }

  /// Takes its value away.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await unset")
  public func unset() throws {
    _ = try link.ask(.coordinate(.unset(variable: name), nil), what: "unsetting the variable \(name)")
  }

  /// Takes its value away.
  ///
  /// - Throws: `ClusterError`.
  public func unset() async throws {
    _ = try await link.ask(.coordinate(.unset(variable: name), nil), what: "unsetting the variable \(name)")
  }

  /// Its value; waits until it has one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no `Value`.
  @available(*, noasync, message: "use await get")
  public func get(timeout: Duration? = nil) throws -> Value? {
    try SharedReading.value(try link.ask(reading(timeout), what: "reading the variable \(name)"))
  }

  /// Its value; waits until it has one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no `Value`.
  public func get(timeout: Duration? = nil) async throws -> Value? {
    try SharedReading.value(try await link.ask(reading(timeout), what: "reading the variable \(name)"))
  }

  /// Its value, which is a future, of this client or another one; waits until it has one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no future.
  @available(*, noasync, message: "use await getFuture")
  public func getFuture(timeout: Duration? = nil) throws -> ClusterFuture<Value>? {
    try SharedReading.future(try link.ask(reading(timeout), what: "reading the variable \(name)"))
  }

  /// Its value, which is a future, of this client or another one; waits until it has one.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: Nil when the time was over.
  /// - Throws: `ClusterError`, also when it is no future.
  public func getFuture(timeout: Duration? = nil) async throws -> ClusterFuture<Value>? {
    try SharedReading.future(try await link.ask(reading(timeout), what: "reading the variable \(name)"))
  }

  private func reading(_ timeout: Duration?) -> RequestBody {
    .coordinate(.read(variable: name, timeoutNanoseconds: SharedReading.nanoseconds(timeout)), nil)
  }
}
