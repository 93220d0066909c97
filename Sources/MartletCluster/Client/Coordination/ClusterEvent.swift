import MartletClient
import MartletProtocol

/// An event that clients and tasks of a cluster share by name: who waits goes on once somebody has set it.
public struct ClusterEvent: Sendable {
  /// What all call it.
  public let name: String
  private let link: ClientLink

  init(_ name: String, _ link: ClientLink) {
    self.name = name
    self.link = link
  }

  /// Lets all go on who wait, or will wait until `clear`.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await set")
  public func set() throws {
    _ = try link.ask(.coordinate(.signal(event: name, isSet: true), nil), what: "setting the event \(name)")
  }

  /// Lets all go on who wait, or will wait until `clear`.
  ///
  /// - Throws: `ClusterError`.
  public func set() async throws {
    _ = try await link.ask(.coordinate(.signal(event: name, isSet: true), nil), what: "setting the event \(name)")
  }

  /// Lets those who come wait again.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await clear")
  public func clear() throws {
    _ = try link.ask(.coordinate(.signal(event: name, isSet: false), nil), what: "clearing the event \(name)")
  }

  /// Lets those who come wait again.
  ///
  /// - Throws: `ClusterError`.
  public func clear() async throws {
    _ = try await link.ask(.coordinate(.signal(event: name, isSet: false), nil), what: "clearing the event \(name)")
  }

  /// Waits until it is set.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: False when the time was over.
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await wait")
  @discardableResult
  public func wait(timeout: Duration? = nil) throws -> Bool {
    SharedReading.isDone(
      try link.ask(
        .coordinate(.wait(event: name, timeoutNanoseconds: SharedReading.nanoseconds(timeout)), nil),
        what: "waiting for the event \(name)"))
  }

  /// Waits until it is set.
  ///
  /// - Parameter timeout: How long to wait; nil: as long as it takes.
  /// - Returns: False when the time was over.
  /// - Throws: `ClusterError`.
  @discardableResult
  public func wait(timeout: Duration? = nil) async throws -> Bool {
    SharedReading.isDone(
      try await link.ask(
        .coordinate(.wait(event: name, timeoutNanoseconds: SharedReading.nanoseconds(timeout)), nil),
        what: "waiting for the event \(name)"))
  }
}
