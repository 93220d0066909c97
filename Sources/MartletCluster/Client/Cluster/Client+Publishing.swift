public import MartletBytes
import MartletProtocol

// Results under a name outlive the client that made them, until somebody takes the name back.

extension Client {
  /// Keeps results on the cluster under a name.
  ///
  /// - Parameter overwrites: Whether the name may stand for something else until now.
  /// - Throws: `ClusterError`, also when the name is taken.
  @available(*, noasync, message: "use await publish")
  public func publish<Value>(_ futures: [ClusterFuture<Value>], as name: String, overwrites: Bool = false) throws {
    let cells = try link.cells(of: futures, "publishing a future")
    _ = try link.ask(.publish(name: name, cells, overwrites: overwrites), what: "publishing \(name)")
  }

  /// Keeps results on the cluster under a name.
  ///
  /// - Parameter overwrites: Whether the name may stand for something else until now.
  /// - Throws: `ClusterError`, also when the name is taken.
  public func publish<Value>(
    _ futures: [ClusterFuture<Value>], as name: String, overwrites: Bool = false
  ) async throws {
    let cells = try link.cells(of: futures, "publishing a future")
    _ = try await link.ask(.publish(name: name, cells, overwrites: overwrites), what: "publishing \(name)")
  }

  /// Takes a name back: the results go when nobody else wants them.
  ///
  /// - Throws: `ClusterError`, also when there is no such name.
  @available(*, noasync, message: "use await unpublish")
  public func unpublish(_ name: String) throws {
    _ = try link.ask(.unpublish(name: name), what: "unpublishing \(name)")
  }

  /// Takes a name back: the results go when nobody else wants them.
  ///
  /// - Throws: `ClusterError`, also when there is no such name.
  public func unpublish(_ name: String) async throws {
    _ = try await link.ask(.unpublish(name: name), what: "unpublishing \(name)")
  }

  /// The results behind a name, in the order in which they were published.
  ///
  /// - Throws: `ClusterError`, also when there is no such name.
  @available(*, noasync, message: "use await dataset")
  public func dataset<Value: PortableValue>(
    _ name: String, of type: Value.Type = Value.self
  ) throws -> [ClusterFuture<Value>] {
    try futures(try link.ask(.subscribe(name: name), what: "looking for \(name)"))
  }

  /// The results behind a name, in the order in which they were published.
  ///
  /// - Throws: `ClusterError`, also when there is no such name.
  public func dataset<Value: PortableValue>(
    _ name: String, of type: Value.Type = Value.self
  ) async throws -> [ClusterFuture<Value>] {
    try futures(try await link.ask(.subscribe(name: name), what: "looking for \(name)"))
  }

  /// The names that are published.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await publishedNames")
  public func publishedNames() throws -> [String] {
    try link.ask(.ask(.published), what: "asking for names").lines()
  }

  /// The names that are published.
  ///
  /// - Throws: `ClusterError`.
  public func publishedNames() async throws -> [String] {
    try await link.ask(.ask(.published), what: "asking for names").lines()
  }

  private func futures<Value: PortableValue>(_ answer: ReplyAnswer) throws -> [ClusterFuture<Value>] {
    guard case .futures(let tokens) = answer else { throw ClusterError.denied("a published name", "\(answer)") }
    return tokens.map { ClusterFuture($0) }
  }
}
