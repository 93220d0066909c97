import MartletBytes
import MartletProtocol

/// Where a task is.
package enum TaskState: UInt8, Sendable, BitwiseCopyable, CaseIterable {
  /// Known, and nobody needs its result now.
  case released
  /// Needed; some of its inputs are not there, or its next attempt is not due.
  case waiting
  /// Its inputs are there; no worker has room for it.
  case ready
  /// Its inputs are there; no worker may run it, or none is there.
  case noWorker
  /// Given to a worker, which may have begun; perhaps ahead of inputs that the same worker computes.
  case processing
  /// Its result is there, on at least one worker or here.
  case memory
  /// It has no result and will have none, unless somebody asks for another try.
  case failed

  /// Where a task may go from here. Everything else is a mistake of ours.
  var successors: [TaskState] { TaskState.allCases.filter(mayBecome) }

  /// Whether a task may go from here to there.
  @inline(__always)
  func mayBecome(_ next: TaskState) -> Bool { TaskState.edges &>> UInt64(rawValue * 8 + next.rawValue) & 1 != 0 }

  /// Eight bits for each state: its successors by number.
  private static let edges: UInt64 =
    row(.released, [.waiting, .memory, .failed])
    | row(.waiting, [.ready, .released, .failed, .memory])
    | row(.ready, [.processing, .noWorker, .waiting, .released, .failed, .memory])
    | row(.noWorker, [.ready, .waiting, .released, .failed, .memory])
    | row(.processing, [.memory, .waiting, .ready, .released, .failed])
    | row(.memory, [.released]) | row(.failed, [.released])

  private static func row(_ state: TaskState, _ successors: [TaskState]) -> UInt64 {
    successors.reduce(0) { $0 | 1 << UInt64(state.rawValue * 8 + $1.rawValue) }
  }

  /// Whether a task in this state needs its inputs.
  @inline(__always)
  var isActive: Bool {
    switch self {
    case .waiting, .ready, .noWorker, .processing: true
    case .released, .memory, .failed: false
    }
  }
}

/// What the scheduler knows of a task: 104 bytes, and 20 for each dependency, each holder and each client that wants it.
struct TaskRecord: BitwiseCopyable {
  // What is told of an input.
  var digest: Digest128
  /// Makes handles of an earlier task in this slot invalid.
  var generation: UInt32
  /// The assignment that is valid now.
  var run: UInt32 = 0
  /// An index into the scheduler's types, while it is in memory; `Names.none` for one without a name.
  var resultType = Names.none
  /// Where its result's copy is among those that are kept here.
  var inline = InlineResults.none
  // What changes when a neighbour does.
  /// Bytes of the result, while it is in memory.
  var resultBytes: Int64 = 0
  /// The heads of its lists: of edges to its inputs, of edges from its dependents, of its holders, of who wants it.
  var firstInput = Dependencies.none
  var firstDependent = Dependencies.none
  var firstHolder = Relation.none
  var firstWant = Relation.none
  /// While it waits, `unmet`; while it is processing, `assignment`.
  private var count: UInt32 = 0
  /// Dependents that need its result and have not run.
  var waiters: UInt32 = 0
  var state = TaskState.released
  /// Workers that died of it.
  var deaths: UInt8 = 0
  private var flags: UInt8 = 0
  /// It was given to its worker before its inputs were there: workers compute all that was missing then.
  var isAhead = false
  // The rest.
  var retriesLeft: UInt16 = 0
  /// An index into the scheduler's kinds.
  var kind: UInt32 = 0
  /// The arguments of a call, the bytes of a constant.
  var arguments = KeptBytes.none
  /// Lower runs earlier among the owner's tasks.
  var priority: UInt64 = 0
  /// The client whose graph brought it; its share of the cluster pays for it.
  var owner: UInt32 = 0
  /// Where it is processing, or was.
  var worker: UInt32 = 0
  /// Graphs of which pieces are missing that speak of it: it is not forgotten meanwhile.
  var pins: UInt32 = 0
  var attempts: UInt16 = 0

  init(digest: Digest128, generation: UInt32) {
    self.digest = digest
    self.generation = generation
  }

  /// Dependencies that are not in memory, while it waits.
  var unmet: UInt32 {
    get { count }
    set { count = newValue }
  }

  /// The place of its assignment, while it is processing.
  var assignment: UInt32 {
    get { count }
    set { count = newValue }
  }

  /// Whether the slot holds a task.
  var isUsed: Bool {
    get { flags & 1 != 0 }
    set { set(1, newValue) }
  }

  /// It has to run alone, because it may have killed a worker.
  var isSuspect: Bool {
    get { flags & 2 != 0 }
    set { set(2, newValue) }
  }

  /// The next attempt has a time, which is in the timers.
  var isDelayed: Bool {
    get { flags & 4 != 0 }
    set { set(4, newValue) }
  }

  /// A steal was asked for and is not answered.
  var isBeingStolen: Bool {
    get { flags & 8 != 0 }
    set { set(8, newValue) }
  }

  /// A task that nothing is known of but its data (scattered): it cannot be computed again.
  var isData: Bool {
    get { flags & 16 != 0 }
    set { set(16, newValue) }
  }

  /// Names and shared values stand for it: its result is kept. How many is in the scheduler's `keeps`.
  var isKept: Bool {
    get { flags & 32 != 0 }
    set { set(32, newValue) }
  }

  /// Its result is to be had more than once.
  var isReplicated: Bool {
    get { flags & 64 != 0 }
    set { set(64, newValue) }
  }

  /// A call on one worker: it runs there, once, or not at all.
  var isBound: Bool {
    get { flags & 128 != 0 }
    set { set(128, newValue) }
  }

  /// Its result has a copy here.
  var hasInline: Bool { inline != InlineResults.none }

  @inline(__always)
  private mutating func set(_ bit: UInt8, _ isSet: Bool) { flags = isSet ? flags | bit : flags & ~bit }
}
