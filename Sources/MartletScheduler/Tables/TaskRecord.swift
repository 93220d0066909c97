import MartletBytes
import MartletProtocol

/// Where a task is.
package enum TaskState: UInt8, Sendable, CaseIterable {
  /// Known, and nobody needs its result now.
  case released
  /// Needed; some of its inputs are not there, or its next attempt is not due.
  case waiting
  /// Its inputs are there; no worker has room for it.
  case ready
  /// Its inputs are there; no worker may run it, or none is there.
  case noWorker
  /// Given to a worker, which may have begun.
  case processing
  /// Its result is there, on at least one worker or here.
  case memory
  /// It has no result and will have none, unless somebody asks for another try.
  case failed

  /// Where a task may go from here. Everything else is a mistake of ours.
  var successors: [TaskState] {
    switch self {
    case .released: [.waiting, .memory, .failed]
    case .waiting: [.ready, .released, .failed, .memory]
    case .ready: [.processing, .noWorker, .waiting, .released, .failed, .memory]
    case .noWorker: [.ready, .waiting, .released, .failed, .memory]
    case .processing: [.memory, .waiting, .ready, .released, .failed]
    case .memory: [.released]
    case .failed: [.released]
    }
  }
}

/// What the scheduler knows of a task. Some 150 bytes, and 24 for each dependency.
struct TaskRecord {
  var digest: Digest128
  /// Makes handles of an earlier task in this slot invalid.
  var generation: UInt32
  /// Whether the slot holds a task.
  var isUsed = false
  var state = TaskState.released
  /// An index into the scheduler's labels.
  var label: UInt32 = 0
  /// An index into the scheduler's traits; 0: none.
  var traits: UInt32 = 0
  var work = TaskWork.signal
  /// The client whose graph brought it; its share of the cluster pays for it.
  var owner: UInt32 = 0
  /// Lower runs earlier among the owner's tasks.
  var priority: UInt64 = 0
  /// The assignment that is valid now.
  var run: UInt32 = 0
  /// Where it is processing.
  var worker: UInt32 = 0
  /// Dependencies that are not in memory, while it waits.
  var unmet: UInt32 = 0
  /// Dependents that need its result and have not run.
  var waiters: UInt32 = 0
  var orderOnlyCount: UInt32 = 0
  /// Graphs of which pieces are missing that speak of it: it is not forgotten meanwhile.
  var pins: UInt32 = 0
  /// Names and shared values that stand for it: its result is kept.
  var keeps: UInt32 = 0
  var attempts: UInt32 = 0
  var retriesLeft: UInt16 = 0
  /// Workers that died of it.
  var deaths: UInt8 = 0
  /// It has to run alone, because it may have killed a worker.
  var isSuspect = false
  /// The next attempt has a time, which is in the timers.
  var isDelayed = false
  /// Its result has a copy here.
  var hasInline = false
  /// A steal was asked for and is not answered.
  var isBeingStolen = false
  /// A task that nothing is known of but its data (scattered): it cannot be computed again.
  var isData = false
  /// Bytes of the result, while it is in memory.
  var resultBytes: Int64 = 0
  /// An index into the scheduler's types.
  var resultType: UInt32 = 0
  /// What its worker was booked with.
  var bookedNanoseconds: Int64 = 0
  var bookedBytes: Int64 = 0
  /// When it was assigned.
  var since = Timestamp(nanoseconds: 0)
}
