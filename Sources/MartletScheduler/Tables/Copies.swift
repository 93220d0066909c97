import MartletProtocol

/// Which results are to be had more than once, and which copies are on their way.
struct Copies: Sendable {
  /// A copy that a worker was told to fetch.
  struct Move: Sendable {
    let task: TaskHandle
    let target: UInt32
    /// The worker that gives its own copy away for it; nil where there shall be one more.
    let source: UInt32?
    let bytes: Int64
    let since: Timestamp
  }

  /// How many copies there shall be, and whether the task is among those that may have too few.
  struct Wanted: Sendable {
    var count: UInt32
    var isListed = false
  }

  // Only looked up, never walked, but for its keys in their order.
  /// How many copies a task shall have, where that is more than one.
  var wanted: [UInt32: Wanted] = [:]
  /// Tasks that may have too few copies, looked at in turn.
  var lacking: [TaskHandle] = []
  /// Results that may lie better elsewhere, looked at from the end.
  var unbalanced: [TaskHandle] = []
  /// What is on its way: a few.
  var moves: [Move] = []

  /// Nothing is wanted, nothing moves.
  var isEmpty: Bool { wanted.isEmpty }

  /// Whether there is something to look at.
  var isIdle: Bool { lacking.isEmpty && unbalanced.isEmpty && moves.isEmpty }

  /// Bytes that are on their way to a worker.
  func incoming(to worker: UInt32) -> Int64 {
    moves.reduce(0) { $0 + ($1.target == worker ? $1.bytes : 0) }
  }
}
