import MartletBytes
import MartletProtocol

/// How far a task is that this worker has to compute.
enum TaskPhase: UInt8, Sendable {
  /// It is not assigned here (any more): it is known for its result, or as an input of others.
  case unassigned
  /// Inputs are missing in memory.
  case waiting
  /// All inputs are in memory, and stay there.
  case ready
  /// Its body runs.
  case executing
  /// Its body waits, or could go on and waits for a thread's room.
  case suspended

  /// Whether it was assigned and has not begun.
  var isQueued: Bool { self == .waiting || self == .ready }
}

/// Where a result is.
enum DataPhase: UInt8, Sendable {
  /// Not here.
  case absent
  /// A peer was asked for it.
  case fetching
  /// In memory; there may be a file of it too.
  case memory
  /// In memory, and being written to a file.
  case spilling
  /// In a file only.
  case spilled
  /// Being read from its file.
  case loading

  /// Whether a body can use it.
  var isInMemory: Bool { self == .memory || self == .spilling }
  /// Whether the worker has it, in whatever form.
  var isHere: Bool { self != .absent && self != .fetching }
}

/// What the worker knows of a task: as work, and as a result. Its place in the table is the number of its value.
struct TaskRecord: Sendable {
  /// No place in a table.
  static let none = UInt32.max

  var isUsed = false
  /// The scheduler's name of it; an old one when `hasHandle` is false: the scheduler is another one, or does not want it.
  var handle = TaskHandle(slot: 0, generation: 0)
  var hasHandle = false
  var digest = Digest128(low: 0, high: 0)

  // MARK: As work
  var phase = TaskPhase.unassigned
  var run: UInt32 = 0
  var priority = UInt64.max
  var isBlocking = false
  /// Inputs that are not in memory, and those of them that are not here at all.
  var unmet: UInt32 = 0
  var away: UInt32 = 0
  /// Whether its inputs in memory have to stay there: always when it is ready, and earlier when the others are being loaded.
  var isPinning = false
  /// Its inputs in the order of its arguments, and each of them once.
  var arguments: [UInt32] = []
  var inputs: [UInt32] = []
  /// The execution whose result will be its own.
  var execution = TaskRecord.none
  /// Where it stands among the queued tasks.
  var place: UInt32 = 0

  // MARK: As a result
  var data = DataPhase.absent
  /// What it takes in memory; what was announced before it is here.
  var byteCount: Int64 = 0
  var diskBytes: Int64 = 0
  var hasFile = false
  var type = ""
  /// The scheduler counts on it, until it says `release`.
  var isKept = false
  /// A client has put it here, and the scheduler has not named it yet: held until then, or until this moment.
  var isPut = false
  var putUntil = Timestamp(nanoseconds: 0)
  /// The scheduler has asked for a copy.
  var isFetchWanted = false
  /// Queued tasks that need it.
  var dependents: [UInt32] = []
  /// Bodies that use it, tasks that pin it, and transfers that send it from memory.
  var uses: UInt32 = 0
  /// Transfers that send it from its file.
  var reads: UInt32 = 0
  /// Peers that have it, as far as one knows: places in the table of peers.
  var holders: [UInt32] = []
  /// The run whose result they have.
  var heldRun: UInt32 = 0
  var fetchPriority = UInt64.max
  var fetchedFrom = TaskRecord.none
  var damagedCopies = 0
  /// Whether it is among those whose holders nobody knows, since when, and when the scheduler is asked again.
  var isUnlocated = false
  var unlocatedSince = Timestamp(nanoseconds: 0)
  var askAt = Timestamp(nanoseconds: 0)

  /// Another worker computes it: it comes by itself, or the scheduler says where it is.
  var isExpected = false
  /// Workers that wait for it: it is sent to them when it is computed here.
  var pushTo: [WorkerID] = []

  // MARK: Among results that may be spilled
  var isListed = false
  var earlier = TaskRecord.none
  var later = TaskRecord.none
  /// The last walk that met it.
  var mark: UInt32 = 0

  /// Whether somebody waits for it to be here.
  @inline(__always)
  var isWanted: Bool { isFetchWanted || !dependents.isEmpty }
  /// Whether it has to be fetched.
  @inline(__always)
  var isToBeFetched: Bool {
    isUsed && data == .absent && phase == .unassigned && isWanted && hasHandle && !isExpected
  }
}

/// A body that runs, or is suspended.
struct Execution: Sendable {
  var isUsed = false
  /// The task whose result it gives; none when nobody waits for it any more.
  var slot = TaskRecord.none
  /// Inputs that it holds, each once.
  var inputs: [UInt32] = []
  var label = ""
  var isBlocking = false
  var priority = UInt64.max
  var isSuspended = false
  /// It is suspended, and its thread sleeps.
  var holdsThread = false
  /// It is suspended, and what it waited for is there.
  var isAwake = false
  /// Whether the scheduler counts its task among those that wait; whether that may have changed.
  var isToldSuspended = false
  var isListed = false
  /// When it has taken too long; `Int64.max`: never.
  var deadline = Int64.max
}
