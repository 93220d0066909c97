import MartletBytes
package import MartletProtocol

extension WorkerCore {
  // MARK: Who has it

  /// Sees to it that a result which has to be fetched will be: in the queue of each peer that has it, or, when nobody is known,
  /// by asking the scheduler. Calling it too often does no harm.
  mutating func locate(_ slot: UInt32, _ actions: inout [WorkerAction], hasAsked: Bool = false) {
    guard tasks[Int(slot)].isToBeFetched else { return }
    for number in tasks[Int(slot)].holders {
      peers[Int(number)].queue.push(tasks[Int(slot)].fetchPriority, slot)
      queuedFetches += 1
    }
    guard tasks[Int(slot)].holders.isEmpty, !tasks[Int(slot)].isUnlocated else { return }
    tasks[Int(slot)].isUnlocated = true
    tasks[Int(slot)].unlocatedSince = now
    tasks[Int(slot)].askAt = now + settings.askAgainNanoseconds
    unlocated.append(slot)
    if !hasAsked { askScheduler(slot, &actions) }
  }

  private func missing(_ slot: UInt32, from worker: WorkerID) -> WorkerToScheduler {
    .missing(tasks[Int(slot)].handle, from: worker, run: RunID(rawValue: tasks[Int(slot)].heldRun))
  }

  /// "Nobody is known to have it" is said as "I have not".
  private mutating func askScheduler(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    guard let worker else { return }
    tell(missing(slot, from: worker), &actions)
  }

  /// Asks the scheduler again for results whose holders nobody knows; gives tasks back that have waited too long for one.
  mutating func askForHolders(_ actions: inout [WorkerAction]) {
    guard !unlocated.isEmpty else { return }
    let looking = unlocated
    unlocated = []
    for slot in looking {
      guard tasks[Int(slot)].isToBeFetched, tasks[Int(slot)].holders.isEmpty else {
        tasks[Int(slot)].isUnlocated = false
        continue
      }
      unlocated.append(slot)
    }
    // Who has nothing else to do may hold all that the scheduler would give it, and what is missing could be computed here.
    let isStuck =
      executionCount == 0 && readyCount == 0 && fetchingCount == 0 && loadingCount == 0 && spillingCount == 0
    let patience =
      isStuck ? min(settings.giveBackNanoseconds, 2 * settings.askAgainNanoseconds) : settings.giveBackNanoseconds
    for slot in unlocated where tasks[Int(slot)].isUnlocated {
      let dependents = tasks[Int(slot)].dependents
      if !dependents.isEmpty, now - tasks[Int(slot)].unlocatedSince >= patience {
        for dependent in dependents { giveBack(dependent, &actions) }
      } else if tasks[Int(slot)].askAt <= now {
        tasks[Int(slot)].askAt = now + settings.askAgainNanoseconds
        askScheduler(slot, &actions)
      }
    }
  }

  // MARK: Asking

  /// Asks peers for what is needed, by priority, as far as there is room.
  mutating func fetch(_ actions: inout [WorkerAction]) {
    guard isRegistered, fitsInFlight(1) else { return }
    while queuedFetches > 0, let (number, slot) = nextFetch(&actions) {
      let bytes = tasks[Int(slot)].byteCount
      guard fitsInFlight(bytes) else { return }
      guard hasRoom(for: bytes) else {
        wasDenied = true
        return
      }
      ask(number, &actions)
    }
  }

  /// The most urgent result, and a peer that can be asked for it now. Connects to peers on the way.
  private mutating func nextFetch(_ actions: inout [WorkerAction]) -> (UInt32, UInt32)? {
    var best: (key: UInt64, slot: UInt32, number: UInt32)?
    for place in peers.indices where !peers[place].queue.isEmpty {
      let number = UInt32(place)
      guard let head = head(of: number), isAskable(number, &actions) else { continue }
      if let best, (best.key, best.slot) <= (head.key, head.number) { continue }
      best = (head.key, head.number, number)
    }
    return best.map { ($0.number, $0.slot) }
  }

  /// Whether a peer can be asked now; connects if that is what is missing.
  private mutating func isAskable(_ number: UInt32, _ actions: inout [WorkerAction]) -> Bool {
    let place = Int(number)
    guard peers[place].request == 0, peers[place].retryAt <= now else { return false }
    if peers[place].link == .none {
      peers[place].link = .connecting
      actions.append(.connectPeer(PeerRef(worker: peers[place].worker, address: peers[place].address)))
    }
    return peers[place].link == .connected
  }

  /// The first entry of a peer's queue that is up to date; takes out those before it.
  private mutating func head(of number: UInt32) -> (key: UInt64, number: UInt32)? {
    while let first = peers[Int(number)].queue.first {
      let task = tasks[Int(first.number)]
      if task.isToBeFetched, task.fetchPriority == first.key, task.holders.contains(number) { return first }
      _ = peers[Int(number)].queue.pop()
      queuedFetches -= 1
    }
    return nil
  }

  private func fitsInFlight(_ bytes: Int64) -> Bool {
    fetchingCount == 0 || fetchingBytes &+ bytes <= settings.incomingBytes
  }

  /// Asks a peer for the first ones of its queue.
  private mutating func ask(_ number: UInt32, _ actions: inout [WorkerAction]) {
    var asked: [UInt32] = []
    var bytes: Int64 = 0
    while asked.count < settings.requestResults, let head = head(of: number) {
      let size = tasks[Int(head.number)].byteCount
      if !asked.isEmpty, bytes &+ size > settings.requestBytes || !fitsInFlight(size) || !hasRoom(for: size) { break }
      _ = peers[Int(number)].queue.pop()
      queuedFetches -= 1
      bytes &+= size
      moveData(head.number, to: .fetching)
      asked.append(head.number)
    }
    ask(number, for: asked, &actions)
  }

  private mutating func ask(_ number: UInt32, for asked: [UInt32], _ actions: inout [WorkerAction]) {
    lastRequest = lastRequest == .max ? 1 : lastRequest + 1
    let place = Int(number)
    peers[place].request = lastRequest
    peers[place].firstOpen = 0
    peers[place].isAbandoned = false
    peers[place].asked = asked.map { PeerRecord.Asked(slot: $0, task: tasks[Int($0)].handle) }
    for slot in asked { tasks[Int(slot)].fetchedFrom = number }
    let named = asked.map { NamedTask(task: tasks[Int($0)].handle, digest: tasks[Int($0)].digest) }
    actions.append(.askPeer(peers[place].worker, .get(request: lastRequest, named)))
  }

  /// Gets the inputs of the chosen task although there is no room.
  mutating func feed(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    for input in tasks[Int(slot)].inputs where tasks[Int(input)].isToBeFetched {
      for number in tasks[Int(input)].holders where isAskable(number, &actions) {
        moveData(input, to: .fetching)
        ask(number, for: [input], &actions)
        break
      }
    }
    loadInputs(of: slot, &actions)
  }

  // MARK: Answers

  mutating func connected(_ peer: WorkerID) {
    guard let number = peerNumbers[peer] else { return }
    peers[Int(number)].link = .connected
  }

  /// Whether data that a peer announces was asked for and may be received: so many bytes of it.
  package func mayReceive(_ peer: WorkerID, request: UInt32, _ task: TaskHandle, byteCount: Int64) -> Bool {
    guard let number = peerNumbers[peer], peers[Int(number)].request == request,
      let place = open(number, task)
    else { return false }
    let slot = Int(peers[Int(number)].asked[place].slot)
    guard isAwaited(peers[Int(number)].asked[place], from: number) else { return false }
    // What a value takes as bytes is not what it takes in memory, but not very much more.
    return byteCount >= 0 && byteCount <= 2 &* tasks[slot].byteCount &+ 1 << 20
  }

  /// Where the unanswered `task` stands in the peer's request. Answers come in order, so it is among the first.
  private func open(_ number: UInt32, _ task: TaskHandle) -> Int? {
    let asked = peers[Int(number)].asked
    return asked[peers[Int(number)].firstOpen...].firstIndex { !$0.isAnswered && $0.task == task }
  }

  /// Whether the result did not come in another way meanwhile.
  private func isAwaited(_ asked: PeerRecord.Asked, from number: UInt32) -> Bool {
    let task = tasks[Int(asked.slot)]
    return task.isUsed && task.data == .fetching && task.fetchedFrom == number && task.handle == asked.task
  }

  /// Notes an answer; the place of the result if it is awaited.
  private mutating func answer(_ number: UInt32, _ task: TaskHandle) -> UInt32? {
    guard let place = open(number, task) else { return nil }
    peers[Int(number)].asked[place].isAnswered = true
    let asked = peers[Int(number)].asked
    while peers[Int(number)].firstOpen < asked.count, asked[peers[Int(number)].firstOpen].isAnswered {
      peers[Int(number)].firstOpen += 1
    }
    return isAwaited(asked[place], from: number) ? asked[place].slot : nil
  }

  mutating func hear(_ peer: WorkerID, _ reply: PeerReply, _ actions: inout [WorkerAction]) {
    switch reply {
    case .data(let request, let task, let type, let byteCount):
      guard let number = asked(peer, request), let slot = answer(number, task) else {
        actions.append(.discardReceived(peer, request: request, task))
        return
      }
      peers[Int(number)].failures = 0
      peers[Int(number)].refusals = 0
      receive(slot, peer, request, type, byteCount, &actions)
    case .missing(let request, let task):
      guard let number = asked(peer, request), let slot = answer(number, task) else { return }
      miss(slot, from: number, &actions)
    case .busy(let request, let retryAfter):
      guard let number = asked(peer, request) else { return }
      let place = Int(number)
      peers[place].refusals += 1
      let wait = max(backoff(peers[place].refusals), min(retryAfter, settings.longestRetryNanoseconds))
      peers[place].retryAt = now + wait
      for slot in endRequest(number) { putBack(slot, &actions) }
      forgetPeer(number)
    case .done(let request), .rejected(let request, _):
      guard let number = asked(peer, request) else { return }
      let wasAbandoned = peers[Int(number)].isAbandoned
      for slot in endRequest(number) {
        if wasAbandoned { putBack(slot, &actions) } else { miss(slot, from: number, &actions) }
      }
      forgetPeer(number)
    }
  }

  /// The peer's number if this is its open request: everything else is late.
  private func asked(_ peer: WorkerID, _ request: UInt32) -> UInt32? {
    guard request != 0, let number = peerNumbers[peer], peers[Int(number)].request == request else { return nil }
    return number
  }

  private mutating func receive(
    _ slot: UInt32, _ peer: WorkerID, _ request: UInt32, _ type: String, _ byteCount: Int64,
    _ actions: inout [WorkerAction]
  ) {
    let place = Int(slot)
    let handle = tasks[place].handle
    guard tasks[place].isWanted || tasks[place].phase.isQueued else {
      moveData(slot, to: .absent)
      actions.append(.discardReceived(peer, request: request, handle))
      return settle(slot, &actions)
    }
    setByteCount(slot, byteCount)
    tasks[place].type = type
    actions.append(.holdReceived(peer, request: request, handle, ValueID(rawValue: slot)))
    enterMemory(slot, &actions)
    keep(slot)
    settle(slot, &actions)
  }

  /// The peer has not what was asked of it: another one, or the scheduler knows more.
  private mutating func miss(_ slot: UInt32, from number: UInt32, _ actions: inout [WorkerAction]) {
    moveData(slot, to: .absent)
    let peer = peers[Int(number)].worker
    removeHolder(slot, number)
    if tasks[Int(slot)].isWanted, tasks[Int(slot)].hasHandle {
      tell(missing(slot, from: peer), &actions)
    }
    locate(slot, &actions, hasAsked: true)
    settle(slot, &actions)
  }

  /// It was asked for in vain, but may be asked for again.
  private mutating func putBack(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    moveData(slot, to: .absent)
    locate(slot, &actions)
    settle(slot, &actions)
  }

  /// Closes a peer's request; what is still awaited of it.
  private mutating func endRequest(_ number: UInt32) -> [UInt32] {
    let place = Int(number)
    let awaited = peers[place].asked.filter { !$0.isAnswered && isAwaited($0, from: number) }.map(\.slot)
    peers[place].request = 0
    peers[place].asked = []
    peers[place].firstOpen = 0
    return awaited
  }

  /// The wait after so many failures in a row.
  private func backoff(_ count: Int) -> Int64 {
    min(settings.longestRetryNanoseconds, settings.retryNanoseconds << Int64(min(max(count - 1, 0), 20)))
  }

  mutating func receivedNonsense(
    _ peer: WorkerID, _ request: UInt32, _ task: TaskHandle, _ reason: String, _ actions: inout [WorkerAction]
  ) {
    guard let number = asked(peer, request), let slot = answer(number, task) else { return }
    actions.append(.log("\(task) came damaged from \(peer): \(reason)"))
    tasks[Int(slot)].damagedCopies += 1
    if tasks[Int(slot)].damagedCopies >= settings.damagedCopies {
      for dependent in tasks[Int(slot)].dependents {
        let failed = tasks[Int(dependent)]
        let failure = FailureRecord(
          .undecodable, key: failed.digest, label: work[Int(dependent)]?.label ?? "",
          message: "its input \(task) cannot be decoded: \(reason)")
        unassign(dependent, &actions)
        tell(.failed(failed.handle, RunID(rawValue: failed.run), failure), &actions)
      }
    }
    miss(slot, from: number, &actions)
  }

  // MARK: Losing peers

  mutating func connectionLost(_ peer: WorkerID, _ actions: inout [WorkerAction]) {
    guard let number = peerNumbers[peer] else { return }
    let place = Int(number)
    peers[place].link = .none
    peers[place].pushes = []
    peers[place].failures += 1
    peers[place].retryAt = now + backoff(peers[place].failures)
    if peers[place].failures >= settings.connectionAttempts {
      return giveUp(number, &actions, isSuspicion: true)
    }
    for slot in endRequest(number) { putBack(slot, &actions) }
    forgetPeer(number)
  }

  /// Asks a peer no more for what is needed now. The scheduler is told unless it said so itself.
  mutating func giveUp(_ number: UInt32, _ actions: inout [WorkerAction], isSuspicion: Bool = false) {
    var lost = endRequest(number)
    for slot in lost { moveData(slot, to: .absent) }
    queuedFetches -= peers[Int(number)].queue.count
    while let entry = peers[Int(number)].queue.pop() { lost.append(entry.number) }
    let peer = peers[Int(number)].worker
    if peers[Int(number)].link != .none {
      // Otherwise late answers and a new request could meet.
      peers[Int(number)].link = .none
      peers[Int(number)].pushes = []
      actions.append(.disconnectPeer(peer))
    }
    for slot in lost where tasks[Int(slot)].isUsed && tasks[Int(slot)].holders.contains(number) {
      removeHolder(slot, number)
      if isSuspicion, tasks[Int(slot)].isToBeFetched { tell(missing(slot, from: peer), &actions) }
      locate(slot, &actions, hasAsked: isSuspicion)
      settle(slot, &actions)
    }
    forgetPeer(number)
  }

  /// Takes back requests of which nothing is wanted any more.
  mutating func abandonRequests(_ actions: inout [WorkerAction]) {
    for number in peers.indices where peers[number].request != 0 && !peers[number].isAbandoned {
      let isWanted = peers[number].asked[peers[number].firstOpen...].contains {
        !$0.isAnswered && isAwaited($0, from: UInt32(number))
          && (tasks[Int($0.slot)].isWanted || tasks[Int($0.slot)].phase.isQueued)
      }
      if isWanted || peers[number].firstOpen == peers[number].asked.count { continue }
      peers[number].isAbandoned = true
      actions.append(.askPeer(peers[number].worker, .abandon(request: peers[number].request)))
    }
  }
}
