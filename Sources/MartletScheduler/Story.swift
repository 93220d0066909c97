import MartletBytes
import MartletProtocol

/// What happened to tasks, the latest of it, in a ring of fixed size: so that a stuck task can tell how it got there.
struct Story {
  /// A transition, or an event that changed none.
  struct Entry: BitwiseCopyable {
    var digest = Digest128(low: 0, high: 0)
    var time = Timestamp(nanoseconds: 0)
    var from = TaskState.released
    var to = TaskState.released
    var cause = Cause.client
    var worker: UInt32 = 0
    var run: UInt32 = 0
  }

  /// What made it happen.
  enum Cause: UInt8, BitwiseCopyable {
    case client, assigned, finished, failed, inputReady, inputLost, workerLost, retryDue, stolen, resultDropped,
      cancelled
    case clientGone, noWorkerLeft, workerCame, watchdog
  }

  private var ring: [Entry] = []
  private var next = 0
  private let capacity: Int

  init(capacity: Int) { self.capacity = capacity }

  mutating func note(_ entry: Entry) {
    if capacity == 0 { return }
    if ring.count < capacity { ring.append(entry) } else { ring[next] = entry }
    next = next + 1 == capacity ? 0 : next + 1
  }

  /// The lines about one task, oldest first.
  func lines(of digest: Digest128) -> [String] {
    let ordered = ring.count < capacity ? ring[...] : ring[next...] + ring[..<next]
    return ordered.filter { $0.digest == digest }.map { entry in
      let seconds = Double(entry.time.nanoseconds / 1000) / 1e6
      var line = "\(seconds) s: \(entry.from) → \(entry.to) (\(entry.cause)"
      if entry.to == .processing || entry.from == .processing { line += ", worker \(entry.worker), run \(entry.run)" }
      return line + ")"
    }
  }
}
