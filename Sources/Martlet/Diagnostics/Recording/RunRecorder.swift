public import MartletEngine

/// Records runs: each task's time, thread and bytes, the graphs, and what the process uses.
///
/// ```swift
/// let recorder = RunRecorder()
/// let total = try recorder.observing { try pool.run(graph, output: sum) }
/// print(Profile(recorder.record()).text())
/// ```
///
/// Bounded: it keeps so many spans, graphs and samples as `Limits` says, and counts the rest; sums by label stay exact. A task
/// pays two events (some 30 ns each); a thread of the recorder collects them every 10 ms.
public final class RunRecorder: @unchecked Sendable {
  // Sendable: `joined` and `droppedBefore` are used under `lock`, the rest is constant.

  /// How much is kept.
  public struct Limits: Sendable {
    /// Spans (88 bytes each); tasks beyond that are in the sums only.
    public var spans: Int
    /// Tasks of all graphs kept for pictures and for the bytes of live results (some 50 bytes each).
    public var graphTasks: Int
    /// Samples of processor and memory.
    public var samples: Int
    /// Runs that are listed.
    public var runs: Int

    /// How much is kept.
    public init(spans: Int = 500_000, graphTasks: Int = 1_000_000, samples: Int = 1000, runs: Int = 10_000) {
      self.spans = max(0, spans)
      self.graphTasks = max(0, graphTasks)
      self.samples = max(4, samples)
      self.runs = max(1, runs)
    }
  }

  private let reader: RecordingReader
  private let own = RunWatch()
  private let lock = Lock()
  private var joined: [ObjectIdentifier: Joined] = [:]
  /// Events that were dropped by watches that were left.
  private var droppedBefore = 0

  private struct Joined {
    let watch: RunWatch
    /// Events that were dropped before.
    let dropped: Int
    var uses = 0
  }

  /// A recorder that has recorded nothing.
  public init(limits: Limits = Limits()) { reader = RecordingReader(limits) }

  deinit { own.detach(reader) }

  /// A log to give to runs in their options, for those that are not in a scope of `observing`. Recording begins with the
  /// first run.
  public var events: EventLog {
    join(own)
    return own.log
  }

  /// Records the runs that begin in `body`, also those that its tasks start, unless they are given another log. What `body`
  /// throws is thrown on, and what was recorded stays.
  ///
  /// In a scope that is observed already (by a progress display, say) the runs that begin elsewhere in that scope meanwhile are
  /// recorded too.
  public func observing<Result>(_ body: () throws -> Result) rethrows -> Result {
    let watch = begin()
    defer { end(watch) }
    return try EventLog.$current.withValue(watch.log, operation: body)
  }

  /// The same for code that awaits.
  public func observing<Result>(
    isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Result
  ) async rethrows -> Result {
    let watch = begin()
    defer { end(watch) }
    return try await EventLog.$current.withValue(watch.log, operation: body)
  }

  /// What was recorded up to now. Runs may be going on.
  public func record() -> RunRecord {
    let watched = lock.withLock { () -> [Joined] in Array(joined.values) }
    for entry in watched { entry.watch.read() }
    let dropped = lock.withLock {
      joined.values.reduce(droppedBefore) { $0 + $1.watch.log.droppedCount - $1.dropped }
    }
    return reader.record(droppedEvents: dropped)
  }

  /// Begins a scope; the time between its runs counts too.
  package func begin() -> RunWatchScope {
    let watch = RunWatch.current ?? own
    join(watch)
    reader.scopeBegan()
    return RunWatchScope(watch: watch)
  }

  /// Ends a scope.
  package func end(_ scope: RunWatchScope) {
    reader.scopeEnded()
    leave(scope.watch)
  }

  private func join(_ watch: RunWatch) {
    let isNew = lock.withLock {
      var entry = joined[ObjectIdentifier(watch)] ?? Joined(watch: watch, dropped: watch.log.droppedCount)
      entry.uses += 1
      joined[ObjectIdentifier(watch)] = entry
      return entry.uses == 1
    }
    if isNew { watch.attach(reader) }
  }

  private func leave(_ watch: RunWatch) {
    let isLast = lock.withLock {
      guard var entry = joined[ObjectIdentifier(watch)] else { return false }
      entry.uses -= 1
      joined[ObjectIdentifier(watch)] = entry.uses > 0 ? entry : nil
      if entry.uses == 0 { droppedBefore += watch.log.droppedCount - entry.dropped }
      return entry.uses == 0
    }
    if isLast { watch.detach(reader) }
  }
}

/// A scope that is recorded.
package struct RunWatchScope: Sendable {
  let watch: RunWatch
  /// What runs of the scope write to.
  package var log: EventLog { watch.log }
}
