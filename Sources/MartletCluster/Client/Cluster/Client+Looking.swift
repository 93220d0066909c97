import MartletBytes
import MartletClient
import MartletProtocol

/// A worker as the scheduler sees it.
public struct ClusterWorker: Sendable, Hashable {
  /// Its number at this scheduler.
  public let id: Int
  /// Its name.
  public let name: String
  /// Where clients and other workers reach it.
  public let address: String
  /// The machine that it runs on.
  public let host: String
  /// `running`, `paused`, `isolated` or `retiring`.
  public let status: String
  /// Tasks that it runs at one time.
  public let threads: Int
  /// Bytes of results that it may hold; 0: no limit.
  public let memoryLimitBytes: Int
  /// Bytes of results that it holds.
  public let heldBytes: Int
  /// What its process takes in memory.
  public let residentBytes: Int
  /// Tasks that were given to it and have not ended.
  public let processing: Int
  /// How much it has of what tasks name as resources.
  public let resources: [String: Int]
}

extension Client {
  /// The workers, in the order of their coming.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await workers")
  public func workers() throws -> [ClusterWorker] {
    try ClusterWorker.list(try link.ask(.ask(.workers), what: "asking for the workers"))
  }

  /// The workers, in the order of their coming.
  ///
  /// - Throws: `ClusterError`.
  public func workers() async throws -> [ClusterWorker] {
    try ClusterWorker.list(try await link.ask(.ask(.workers), what: "asking for the workers"))
  }

  /// Waits until there are so many workers.
  ///
  /// - Throws: `ClusterError` (`.timedOut`) when there are fewer after that time.
  @available(*, noasync, message: "use await waitForWorkers")
  public func waitForWorkers(_ count: Int, timeout: Duration = .seconds(30)) throws {
    let end = ContinuousClock.now + timeout
    let late = ClusterError.timedOut("waiting for \(count) workers", timeout)
    while true {
      // Without a connection there is no answer. Who has no time gets a moment for one.
      let time = max(end - ContinuousClock.now, .seconds(1))
      do {
        let answer = try link.ask(.ask(.workers), timeout: time, what: "asking for the workers")
        if try ClusterWorker.list(answer).count >= count { return }
      } catch let error as ClusterError where error.code == .timedOut {
        throw late
      }
      if ContinuousClock.now >= end { throw late }
      ThreadWaiter().wait(until: ThreadWaiter.deadline(after: .milliseconds(20)))
    }
  }

  /// Waits until there are so many workers.
  ///
  /// - Throws: `ClusterError` (`.timedOut`) when there are fewer after that time.
  public func waitForWorkers(_ count: Int, timeout: Duration = .seconds(30)) async throws {
    let end = ContinuousClock.now + timeout
    let late = ClusterError.timedOut("waiting for \(count) workers", timeout)
    while true {
      let time = max(end - ContinuousClock.now, .seconds(1))
      do {
        let answer = try await link.ask(.ask(.workers), timeout: time, what: "asking for the workers")
        if try ClusterWorker.list(answer).count >= count { return }
      } catch let error as ClusterError where error.code == .timedOut {
        throw late
      }
      if ContinuousClock.now >= end { throw late }
      try await Task.sleep(for: .milliseconds(20))
    }
  }

  /// How many tasks the scheduler knows in each state (`waiting`, `processing`, `memory`, …), those of all clients.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await taskCounts")
  public func taskCounts() throws -> [String: Int] {
    try counts(try link.ask(.ask(.tasks), what: "asking for the tasks"))
  }

  /// How many tasks the scheduler knows in each state (`waiting`, `processing`, `memory`, …), those of all clients.
  ///
  /// - Throws: `ClusterError`.
  public func taskCounts() async throws -> [String: Int] {
    try counts(try await link.ask(.ask(.tasks), what: "asking for the tasks"))
  }

  private func counts(_ answer: ReplyAnswer) throws -> [String: Int] {
    let states = JSONValue(try answer.text())?["states"]?.members ?? []
    return Dictionary(states.compactMap { state in state.value.whole.map { (state.name, $0) } }) { first, _ in first }
  }

  /// The addresses of the workers that hold each of these results; none where a result is not there, or small enough for the
  /// scheduler to keep it.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await whoHas")
  public func whoHas<Value>(_ futures: [ClusterFuture<Value>]) throws -> [[String]] {
    try link.ask(.whoHas(try link.cells(of: futures, "asking who has a future")), what: "asking who has results")
      .holders()
  }

  /// The addresses of the workers that hold each of these results; none where a result is not there, or small enough for the
  /// scheduler to keep it.
  ///
  /// - Throws: `ClusterError`.
  public func whoHas<Value>(_ futures: [ClusterFuture<Value>]) async throws -> [[String]] {
    try await link.ask(.whoHas(try link.cells(of: futures, "asking who has a future")), what: "asking who has results")
      .holders()
  }

  /// What happened to the task of a future at the scheduler, a line an event.
  ///
  /// - Throws: `ClusterError`.
  @available(*, noasync, message: "use await story")
  public func story<Value>(of future: ClusterFuture<Value>) throws -> [String] {
    try link.ask(.ask(.story(future.token.cell.digest)), what: "asking for a story").lines()
  }

  /// What happened to the task of a future at the scheduler, a line an event.
  ///
  /// - Throws: `ClusterError`.
  public func story<Value>(of future: ClusterFuture<Value>) async throws -> [String] {
    try await link.ask(.ask(.story(future.token.cell.digest)), what: "asking for a story").lines()
  }
}

extension ReplyAnswer {
  func text() throws -> String {
    guard case .answer(.text(let text)) = self else { throw ClusterError.denied("a question", "\(self)") }
    return text
  }

  func lines() throws -> [String] { try text().split(separator: "\n").map(String.init) }

  fileprivate func holders() throws -> [[String]] {
    guard case .holders(let list) = self else { throw ClusterError.denied("asking who has results", "\(self)") }
    return list
  }
}

extension ClusterWorker {
  /// The workers of an answer.
  static func list(_ answer: ReplyAnswer) throws -> [ClusterWorker] {
    guard let list = JSONValue(try answer.text())?.array else {
      throw ClusterError.denied("asking for the workers", "the answer is no list")
    }
    return list.compactMap { ClusterWorker($0) }
  }

  private init?(_ json: JSONValue) {
    guard let id = json["id"]?.whole, let name = json["name"]?.text, let address = json["address"]?.text else {
      return nil
    }
    self.id = id
    self.name = name
    self.address = address
    host = json["host"]?.text ?? ""
    status = json["status"]?.text ?? ""
    threads = json["threads"]?.whole ?? 0
    memoryLimitBytes = json["memory_limit_bytes"]?.whole ?? 0
    heldBytes = json["held_bytes"]?.whole ?? 0
    residentBytes = json["resident_bytes"]?.whole ?? 0
    processing = json["processing"]?.whole ?? 0
    let amounts = json["resources"]?.members ?? []
    resources = Dictionary(amounts.compactMap { need in need.value.whole.map { (need.name, $0) } }) { first, _ in first
    }
  }
}
