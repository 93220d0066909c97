package import MartletBytes
package import MartletProtocol

/// A client's session with a cluster: which futures there are, what the scheduler has to be told, where values are
/// fetched from, and what is done when a connection breaks.
///
/// A value without any I/O: events go in, actions come out, time is part of the events; the same events give the same
/// actions in every process. The shell holds the values and the connections. After a batch of events it calls `flush`.
/// Nothing here grows with the length of a run: the tables are as large as what the program has handles on.
package struct ClientCore: Sendable {
  /// How the session stands with the scheduler.
  enum Phase: UInt8 {
    case idle
    case disconnected
    /// Connected; the scheduler is asked what it still knows.
    case resuming
    case ready
    case ended
  }

  package let settings: ClientSettings
  package internal(set) var now = Timestamp(nanoseconds: 0)
  var phase = Phase.idle
  var epoch: UInt64?
  var endReason = ""
  /// When the scheduler was lost, and how often it was looked for since.
  var lostAt = Timestamp(nanoseconds: 0)
  var connectAttempts = 0
  var lastHeard = Timestamp(nanoseconds: 0)
  var lastSaid = Timestamp(nanoseconds: 0)
  /// Answers that are missing before the session is ready.
  var resumesLeft = 0
  /// Whether graphs have to be looked through for what the scheduler does not know.
  var needsResend = false
  /// Whether a graph waits for another one's answer before it can be sent.
  var hasDeferred = false

  var futures: [FutureRecord] = []
  var freeFutures: [UInt32] = []
  // Dictionaries are only looked up, never walked.
  var futuresByDigest: [Digest128: UInt32] = [:]
  var futuresByTask: [TaskHandle: UInt32] = [:]

  var graphs: [GraphRecord] = []
  var freeGraphs: [UInt32] = []
  /// The oldest and the newest graph that is kept.
  var firstGraph = FutureRecord.none
  var lastGraph = FutureRecord.none
  var graphBytes = 0
  /// Graphs whose last piece the program has not sent.
  var openSubmissions: [SubmissionID: UInt32] = [:]
  var changedGraphs: [UInt32] = []

  var peers: [PeerRecord] = []
  var freePeers: [UInt32] = []
  var peersByAddress: [String: UInt32] = [:]
  /// Peers that could be asked, in the order in which they became able to.
  var readyPeers: [UInt32] = []
  var bytesInFlight: Int64 = 0
  var timers = TimerHeap()

  var requests: [RequestRecord] = []
  var freeRequests: [UInt32] = []
  var requestsByID: [RequestID: UInt32] = [:]
  var requestSequence: UInt64 = 0
  /// Requests that wait for a connection or for the handles of their futures, in their order, with their sequence numbers; some are
  /// answered already.
  var unsentRequests: [(slot: UInt32, sequence: UInt64)] = []
  /// Whether they have to be looked at.
  var hasUnsentRequests = false
  var leases: [LeaseRecord] = []
  /// Graphs whose progress the scheduler tells, by their numbers there. Only looked up.
  var watchedGraphs: [UInt32: UInt32] = [:]
  /// What was said for the answer that follows about who holds what. Only looked up.
  var toldHolders: [TaskHandle: [String]] = [:]

  /// What numbers at the scheduler and at workers stand for.
  var wireUses: [UInt32: WireUse] = [:]
  var nextWire: UInt32 = 1

  // Collected until the next flush, or until something else has to be said to the scheduler.
  var releases: [TaskHandle] = []
  /// How often the scheduler was told that something is not wanted any more: releases and cancels.
  var unwantsSaid: UInt64 = 0
  var retries: [TaskHandle] = []
  var asks: [FutureID] = []
  var missing: [(task: TaskHandle, address: String)] = []
  /// Futures that have to be looked at: a list instead of recursion, chains of graphs may be long.
  var unsettled: [UInt32] = []
  var isSettling = false

  /// A session that looks for no scheduler yet.
  package init(settings: ClientSettings = ClientSettings()) { self.settings = settings }

  /// Takes an event; what has to be done is appended to `actions`.
  package mutating func handle(_ event: ClientEvent, at time: Timestamp, _ actions: inout [ClientAction]) {
    now = max(now, time)
    switch event {
    case .connect: beginToConnect(&actions)
    case .submit(let submission, let piece): submit(submission, piece, &actions)
    case .submitJoined(let submission, let piece, let ends): submit(submission, piece, ends: ends, &actions)
    case .giveUp(let submission): giveUp(submission, &actions)
    case .scatter(let submission, let values, let place): scatter(submission, values, at: place, &actions)
    case .retain(let future):
      if let slot = slot(of: future), futures[Int(slot)].handles > 0 { futures[Int(slot)].handles += 1 }
    case .release(let future): release(future, &actions)
    case .want(let future): want(future, &actions)
    case .valueDropped(let future): valueDropped(future)
    case .cancel(let list, let force): cancel(list, force: force, &actions)
    case .retry(let list): for future in list { retry(future, &actions) }
    case .request(let id, let request): take(id, request, &actions)
    case .abandon(let id): abandon(id, &actions)
    case .close: close(&actions)
    case .schedulerConnected(let epoch): connected(epoch, &actions)
    case .schedulerSaid(let message): hear(message, &actions)
    case .schedulerLost(let reason): lost(reason, &actions)
    case .workerConnected(let address): workerConnected(address)
    case .workerActive(let address): if let peer = peersByAddress[address] { peers[Int(peer)].lastHeard = now }
    case .workerSaid(let address, let reply): hear(reply, from: address, &actions)
    case .workerLost(let address): workerLost(address, &actions)
    case .valueReceived(let future, let address): received(future, from: address, isGood: true, &actions)
    case .valueDamaged(let future, let address): received(future, from: address, isGood: false, &actions)
    case .tick: tick(&actions)
    }
    settle(&actions)
  }

  /// Says what was collected since the last flush.
  package mutating func flush(_ actions: inout [ClientAction]) {
    if needsResend, phase == .ready { resend(&actions) }
    if hasUnsentRequests, phase == .ready { sendRequests(&actions) }
    pump(&actions)
    flushQuestions(&actions)
    flushReleases(&actions)
    for slot in changedGraphs where graphs[Int(slot)].isUsed {
      let graph = graphs[Int(slot)]
      let done = graph.progress.finished + graph.progress.failed
      // At most some hundred a graph, and one when all is there.
      let step = max(1, graph.progress.total / 128)
      guard abs(done - graph.toldDone) >= step || (done == graph.progress.total && done != graph.toldDone) else {
        continue
      }
      graphs[Int(slot)].toldDone = done
      actions.append(.progress(graph.submission, graph.progress))
    }
    changedGraphs.removeAll(keepingCapacity: true)
  }

  // MARK: Speaking

  /// Says something to the scheduler; what was collected before goes first, so that the order of what is said is kept.
  mutating func tell(_ message: ClientToScheduler, _ actions: inout [ClientAction]) {
    flushReleases(&actions)
    lastSaid = now
    actions.append(.tellScheduler(message))
  }

  mutating func flushReleases(_ actions: inout [ClientAction]) {
    guard !releases.isEmpty || !retries.isEmpty else { return }
    if !releases.isEmpty { unwantsSaid += 1 }
    var rest = releases[...]
    while !rest.isEmpty {
      actions.append(.tellScheduler(.release(Array(rest.prefix(settings.keysInMessage)))))
      rest = rest.dropFirst(settings.keysInMessage)
    }
    releases.removeAll(keepingCapacity: true)
    rest = retries[...]
    while !rest.isEmpty {
      actions.append(.tellScheduler(.retry(Array(rest.prefix(settings.keysInMessage)))))
      rest = rest.dropFirst(settings.keysInMessage)
    }
    retries.removeAll(keepingCapacity: true)
    lastSaid = now
  }

  /// A number that no open question has.
  mutating func wireNumber(for use: WireUse) -> UInt32 {
    while wireUses[nextWire] != nil { nextWire &+= 1 }
    defer { nextWire &+= 1 }
    wireUses[nextWire] = use
    return nextWire
  }

  // MARK: Tables

  /// The slot behind an id that still means what it meant.
  func slot(of future: FutureID) -> UInt32? {
    guard Int(future.slot) < futures.count, futures[Int(future.slot)].isUsed,
      futures[Int(future.slot)].generation == future.generation
    else { return nil }
    return future.slot
  }

  func id(of slot: UInt32) -> FutureID { FutureID(slot: slot, generation: futures[Int(slot)].generation) }

  /// The key of a future that is there.
  package func digest(of future: FutureID) -> Digest128? { slot(of: future).map { futures[Int($0)].digest } }

  /// Whether `retry` can do something for a future that failed: the scheduler knows it, or a graph is kept that gives it.
  package func canRetry(_ future: FutureID) -> Bool {
    slot(of: future).map { futures[Int($0)].task != nil || futures[Int($0)].provider != FutureRecord.none } ?? false
  }

  /// How a future stands, for people.
  package func describe(_ future: FutureID) -> String {
    guard let slot = slot(of: future) else { return "\(future): forgotten" }
    let record = futures[Int(slot)]
    let graph = record.provider == FutureRecord.none ? nil : graphs[Int(record.provider)]
    let from = graph.map { "graph \($0.submission.rawValue) (\($0.phase))" } ?? "no graph"
    let name = record.task.map { "\($0)" } ?? "not known to the scheduler"
    return
      "\(future) (\(name)): \(record.state), \(record.handles) handles, wanted \(record.wantsValue), fetch \(record.fetch),"
      + " in \(record.pending) open graphs, from \(from), \(phase)"
  }

  /// Whether nothing is left: no future, no graph, no request.
  package func leftover() -> String? {
    if let request = requests.first(where: \.isUsed) { return "a request is left: \(request.body)" }
    if !requestsByID.isEmpty || !leases.isEmpty { return "a request or lease is left" }
    let live = futures.indices.filter { futures[$0].isUsed }
    if let some = live.first { return "\(live.count) futures are left, such as one that is \(futures[some].state)" }
    if !futuresByDigest.isEmpty || !futuresByTask.isEmpty { return "a key or handle is left" }
    if firstGraph != FutureRecord.none || graphBytes != 0 || !openSubmissions.isEmpty { return "a graph is left" }
    if !wireUses.isEmpty { return "a question is left" }
    if bytesInFlight != 0 { return "\(bytesInFlight) bytes seem to be in flight" }
    if peers.contains(where: { $0.queuedCount > 0 || !$0.flights.isEmpty || !$0.puts.isEmpty }) {
      return "a fetch is left"
    }
    if !releases.isEmpty || !retries.isEmpty || !asks.isEmpty || !missing.isEmpty { return "something is not said" }
    return nil
  }
}
