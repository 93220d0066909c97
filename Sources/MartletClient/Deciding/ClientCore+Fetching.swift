import MartletBytes
import MartletProtocol

// Each peer has a queue of values to fetch and at most one request under way. Peers that could be asked stand in one line,
// and the first of the line waits until its first value fits below the ceiling of bytes in flight: so a large value is not
// overtaken for ever by small ones of other peers.

extension ClientCore {
  // MARK: Queues

  /// Puts a finished result into the queue of one of its holders; asks the scheduler where none is left.
  mutating func enqueue(_ slot: UInt32, _ actions: inout [ClientAction]) {
    let record = futures[Int(slot)]
    guard record.task != nil, record.state == .finished, record.wantsValue, record.fetch == .none else { return }
    var best: (peer: UInt32, isBad: Bool, load: Int64)?
    for (place, address) in record.holders.enumerated() where record.tried & (1 << UInt8(place)) == 0 {
      let peer = self.peer(at: address)
      let isBad = peers[Int(peer)].retryAt > now
      let load = peers[Int(peer)].queuedBytes + peers[Int(peer)].flightBytes
      if let found = best, (found.isBad ? 1 : 0, found.load) <= (isBad ? 1 : 0, load) { continue }
      best = (peer, isBad, load)
    }
    guard let peer = best?.peer else { return ask(slot, &actions) }
    push(slot, peer)
    connectIfNeeded(peer, &actions)
  }

  private mutating func push(_ slot: UInt32, _ peer: UInt32) {
    futures[Int(slot)].fetch = .queued
    futures[Int(slot)].peer = peer
    futures[Int(slot)].next = FutureRecord.none
    futures[Int(slot)].previous = peers[Int(peer)].last
    if peers[Int(peer)].last == FutureRecord.none {
      peers[Int(peer)].first = slot
    } else {
      futures[Int(peers[Int(peer)].last)].next = slot
    }
    peers[Int(peer)].last = slot
    peers[Int(peer)].queuedCount += 1
    peers[Int(peer)].queuedBytes += futures[Int(slot)].byteCount
    makeReady(peer)
  }

  private mutating func unlink(_ slot: UInt32) {
    let record = futures[Int(slot)]
    let peer = Int(record.peer)
    if record.previous == FutureRecord.none {
      peers[peer].first = record.next
    } else {
      futures[Int(record.previous)].next = record.next
    }
    if record.next == FutureRecord.none {
      peers[peer].last = record.previous
    } else {
      futures[Int(record.next)].previous = record.previous
    }
    peers[peer].queuedCount -= 1
    peers[peer].queuedBytes -= record.byteCount
    futures[Int(slot)].fetch = .none
    futures[Int(slot)].peer = FutureRecord.none
  }

  /// The value is not needed any more, or is there. What is under way comes, and is dropped.
  mutating func stopFetch(_ slot: UInt32, _ actions: inout [ClientAction]) {
    switch futures[Int(slot)].fetch {
    case .queued: unlink(slot)
    case .inFlight:
      let peer = futures[Int(slot)].peer
      futures[Int(slot)].fetch = .none
      futures[Int(slot)].peer = FutureRecord.none
      let isWanted = peers[Int(peer)].flights.contains { flight in
        guard let other = self.slot(of: flight.future) else { return false }
        return futures[Int(other)].peer == peer && (isUnderWay(other))
      }
      if !isWanted, let request = peers[Int(peer)].request {
        actions.append(.askWorker(peers[Int(peer)].address, .abandon(request: request)))
      }
    case .none, .receiving, .asking, .delayed:
      futures[Int(slot)].fetch = .none
      futures[Int(slot)].peer = FutureRecord.none
    }
  }

  private func isUnderWay(_ slot: UInt32) -> Bool {
    futures[Int(slot)].fetch == .inFlight || futures[Int(slot)].fetch == .receiving
  }

  private mutating func peer(at address: String) -> UInt32 {
    if let known = peersByAddress[address] { return known }
    let slot: UInt32
    if let old = freePeers.popLast() {
      slot = old
      peers[Int(slot)] = PeerRecord(address: address)
    } else {
      slot = UInt32(peers.count)
      peers.append(PeerRecord(address: address))
    }
    peers[Int(slot)].lastHeard = now
    peersByAddress[address] = slot
    return slot
  }

  private mutating func connectIfNeeded(_ peer: UInt32, _ actions: inout [ClientAction]) {
    guard !peers[Int(peer)].isConnected, !peers[Int(peer)].isConnecting, peers[Int(peer)].retryAt <= now else { return }
    peers[Int(peer)].isConnecting = true
    peers[Int(peer)].lastHeard = now
    actions.append(.connectWorker(peers[Int(peer)].address))
  }

  private mutating func makeReady(_ peer: UInt32) {
    let record = peers[Int(peer)]
    guard !record.isReady, record.isConnected, record.request == nil, record.flights.isEmpty, record.queuedCount > 0,
      record.retryAt <= now
    else { return }
    peers[Int(peer)].isReady = true
    readyPeers.append(peer)
  }

  /// Asks peers for as much as may be in flight.
  mutating func pump(_ actions: inout [ClientAction]) {
    var served = 0
    while served < readyPeers.count {
      let peer = readyPeers[served]
      let first = peers[Int(peer)].first
      let isAble =
        peers[Int(peer)].isConnected && peers[Int(peer)].request == nil && peers[Int(peer)].flights.isEmpty
        && first != FutureRecord.none
      if isAble {
        let bytes = futures[Int(first)].byteCount
        // What is larger than the ceiling goes alone.
        if bytesInFlight > 0, bytesInFlight + bytes > settings.bytesInFlight { break }
        fetch(from: peer, &actions)
      }
      peers[Int(peer)].isReady = false
      served += 1
    }
    readyPeers.removeFirst(served)
  }

  private mutating func fetch(from peer: UInt32, _ actions: inout [ClientAction]) {
    var named: [NamedTask] = []
    var bytes: Int64 = 0
    while case let slot = peers[Int(peer)].first, slot != FutureRecord.none, named.count < settings.batchCount {
      let record = futures[Int(slot)]
      let isFirst = named.isEmpty
      if !isFirst, bytes + record.byteCount > settings.batchBytes { break }
      if !isFirst, bytesInFlight + bytes + record.byteCount > settings.bytesInFlight { break }
      unlink(slot)
      guard let task = record.task else { continue }
      futures[Int(slot)].fetch = .inFlight
      futures[Int(slot)].peer = peer
      named.append(NamedTask(task: task, digest: record.digest))
      peers[Int(peer)].flights.append(
        PeerRecord.Flight(future: id(of: slot), task: task, bytes: record.byteCount))
      bytes += record.byteCount
    }
    guard !named.isEmpty else { return }
    let request = nextWire
    nextWire &+= 1
    peers[Int(peer)].request = request
    peers[Int(peer)].flightBytes = bytes
    peers[Int(peer)].lastHeard = now
    bytesInFlight += bytes
    actions.append(.askWorker(peers[Int(peer)].address, .get(request: request, named)))
  }

  // MARK: Where else

  /// A holder gave nothing: the next one.
  private mutating func tryNext(_ slot: UInt32, notAt address: String, _ actions: inout [ClientAction]) {
    futures[Int(slot)].fetch = .none
    futures[Int(slot)].peer = FutureRecord.none
    if let place = futures[Int(slot)].holders.firstIndex(of: address) {
      futures[Int(slot)].tried |= 1 << UInt8(place)
    }
    enqueue(slot, &actions)
  }

  /// No holder gave it: the scheduler says who has it now, or computes it again.
  private mutating func ask(_ slot: UInt32, _ actions: inout [ClientAction]) {
    futures[Int(slot)].attempts += 1
    if futures[Int(slot)].attempts > settings.fetchAttempts {
      futures[Int(slot)].attempts = 0
      futures[Int(slot)].wantsValue = false
      futures[Int(slot)].tried = 0
      let holders = futures[Int(slot)].holders.joined(separator: ", ")
      let failure = lostRecord(
        slot, "its value could not be fetched in \(settings.fetchAttempts) attempts, the last from: \(holders)")
      actions.append(.valueFailed(id(of: slot), failure))
      endGathers(of: slot, failure, &actions)
      return
    }
    futures[Int(slot)].fetch = .asking
    asks.append(id(of: slot))
  }

  /// Fetched again after a wait.
  mutating func delay(_ slot: UInt32) {
    futures[Int(slot)].fetch = .delayed
    timers.push(now + backoff(futures[Int(slot)].attempts - 1), id(of: slot))
  }

  /// Asks the scheduler for values that were not where they should be.
  mutating func flushQuestions(_ actions: inout [ClientAction]) {
    guard phase == .ready else { return }
    var place = 0
    while place < missing.count {
      let address = missing[place].address
      var tasks: [TaskHandle] = []
      while place < missing.count, missing[place].address == address {
        tasks.append(missing[place].task)
        place += 1
      }
      tell(.missing(tasks, from: address), &actions)
    }
    missing.removeAll(keepingCapacity: true)
    guard !asks.isEmpty else { return }
    let rest = asks.filter { future in
      slot(of: future).map { futures[Int($0)].fetch == .asking } ?? false
    }
    asks.removeAll(keepingCapacity: true)
    wantAgain(rest, &actions)
  }

  /// Tells the scheduler that futures are wanted which it knew.
  mutating func wantAgain(_ futures: some Sequence<FutureID>, _ actions: inout [ClientAction]) {
    var rest = Array(futures)[...]
    while !rest.isEmpty {
      let list = Array(rest.prefix(settings.keysInMessage))
      rest = rest.dropFirst(settings.keysInMessage)
      let request = wireNumber(for: .asked(list, unwants: unwantsSaid))
      tell(.want(request: request, list.map { self.futures[Int($0.slot)].digest }), &actions)
    }
  }

  /// The scheduler has named those of the values that it knows; what it does not know has to be submitted again.
  mutating func askedAgain(_ list: [FutureID], _ tasks: [NamedTask]) -> Bool {
    let known = Set(tasks.map(\.digest))
    for future in list {
      guard let slot = slot(of: future), !known.contains(futures[Int(slot)].digest),
        futures[Int(slot)].state == .waiting || futures[Int(slot)].state == .finished
      else { continue }
      switch futures[Int(slot)].fetch {
      case .asking: break
      // A graph on its way may bring it.
      case .none: if futures[Int(slot)].pending > 0 { continue }
      case .queued, .inFlight, .receiving, .delayed: continue
      }
      if let task = futures[Int(slot)].task { futuresByTask[task] = nil }
      futures[Int(slot)].task = nil
      futures[Int(slot)].fetch = .none
      bringBack(slot)
    }
    return true
  }

  /// The scheduler names holders; those that were tried may be tried again.
  mutating func noteHolders(_ held: [HeldResult]) {
    for result in held {
      toldHolders[result.task] = result.holders
      guard let slot = futuresByTask[result.task],
        futures[Int(slot)].state == .finished || futures[Int(slot)].state == .held
      else { continue }
      futures[Int(slot)].holders = Array(result.holders.prefix(8))
      futures[Int(slot)].tried = 0
    }
  }

  // MARK: What peers say

  mutating func workerConnected(_ address: String) {
    guard let peer = peersByAddress[address] else { return }
    peers[Int(peer)].isConnecting = false
    peers[Int(peer)].isConnected = true
    peers[Int(peer)].failures = 0
    peers[Int(peer)].retryAt = now
    peers[Int(peer)].lastHeard = now
    makeReady(peer)
  }

  mutating func hear(_ reply: PeerReply, from address: String, _ actions: inout [ClientAction]) {
    guard let peer = peersByAddress[address], peers[Int(peer)].isConnected else {
      if case .data = reply { actions.append(.discard(from: address)) }
      return
    }
    peers[Int(peer)].lastHeard = now
    switch reply {
    case .data(let request, let task, let type, let byteCount):
      guard request == peers[Int(peer)].request,
        let place = peers[Int(peer)].flights.firstIndex(where: { $0.task == task && !$0.isReceiving })
      else { return actions.append(.discard(from: address)) }
      let flight = peers[Int(peer)].flights[place]
      guard let slot = slot(of: flight.future), futures[Int(slot)].fetch == .inFlight, futures[Int(slot)].peer == peer
      else {
        removeFlight(peer, place)
        return actions.append(.discard(from: address))
      }
      guard type == futures[Int(slot)].type else {
        removeFlight(peer, place)
        actions.append(.discard(from: address))
        actions.append(.log("\(address) sends a \(type) where a \(futures[Int(slot)].type) is expected"))
        return tryNext(slot, notAt: address, &actions)
      }
      futures[Int(slot)].fetch = .receiving
      peers[Int(peer)].flights[place].isReceiving = true
      let change = byteCount - flight.bytes
      peers[Int(peer)].flights[place].bytes += change
      peers[Int(peer)].flightBytes += change
      bytesInFlight += change
      actions.append(.value(flight.future, type: type, .frame(from: address, byteCount: byteCount)))
    case .missing(let request, let task):
      guard request == peers[Int(peer)].request,
        let place = peers[Int(peer)].flights.firstIndex(where: { $0.task == task && !$0.isReceiving })
      else { return }
      let flight = removeFlight(peer, place)
      guard let slot = slot(of: flight.future), futures[Int(slot)].fetch == .inFlight, futures[Int(slot)].peer == peer
      else { return }
      if futures[Int(slot)].task == task { missing.append((task, address)) }
      tryNext(slot, notAt: address, &actions)
    case .busy(let request, let wait):
      guard request == peers[Int(peer)].request else { return }
      let nanoseconds = min(max(wait, settings.firstBackoffNanoseconds), settings.longestBackoffNanoseconds)
      peers[Int(peer)].retryAt = now + nanoseconds
      peers[Int(peer)].request = nil
      for slot in takeFlights(peer) {
        // Another holder if there is one; else this one again, later.
        futures[Int(slot)].fetch = .none
        futures[Int(slot)].peer = FutureRecord.none
        enqueue(slot, &actions)
      }
    case .done(let request):
      if let place = peers[Int(peer)].puts.firstIndex(where: { $0.request == request }) {
        let graph = peers[Int(peer)].puts.remove(at: place).graph
        graphs[Int(graph)].phase = .unsent
        if phase == .ready { send(graph, &actions) }
        return
      }
      guard request == peers[Int(peer)].request else { return }
      peers[Int(peer)].request = nil
      for slot in takeFlights(peer) { tryNext(slot, notAt: address, &actions) }
      makeReady(peer)
    case .rejected(let request, let reason):
      if let place = peers[Int(peer)].puts.firstIndex(where: { $0.request == request }) {
        let graph = peers[Int(peer)].puts.remove(at: place).graph
        refusePut(graph, "\(address): \(reason)", &actions)
        return
      }
      guard request == peers[Int(peer)].request else { return }
      actions.append(.log("\(address): \(reason)"))
      peers[Int(peer)].request = nil
      for slot in takeFlights(peer) { tryNext(slot, notAt: address, &actions) }
      makeReady(peer)
    }
  }

  /// The shell has taken a frame.
  mutating func received(_ future: FutureID, from address: String, isGood: Bool, _ actions: inout [ClientAction]) {
    guard let peer = peersByAddress[address],
      let place = peers[Int(peer)].flights.firstIndex(where: { $0.future == future && $0.isReceiving })
    else { return }
    removeFlight(peer, place)
    makeReady(peer)
    guard let slot = slot(of: future), futures[Int(slot)].fetch == .receiving, futures[Int(slot)].peer == peer else {
      return
    }
    if isGood {
      futures[Int(slot)].fetch = .none
      futures[Int(slot)].peer = FutureRecord.none
      hold(slot, &actions)
    } else {
      tryNext(slot, notAt: address, &actions)
    }
  }

  @discardableResult
  private mutating func removeFlight(_ peer: UInt32, _ place: Int) -> PeerRecord.Flight {
    let flight = peers[Int(peer)].flights.remove(at: place)
    peers[Int(peer)].flightBytes -= flight.bytes
    bytesInFlight -= flight.bytes
    return flight
  }

  /// Ends the flights of a peer that are not being received: the futures that still wait for them.
  private mutating func takeFlights(_ peer: UInt32, all: Bool = false) -> [UInt32] {
    var slots: [UInt32] = []
    for flight in peers[Int(peer)].flights where all || !flight.isReceiving {
      peers[Int(peer)].flightBytes -= flight.bytes
      bytesInFlight -= flight.bytes
      if let slot = slot(of: flight.future), futures[Int(slot)].peer == peer, isUnderWay(slot) { slots.append(slot) }
    }
    peers[Int(peer)].flights.removeAll { all || !$0.isReceiving }
    return slots
  }

  mutating func workerLost(_ address: String, _ actions: inout [ClientAction]) {
    guard let peer = peersByAddress[address] else { return }
    peers[Int(peer)].isConnected = false
    peers[Int(peer)].isConnecting = false
    peers[Int(peer)].request = nil
    peers[Int(peer)].retryAt = now + backoff(peers[Int(peer)].failures)
    peers[Int(peer)].failures += 1
    let puts = peers[Int(peer)].puts
    peers[Int(peer)].puts = []
    for put in puts { refusePut(put.graph, "\(address) was lost", &actions) }
    for slot in takeFlights(peer, all: true) { tryNext(slot, notAt: address, &actions) }
    while case let slot = peers[Int(peer)].first, slot != FutureRecord.none {
      unlink(slot)
      tryNext(slot, notAt: address, &actions)
    }
  }

  mutating func tickPeers(_ actions: inout [ClientAction]) {
    for number in peers.indices where peers[number].isUsed {
      let peer = UInt32(number)
      let record = peers[number]
      let isIdle = record.queuedCount == 0 && record.flights.isEmpty && record.request == nil && record.puts.isEmpty
      if isIdle, !record.isReady {
        if record.isConnected, now - record.lastHeard > settings.idleNanoseconds {
          actions.append(.closeWorker(record.address))
          forget(peer)
        } else if !record.isConnected, !record.isConnecting, record.retryAt <= now {
          forget(peer)
        }
        continue
      }
      let isAsked = record.request != nil || record.isConnecting || !record.flights.isEmpty || !record.puts.isEmpty
      if isAsked, now - record.lastHeard > settings.fetchTimeoutNanoseconds {
        actions.append(.closeWorker(record.address))
        actions.append(.log("\(record.address) does not answer"))
        workerLost(record.address, &actions)
      } else if record.retryAt <= now {
        if record.isConnected { makeReady(peer) } else { connectIfNeeded(peer, &actions) }
      }
    }
  }

  private mutating func forget(_ peer: UInt32) {
    peersByAddress[peers[Int(peer)].address] = nil
    peers[Int(peer)].isUsed = false
    peers[Int(peer)].isConnected = false
    freePeers.append(peer)
  }

  /// The session is over.
  mutating func closePeers(_ actions: inout [ClientAction]) {
    for number in peers.indices where peers[number].isUsed {
      actions.append(.closeWorker(peers[number].address))
      peers[number].puts = []
      peers[number].isReady = false
      for slot in takeFlights(UInt32(number), all: true) { futures[Int(slot)].fetch = .none }
      forget(UInt32(number))
    }
    readyPeers = []
    timers.removeAll()
  }

  // MARK: Data that goes to a worker

  mutating func put(_ graph: UInt32, at address: String, _ actions: inout [ClientAction]) {
    let peer = self.peer(at: address)
    let request = nextWire
    nextWire &+= 1
    peers[Int(peer)].puts.append((request, graph))
    peers[Int(peer)].lastHeard = now
    connectIfNeeded(peer, &actions)
    let values = graphs[Int(graph)].values.map {
      PutValue(digest: $0.digest, type: $0.type, byteCount: $0.byteCount)
    }
    actions.append(.askWorker(address, .put(request: request, values)))
  }

  private mutating func refusePut(_ graph: UInt32, _ reason: String, _ actions: inout [ClientAction]) {
    let failure = FailureRecord(
      .lost, key: graphs[Int(graph)].values.first?.digest ?? Digest128(low: 0, high: 0), label: "",
      message: "the data could not be put onto a worker: \(reason)", attempts: 0)
    actions.append(.refused(graphs[Int(graph)].submission, failure))
    refuse(graph, failure, &actions)
  }
}
