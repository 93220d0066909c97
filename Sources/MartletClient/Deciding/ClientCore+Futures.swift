import MartletBytes
import MartletProtocol

extension ClientCore {
  // MARK: Handles

  /// The record for a key, made where there is none. One handle more.
  mutating func use(_ digest: Digest128, _ actions: inout [ClientAction]) -> UInt32 {
    let slot = record(for: digest)
    futures[Int(slot)].handles += 1
    if futures[Int(slot)].handles == 1 {
      // Nobody had it: what was known of an earlier life does not count.
      futures[Int(slot)].state = .waiting
      futures[Int(slot)].failure = nil
      futures[Int(slot)].isCancelled = false
      if futures[Int(slot)].told == .nothing, futures[Int(slot)].provider != FutureRecord.none {
        graphs[Int(futures[Int(slot)].provider)].progress.total += 1
      }
      setTold(slot, .nothing)
    } else if futures[Int(slot)].isCancelled, futures[Int(slot)].state == .failed {
      // Who submits it again wants it after all.
      wait(slot)
      actions.append(.recomputing(id(of: slot)))
    }
    return slot
  }

  mutating func record(for digest: Digest128) -> UInt32 {
    if let known = futuresByDigest[digest] { return known }
    let slot: UInt32
    if let old = freeFutures.popLast() {
      slot = old
      let generation = futures[Int(slot)].generation
      futures[Int(slot)] = FutureRecord(digest: digest, generation: generation)
    } else {
      slot = UInt32(futures.count)
      futures.append(FutureRecord(digest: digest))
    }
    futuresByDigest[digest] = slot
    return slot
  }

  mutating func release(_ future: FutureID, _ actions: inout [ClientAction]) {
    guard let slot = slot(of: future), futures[Int(slot)].handles > 0 else { return }
    futures[Int(slot)].handles -= 1
    guard futures[Int(slot)].handles == 0 else { return }
    stopFetch(slot, &actions)
    futures[Int(slot)].wantsValue = false
    futures[Int(slot)].state = .idle
    futures[Int(slot)].holders = []
    futures[Int(slot)].failure = nil
    if futures[Int(slot)].told == .nothing, futures[Int(slot)].provider != FutureRecord.none {
      // Nobody waits for it: it does not count any more.
      graphs[Int(futures[Int(slot)].provider)].progress.total -= 1
      changedGraphs.append(futures[Int(slot)].provider)
    }
    actions.append(.forgotten(future))
    unsettled.append(slot)
    settle(&actions)
  }

  /// Looks at futures that somebody has stopped to need: tells the scheduler, forgets, drops graphs.
  mutating func settle(_ actions: inout [ClientAction]) {
    if isSettling { return }
    isSettling = true
    while let slot = unsettled.popLast() {
      let record = futures[Int(slot)]
      guard record.isUsed, record.handles == 0, record.pending == 0 else { continue }
      if let task = record.task {
        futuresByTask[task] = nil
        futures[Int(slot)].task = nil
        if phase == .ready || phase == .resuming { releases.append(task) }
      }
      guard record.uses == 0 else { continue }
      futuresByDigest[record.digest] = nil
      futures[Int(slot)].isUsed = false
      futures[Int(slot)].generation &+= 1
      futures[Int(slot)].holders = []
      freeFutures.append(slot)
      if record.provider != FutureRecord.none {
        graphs[Int(record.provider)].provides -= 1
        dropIfUseless(record.provider)
      }
    }
    isSettling = false
  }

  /// While the list of graphs is walked nothing is settled: of what is refused on the way, others, and so the next one, could go.
  mutating func beginWalk() -> Bool {
    defer { isSettling = true }
    return isSettling
  }

  mutating func endWalk(_ wasSettling: Bool, _ actions: inout [ClientAction]) {
    isSettling = wasSettling
    settle(&actions)
  }

  // MARK: What became of it

  /// Counts a future once in its provider's progress.
  mutating func setTold(_ slot: UInt32, _ told: FutureRecord.Told) {
    let record = futures[Int(slot)]
    guard record.told != told else { return }
    futures[Int(slot)].told = told
    guard record.provider != FutureRecord.none else { return }
    count(record.told, -1, in: record.provider)
    count(told, 1, in: record.provider)
  }

  mutating func count(_ told: FutureRecord.Told, _ change: Int, in graph: UInt32) {
    switch told {
    case .nothing: break
    case .finished: graphs[Int(graph)].progress.finished += change
    case .failed: graphs[Int(graph)].progress.failed += change
    }
    changedGraphs.append(graph)
    if changedGraphs.count > 2 * graphs.count + 64 { compactChanges() }
  }

  private mutating func compactChanges() {
    var seen = [Bool](repeating: false, count: graphs.count)
    changedGraphs.removeAll { graph in
      defer { seen[Int(graph)] = true }
      return seen[Int(graph)]
    }
  }

  /// The scheduler says that the result is there.
  mutating func finished(_ result: FinishedResult, _ actions: inout [ClientAction]) {
    guard let slot = futuresByTask[result.task], futures[Int(slot)].handles > 0, futures[Int(slot)].state != .held
    else { return }
    let isSignal = result.inline == nil && result.holders.isEmpty && result.byteCount == 0
    futures[Int(slot)].type = result.type
    // Another run's result may have another size.
    if futures[Int(slot)].fetch == .queued {
      peers[Int(futures[Int(slot)].peer)].queuedBytes += result.byteCount - futures[Int(slot)].byteCount
    }
    futures[Int(slot)].byteCount = result.byteCount
    futures[Int(slot)].holders = Array(result.holders.prefix(8))
    futures[Int(slot)].tried = 0
    futures[Int(slot)].isCancelled = false
    resolve(slot, .finished, &actions)
    if isSignal || result.inline != nil {
      stopFetch(slot, &actions)
      actions.append(.value(id(of: slot), type: result.type, .bytes(result.inline ?? [])))
      hold(slot, &actions)
      return
    }
    guard futures[Int(slot)].wantsValue else { return }
    switch futures[Int(slot)].fetch {
    case .none: enqueue(slot, &actions)
    case .asking: delay(slot)
    case .queued, .inFlight, .receiving, .delayed: break
    }
  }

  private mutating func resolve(_ slot: UInt32, _ state: FutureState, _ actions: inout [ClientAction]) {
    futures[Int(slot)].state = state
    guard futures[Int(slot)].told != .finished else { return }
    setTold(slot, .finished)
    futures[Int(slot)].failure = nil
    actions.append(
      .resolved(id(of: slot), type: futures[Int(slot)].type, byteCount: futures[Int(slot)].byteCount))
  }

  /// The shell has, or will have at once, the value.
  mutating func hold(_ slot: UInt32, _ actions: inout [ClientAction]) {
    resolve(slot, .held, &actions)
    futures[Int(slot)].wantsValue = false
    futures[Int(slot)].attempts = 0
    for request in futures[Int(slot)].gathers { gathered(request, &actions) }
    futures[Int(slot)].gathers = []
  }

  mutating func recomputing(_ task: TaskHandle, _ actions: inout [ClientAction]) {
    guard let slot = futuresByTask[task], futures[Int(slot)].state == .finished else { return }
    if futures[Int(slot)].fetch != .inFlight, futures[Int(slot)].fetch != .receiving { stopFetch(slot, &actions) }
    wait(slot)
    futures[Int(slot)].attempts = 0
    actions.append(.recomputing(id(of: slot)))
  }

  /// Back to where nothing is known.
  mutating func wait(_ slot: UInt32) {
    futures[Int(slot)].state = .waiting
    futures[Int(slot)].holders = []
    setTold(slot, .nothing)
    futures[Int(slot)].failure = nil
    futures[Int(slot)].isCancelled = false
  }

  /// It has no result and will have none, unless somebody retries.
  mutating func fail(_ slot: UInt32, _ failure: FailureRecord, _ actions: inout [ClientAction]) {
    guard futures[Int(slot)].handles > 0, futures[Int(slot)].state != .held else { return }
    let isNews = futures[Int(slot)].state != .failed
    stopFetch(slot, &actions)
    futures[Int(slot)].state = .failed
    futures[Int(slot)].holders = []
    setTold(slot, .failed)
    futures[Int(slot)].failure = failure
    let future = id(of: slot)
    if isNews { actions.append(.failed(future, failure)) }
    endGathers(of: slot, failure, &actions)
  }

  func lostRecord(_ slot: UInt32, _ message: String) -> FailureRecord {
    FailureRecord(.lost, key: futures[Int(slot)].digest, label: "", message: message, attempts: 0)
  }

  // MARK: Wishes

  mutating func want(_ future: FutureID, _ actions: inout [ClientAction]) {
    guard let slot = slot(of: future), futures[Int(slot)].handles > 0 else { return }
    switch futures[Int(slot)].state {
    case .held, .failed, .idle: return
    case .waiting: futures[Int(slot)].wantsValue = true
    case .finished:
      futures[Int(slot)].wantsValue = true
      if futures[Int(slot)].fetch == .none, futures[Int(slot)].task != nil { enqueue(slot, &actions) }
    }
  }

  mutating func valueDropped(_ future: FutureID) {
    guard let slot = slot(of: future), futures[Int(slot)].state == .held else { return }
    if futures[Int(slot)].task != nil {
      futures[Int(slot)].state = .finished
    } else {
      bringBack(slot)
    }
  }

  /// What the scheduler does not know (any more) is submitted again.
  mutating func bringBack(_ slot: UInt32) {
    wait(slot)
    needsResend = true
  }

  mutating func cancel(_ list: [FutureID], force: Bool, _ actions: inout [ClientAction]) {
    var cancelled: [(slot: UInt32, task: TaskHandle)] = []
    for future in list {
      guard let slot = slot(of: future), futures[Int(slot)].handles > 0 else { continue }
      switch futures[Int(slot)].state {
      case .held, .failed, .idle: continue
      case .waiting, .finished: break
      }
      fail(
        slot,
        FailureRecord(.cancelled, key: futures[Int(slot)].digest, label: "", message: "cancelled", attempts: 0),
        &actions)
      futures[Int(slot)].isCancelled = true
      futures[Int(slot)].isForced = force
      if let task = futures[Int(slot)].task {
        cancelled.append((slot, task))
        futuresByTask[task] = nil
        futures[Int(slot)].task = nil
      }
    }
    tellCancelled(cancelled, force: force, &actions)
  }

  /// Tells the scheduler that tasks are not wanted any more. What was asked before may still be answered with them.
  private mutating func tellCancelled(
    _ list: [(slot: UInt32, task: TaskHandle)], force: Bool, _ actions: inout [ClientAction]
  ) {
    if list.isEmpty { return }
    flushReleases(&actions)
    unwantsSaid += 1
    for (slot, task) in list {
      futures[Int(slot)].cancelledTask = task
      futures[Int(slot)].cancelledAt = unwantsSaid
    }
    var rest = list[...]
    while !rest.isEmpty {
      tell(.cancel(rest.prefix(settings.keysInMessage).map(\.task), force: force), &actions)
      rest = rest.dropFirst(settings.keysInMessage)
    }
  }

  mutating func retry(_ future: FutureID, _ actions: inout [ClientAction]) {
    guard let slot = slot(of: future), futures[Int(slot)].state == .failed else { return }
    if phase == .ended, let failure = futures[Int(slot)].failure { return actions.append(.failed(future, failure)) }
    if let task = futures[Int(slot)].task {
      wait(slot)
      retries.append(task)
    } else {
      bringBack(slot)
    }
  }

  // MARK: The scheduler's handles

  /// Notes the scheduler's handle of a future; false when the scheduler contradicts itself. `unwants`: how often it had been told
  /// that something is not wanted any more when it was asked for the handle.
  mutating func bind(_ slot: UInt32, _ task: TaskHandle, unwants: UInt64, _ actions: inout [ClientAction]) -> Bool {
    if let other = futuresByTask[task], other != slot { return false }
    let record = futures[Int(slot)]
    // It was cancelled behind the question. Who wants it again has it sent again.
    if record.cancelledTask == task, record.cancelledAt > unwants { return true }
    if record.isCancelled, record.state == .failed {
      tellCancelled([(slot, task)], force: record.isForced, &actions)
      return true
    }
    if let old = record.task, old != task { futuresByTask[old] = nil }
    // That it is there, and where, is said again.
    if record.task == nil, record.state == .finished, record.wantsValue, record.fetch == .none {
      futures[Int(slot)].fetch = .asking
    }
    futures[Int(slot)].task = task
    futuresByTask[task] = slot
    return true
  }
}
