package import MartletBytes
package import MartletProtocol

/// Decides what a worker fetches, runs, keeps, spills and sends.
///
/// A value without any I/O: events go in, actions come out, time is part of the events. The same events give the same actions
/// in every process. It never sees a value, only what it takes; the shell keeps values in a table by `ValueID`. After a batch
/// of events the shell calls `flush`, which sends the collected answers to the scheduler.
package struct WorkerCore: Sendable {
  package let settings: WorkerSettings
  package internal(set) var now = Timestamp(nanoseconds: 0)

  // Who it is for the scheduler.
  package internal(set) var worker: WorkerID?
  package internal(set) var epoch: UInt64 = 0
  var isConnected = false
  var isRegistered = false
  package internal(set) var isRetiring = false
  package internal(set) var isPaused = false
  /// What the scheduler was told of that.
  var isToldPaused = false
  var heartbeatNanoseconds: Int64 = 1_000_000_000
  var lastHeartbeat = Timestamp(nanoseconds: 0)

  var tasks: [TaskRecord] = []
  /// What a queued task is to do.
  var work: [ComputeTask?] = []
  var freeSlots: [UInt32] = []
  // Only looked up, never walked.
  var slots: [TaskHandle: UInt32] = [:]
  /// Tasks that were assigned and have not begun, in no order.
  var queued: [UInt32] = []
  /// Ready tasks by priority. An entry may be out of date.
  var ready = Heap<UInt64>()
  var readyBlocking = Heap<UInt64>()
  var readyCount = 0
  /// Tasks all of whose inputs are here, but some only in files.
  var loadable = Heap<UInt64>()
  /// The one task that gets its inputs although there is no room; so that one always gets on.
  var chosen = TaskRecord.none
  var mark: UInt32 = 0

  var executions: [Execution] = []
  var freeExecutions: [UInt32] = []
  var executionCount = 0
  /// Whether a body may have begun under an older session.
  var mayHaveOrphans = false
  /// Bodies that compute, that run and wait, and that are suspended.
  var computing = 0
  /// Bodies that are begun beyond the threads, and wait in the shell's queue: bodies so short that handing them over one by one
  /// would take longer than they do. Set by the shell, which gives back those that wait long (`taskReturned`).
  package var ahead = 0
  var blocking = 0
  var suspended = 0
  /// Suspended bodies that hold a thread, which sleeps.
  var sleepingThreads = 0
  /// Suspended bodies that could go on, by priority. An entry may be out of date.
  var awakeBodies = Heap<UInt64>()
  var awakeBlockingBodies = Heap<UInt64>()

  var peers: [PeerRecord] = []
  var freePeers: [UInt32] = []
  // Only looked up, never walked.
  var peerNumbers: [WorkerID: UInt32] = [:]
  /// Peers with something in `pushes`.
  var pushedTo: [UInt32] = []
  /// Entries in the queues of all peers.
  var queuedFetches = 0
  var lastRequest: UInt32 = 0
  /// Results that are needed and that nobody is known to hold.
  var unlocated: [UInt32] = []

  var transfers: [Transfer] = []
  var receptions: [Reception] = []
  /// Values of clients without a name, the oldest first.
  var puts: [UInt32] = []

  // The ledger: bytes of results, each counted in exactly one of the first four.
  var memoryBytes: Int64 = 0
  var fetchingBytes: Int64 = 0
  var loadingBytes: Int64 = 0
  var receivingBytes: Int64 = 0
  var spillingBytes: Int64 = 0
  var diskBytes: Int64 = 0
  var fetchingCount = 0
  var spillingCount = 0
  var loadingCount = 0
  var residentBytes: Int64 = 0
  /// What has to be spilled because the process takes too much, whatever the results do.
  var residentExcess: Int64 = 0
  var processorPercent: UInt32 = 0
  /// Results that may be spilled, the least recently used first.
  var oldest = TaskRecord.none
  var newest = TaskRecord.none
  var spillBlockedUntil = Timestamp(nanoseconds: 0)
  var hasComplainedOfDisk = false
  /// Whether a fetch or a load had no room since the last look.
  var wasDenied = false

  var outbox = Outbox()
  /// Says whether the ends that the last flush has told have to leave at once; otherwise they may wait for a millisecond.
  package internal(set) var pace = EndPace()

  /// What the scheduler is told at the next flush.
  struct Outbox: Sendable {
    var finished: [TaskEnd] = []
    var fetched: [TaskHandle] = []
    var dropped: [TaskHandle] = []
    /// Bodies that were suspended or resumed, perhaps both.
    var changed: [UInt32] = []
  }

  /// A worker without any results.
  package init(settings: WorkerSettings = WorkerSettings()) { self.settings = settings }

  /// Takes an event; what has to be done is appended to `actions`.
  package mutating func handle(_ event: WorkerEvent, at now: Timestamp, _ actions: inout [WorkerAction]) {
    self.now = max(now, self.now)
    switch event {
    case .schedulerConnected: isConnected = true
    case .schedulerSaid(let message): hear(message, &actions)
    case .schedulerLost: loseScheduler(&actions)
    case .peerConnected(let peer): connected(peer)
    case .peerSaid(let peer, let reply): hear(peer, reply, &actions)
    case .peerSentNonsense(let peer, let request, let task, let reason):
      receivedNonsense(peer, request, task, reason, &actions)
    case .peerLost(let peer): connectionLost(peer, &actions)
    case .dataRequested(let requester, let request): serve(requester, request, &actions)
    case .dataPut(let requester, let request, let digest, let type, let byteCount):
      received(requester, request, digest, type, byteCount, &actions)
    case .dataSent(let requester, let request): sent(requester, request, &actions)
    case .requesterLost(let requester): lose(requester, &actions)
    case .taskEnded(let execution, let nanoseconds, let byteCount, let type, let inline):
      ended(
        execution, TaskResult(nanoseconds: nanoseconds, byteCount: max(0, byteCount), type: type, inline: inline),
        &actions)
    case .taskFailed(let execution, let failure): failed(execution, failure, &actions)
    case .taskReturned(let execution): returned(execution, &actions)
    case .taskSuspended(let execution, let holdsThread): suspend(execution, holdsThread: holdsThread)
    case .taskAwake(let execution): awake(execution)
    case .spillEnded(let value, let outcome, let bytes): spillEnded(value, outcome, bytes, &actions)
    case .loadEnded(let value, let outcome): loadEnded(value, outcome, &actions)
    case .memory(let resident, let percent):
      residentBytes = resident
      processorPercent = percent
      residentExcess = settings.memoryLimit == 0 ? 0 : max(0, resident - share(settings.residentSpillShare))
    case .retireRequested: retire(&actions)
    case .tick: tick(&actions)
    }
    advance(&actions)
  }

  /// Sends what was collected since the last flush.
  package mutating func flush(_ actions: inout [WorkerAction]) {
    if !pushedTo.isEmpty { sendPushes(&actions) }
    if !outbox.changed.isEmpty { tellSuspensions(&actions) }
    if !outbox.dropped.isEmpty { actions.append(.tellScheduler(.dropped(outbox.dropped))) }
    if !outbox.fetched.isEmpty { actions.append(.tellScheduler(.fetched(outbox.fetched))) }
    let inHand = queued.count + computing
    if !outbox.finished.isEmpty {
      pace.judge(inHand: inHand, threads: settings.threads, at: now)
      actions.append(.tellScheduler(.finished(outbox.finished)))
    }
    pace.note(inHand: inHand)
    outbox = Outbox()
  }

  /// Tells the scheduler something at once, after all that was collected: it hears things in the order in which they
  /// happened. Without a session nothing is said; the next registration says how things are.
  mutating func tell(_ message: WorkerToScheduler, _ actions: inout [WorkerAction]) {
    guard isRegistered else { return }
    flush(&actions)
    actions.append(.tellScheduler(message))
  }

  /// Does what can be done now.
  private mutating func advance(_ actions: inout [WorkerAction]) {
    judgePause(&actions)
    start(&actions)
    wasDenied = false
    fetch(&actions)
    load(&actions)
    helpOne(&actions)
    spill(&actions)
  }

  /// Sets how many bodies are handed over before a thread is free, where they take so many nanoseconds: about a millisecond's
  /// worth for each thread, when they are short.
  package mutating func handAhead(bodiesOf nanoseconds: Int64) {
    guard nanoseconds < WorkerCore.shortBody else { return ahead = 0 }
    // What handing over takes beside the body, measured.
    let cost = nanoseconds + 5_000
    ahead = settings.threads * Int(min(128, 1_000_000 / cost))
  }

  private static let shortBody: Int64 = 200_000

  /// Bodies that were begun and wait.
  package var suspendedBodies: Int { suspended }

  /// How the worker is, for a heartbeat.
  package var metrics: WorkerMetrics {
    var metrics = WorkerMetrics()
    metrics.resultBytes = memoryBytes
    metrics.spilledBytes = diskBytes
    metrics.residentBytes = residentBytes
    metrics.incomingBytes = fetchingBytes + loadingBytes + receivingBytes
    metrics.executing = UInt32(executionCount)
    metrics.ready = UInt32(readyCount)
    metrics.processorPercent = processorPercent
    return metrics
  }

  /// The first message to a scheduler: `base` with what the worker holds. In the order of its table.
  package func registration(base: WorkerRegistration) -> WorkerRegistration {
    var registration = base
    registration.epoch = epoch
    registration.holdings = tasks.filter { $0.isUsed && $0.isKept && $0.data.isHere }.map {
      Holding(task: $0.handle, digest: $0.digest, type: $0.type, byteCount: $0.byteCount)
    }
    return registration
  }
}

/// What a body gave.
struct TaskResult {
  var nanoseconds: Int64
  var byteCount: Int64
  var type: String
  var inline: [UInt8]?
}

extension WorkerCore {
  /// Where the result of a key lies, if it is here. O(all): for tests and for who looks into a worker.
  package func value(of digest: Digest128) -> ValueID? {
    tasks.firstIndex { $0.isUsed && $0.digest == digest && $0.data.isHere }.map { ValueID(rawValue: UInt32($0)) }
  }

  /// What a value is, and why it is here, for people.
  package func describe(_ value: ValueID) -> String {
    let task = tasks[Int(value.rawValue)]
    guard task.isUsed else { return "forgotten" }
    return "\(task.handle) (\(task.phase), \(task.data), \(task.byteCount) bytes, kept \(task.isKept), "
      + "uses \(task.uses), reads \(task.reads), dependents \(task.dependents.count), fetch wanted \(task.isFetchWanted))"
  }
}
