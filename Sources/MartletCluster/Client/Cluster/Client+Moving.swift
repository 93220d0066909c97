// Where results lie: how many copies there are, and how full the workers are.

extension Client {
  /// Keeps so many copies of these results, each on a worker of its own, for as long as they are wanted: what is lost with a
  /// worker is copied again. They are made in the background, also of results that are not there yet; `whoHas` tells where
  /// they are. Constants that the scheduler keeps have no copies on workers, and need none.
  ///
  /// - Parameter copies: How many there shall be; 1 is what is usual. Where there are fewer workers, each gets one.
  /// - Throws: `ClusterError`, or the error of a future that has failed.
  @available(*, noasync, message: "use await replicate")
  public func replicate<Value>(_ futures: [ClusterFuture<Value>], copies: Int) throws {
    if futures.isEmpty { return }
    _ = try link.ask(try replication(of: futures, copies), what: "replicating results")
  }

  /// Keeps so many copies of these results, each on a worker of its own, for as long as they are wanted.
  ///
  /// - Parameter copies: How many there shall be; 1 is what is usual. Where there are fewer workers, each gets one.
  /// - Throws: `ClusterError`, or the error of a future that has failed.
  public func replicate<Value>(_ futures: [ClusterFuture<Value>], copies: Int) async throws {
    if futures.isEmpty { return }
    _ = try await link.ask(try replication(of: futures, copies), what: "replicating results")
  }

  private func replication<Value>(of futures: [ClusterFuture<Value>], _ copies: Int) throws(ClusterError) -> RequestBody
  {
    guard copies >= 1, copies <= Int(UInt32.max) else {
      throw ClusterError(.badOption, "\(copies) copies of a result cannot be kept", "Ask for 1 copy or more")
    }
    return .replicate(try link.cells(of: futures, "replicating a future"), copies: UInt32(copies))
  }

  /// Moves these results from workers that hold much to workers that hold little, in the background. They stay readable.
  ///
  /// - Returns: How many results are looked at.
  /// - Throws: `ClusterError`, or the error of a future that has failed.
  @available(*, noasync, message: "use await rebalance")
  @discardableResult
  public func rebalance<Value>(_ futures: [ClusterFuture<Value>]) throws -> Int {
    if futures.isEmpty { return 0 }
    return try link.ask(.rebalance(try link.cells(of: futures, "rebalancing a future")), what: "rebalancing").count()
  }

  /// Moves these results from workers that hold much to workers that hold little, in the background. They stay readable.
  ///
  /// - Returns: How many results are looked at.
  /// - Throws: `ClusterError`, or the error of a future that has failed.
  @discardableResult
  public func rebalance<Value>(_ futures: [ClusterFuture<Value>]) async throws -> Int {
    if futures.isEmpty { return 0 }
    let cells = try link.cells(of: futures, "rebalancing a future")
    return try await link.ask(.rebalance(cells), what: "rebalancing").count()
  }

  /// Moves results of all clients from workers that hold much to workers that hold little, in the background.
  ///
  /// - Returns: How many results are looked at.
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await rebalance")
  @discardableResult
  public func rebalance() throws -> Int { try link.ask(.rebalance([]), what: "rebalancing").count() }

  /// Moves results of all clients from workers that hold much to workers that hold little, in the background.
  ///
  /// - Returns: How many results are looked at.
  /// - Throws: `ClusterError`.
  @discardableResult
  public func rebalance() async throws -> Int { try await link.ask(.rebalance([]), what: "rebalancing").count() }

  /// Lets workers end: they take no more work, copy to others what only they hold, and go. Returns when they were told.
  ///
  /// - Parameter workers: Their names or addresses.
  /// - Returns: How many were told; one that is on its way out is not told again.
  /// - Throws: `ClusterError` (`.denied`) when there is no such worker; nobody is told then.
  @available(*, noasync, message: "use await retireWorkers")
  @discardableResult
  public func retireWorkers(_ workers: [String]) throws -> Int {
    if workers.isEmpty { return 0 }
    return try link.ask(.retireWorkers(workers), what: "retiring workers").count()
  }

  /// Lets workers end: they take no more work, copy to others what only they hold, and go. Returns when they were told.
  ///
  /// - Parameter workers: Their names or addresses.
  /// - Returns: How many were told; one that is on its way out is not told again.
  /// - Throws: `ClusterError` (`.denied`) when there is no such worker; nobody is told then.
  @discardableResult
  public func retireWorkers(_ workers: [String]) async throws -> Int {
    if workers.isEmpty { return 0 }
    return try await link.ask(.retireWorkers(workers), what: "retiring workers").count()
  }
}

extension ReplyAnswer {
  /// A number that the scheduler answers with.
  fileprivate func count() throws -> Int {
    guard let count = Int(try text()) else { throw ClusterError.denied("a question", "\(self)") }
    return count
  }
}
