import MartletBytes
import MartletProtocol

/// What is known of the result of a future.
enum FutureState: UInt8 {
  /// It is not there, or nobody has said so yet.
  case waiting
  /// It is there, on workers.
  case finished
  /// The shell has the value.
  case held
  case failed
  /// The program has no handle; only graphs that need it as an input keep the record.
  case idle
}

/// How far the fetch of a value is.
enum FetchPhase: UInt8 {
  case none
  /// In the queue of `peer`.
  case queued
  /// Asked of `peer`.
  case inFlight
  /// The shell takes its data frame from `peer`.
  case receiving
  /// The scheduler is asked where it is.
  case asking
  /// Tried again later.
  case delayed
}

/// What the session knows of a future.
struct FutureRecord {
  /// No graph, no peer, no neighbour.
  static let none = UInt32.max

  /// What the program was told of a future.
  enum Told: UInt8 { case nothing, finished, failed }

  var digest: Digest128
  var generation: UInt32 = 0
  var isUsed = true
  var state = FutureState.waiting
  /// Of the program, and of gathers.
  var handles = 0
  /// Graphs that want it or need it, and are not answered: the scheduler may not be told meanwhile to release it.
  var pending = 0
  /// Graphs that are kept and need it.
  var uses = 0
  /// The graph that can compute it again.
  var provider = FutureRecord.none
  /// Graphs on their way whose answer will name it.
  var expected = 0
  /// Its handle at the scheduler, which knows that this client wants it.
  var task: TaskHandle?
  var type = ""
  var byteCount: Int64 = 0
  var holders: [String] = []
  /// A bit for each holder that was tried in vain.
  var tried: UInt8 = 0
  var attempts = 0
  var failure: FailureRecord?
  var isCancelled = false
  var isForced = false
  /// What the scheduler was told to cancel last, and how often it had been told of such things then. An answer to what was asked
  /// before may still name it; the scheduler does not hold it for this client any more.
  var cancelledTask: TaskHandle?
  var cancelledAt: UInt64 = 0
  /// What was said of it, and counted in its provider's progress.
  var told = Told.nothing
  var wantsValue = false
  /// Gathers that wait for it, by their slots.
  var gathers: [UInt32] = []
  /// Whether a graph that is sent again needs it, though the program does not.
  var isNeededAsInput = false
  var fetch = FetchPhase.none
  var peer = FutureRecord.none
  var next = FutureRecord.none
  var previous = FutureRecord.none
}

/// A graph, or scattered data, that is kept until nobody could need it again.
struct GraphRecord {
  enum Phase: UInt8 {
    /// The scheduler does not have all of it.
    case unsent
    /// It has, and has not answered.
    case sent
    case accepted
    /// Its values go to a worker.
    case putting
    /// It was refused before the program has sent all pieces.
    case refused
  }

  let submission: SubmissionID
  var isUsed = true
  var phase = Phase.unsent
  var pieces: [Submission] = []
  /// Where the graphs end among the tasks of the one piece that it was joined of; empty for one that was not.
  var partEnds: [Int] = []
  /// The values, for scattered data.
  var values: [ScatteredValue] = []
  /// The worker that has them.
  var place: PeerRef?
  /// Pieces that went to the scheduler of this connection.
  var sentPieces = 0
  /// Whether the program has sent all.
  var isComplete = false
  /// The number under which the scheduler knows it.
  var wire: UInt32 = 0
  /// How often the scheduler had been told that something is not wanted any more when it got the last piece: the results are wanted
  /// from then on.
  var unwantsSaid: UInt64 = 0
  /// The futures of the wanted tasks, a list for each piece.
  var wanted: [[FutureID]] = []
  /// The futures that its tasks need.
  var inputs: [FutureID] = []
  /// Those that the scheduler will name.
  var expected: [FutureID] = []
  /// How many of them it has named.
  var named = 0
  /// The keys of its own tasks, while pieces come. Only looked up.
  var ownDigests: Set<Digest128> = []
  var bytes = 0
  /// Who has restarted the cluster while it was on its way, and needed results of before.
  var restartedBy: String?
  /// Whether its pieces have layers so far, whose blocks later pieces may name.
  var hasLayers = false
  /// Futures whose provider it is.
  var provides = 0
  var progress = ClientProgress()
  var toldDone = 0
  var isMarked = false
  var next = FutureRecord.none
  var previous = FutureRecord.none
}

/// A worker that values are fetched from.
struct PeerRecord {
  struct Flight {
    let future: FutureID
    let task: TaskHandle
    var bytes: Int64
    var isReceiving = false
  }

  let address: String
  var isUsed = true
  var isConnecting = false
  var isConnected = false
  /// Not asked and not connected before.
  var retryAt = Timestamp(nanoseconds: 0)
  var failures = 0
  var first = FutureRecord.none
  var last = FutureRecord.none
  var queuedCount = 0
  var queuedBytes: Int64 = 0
  /// The request that is not answered.
  var request: UInt32?
  var flights: [Flight] = []
  var flightBytes: Int64 = 0
  var isReady = false
  var lastHeard = Timestamp(nanoseconds: 0)
  /// Graphs of scattered data that it is asked to hold, with their requests.
  var puts: [(request: UInt32, graph: UInt32)] = []
}

/// A request that is not answered.
struct RequestRecord {
  let id: RequestID
  let body: ClientRequest
  let sequence: UInt64
  var isUsed = true
  /// Its number at the scheduler, when it was sent.
  var wire: UInt32?
  /// How often the scheduler had been told then that something is not wanted any more.
  var unwantsSaid: UInt64 = 0
  /// Answered once, and open for messages.
  var isListening = false
  // For a gather:
  var cursor = 0
  var remaining = 0
  var underway = 0
}

/// A lease that is kept alive.
struct LeaseRecord {
  let semaphore: String
  let lease: UInt64
  let duration: Int64
  var renewAt: Timestamp
}

/// What a number of ours at the scheduler stands for.
enum WireUse: Equatable {
  /// Keys that are named after a reconnect. `unwants`: how often the scheduler had been told then that something is not wanted any
  /// more.
  case resume(unwants: UInt64)
  /// Values that were not where they should be.
  case asked([FutureID], unwants: UInt64)
  case graph(UInt32)
  case request(UInt32)
  /// What nobody waits for any more, and has to be undone when it was carried out; nil: a subscription.
  case abandoned(CoordinationRequest?, unwants: UInt64)
  case renewal(UInt64)
}

/// Futures by the time at which something is due.
struct TimerHeap {
  private var entries: [(time: Int64, future: FutureID)] = []
  var count: Int { entries.count }

  mutating func push(_ time: Timestamp, _ future: FutureID) {
    entries.append((time.nanoseconds, future))
    var place = entries.count - 1
    while place > 0, entries[place].time < entries[(place - 1) / 2].time {
      entries.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  /// The first future whose time has come.
  mutating func pop(until now: Timestamp) -> FutureID? {
    guard let top = entries.first, top.time <= now.nanoseconds else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return top.future }
    entries[0] = last
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2] where child < entries.count {
        if entries[child].time < entries[least].time { least = child }
      }
      if least == place { return top.future }
      entries.swapAt(place, least)
      place = least
    }
  }

  mutating func removeAll() { entries = [] }
}
