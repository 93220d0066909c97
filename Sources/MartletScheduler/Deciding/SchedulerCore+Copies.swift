import MartletProtocol

// Where results lie: more copies than one, none too many on one worker. All of it is decided here, at most a few copies are
// under way at a time, and whatever is released meanwhile is simply no longer there when a copy arrives.
//
// A worker gives a copy away in two steps: another worker fetches it, and when that has said that it has it, the first is told
// to release its own. So there are never fewer copies than before, and a worker that dies on the way changes nothing.

extension SchedulerCore {
  /// Keeps so many copies of results, on as many workers; 1 as usual. Those that do not have them yet get them.
  mutating func replicate(
    _ handles: [TaskHandle], copies count: UInt32, _ client: ClientID, _ request: UInt32,
    _ actions: inout [SchedulerAction]
  ) {
    if let unknown = handles.first(where: { slot(of: $0) == nil }) {
      return actions.append(
        .tellClient(
          client,
          .denied(request: request, reason: "the task \(unknown) is not known (any more): replicate what you hold")))
    }
    for handle in handles {
      if count > 1 {
        copies.wanted[handle.slot, default: Copies.Wanted(count: count)].count = count
      } else {
        copies.wanted[handle.slot] = nil
      }
      tasks[Int(handle.slot)].isReplicated = count > 1
      lookAtCopies(of: handle.slot)
    }
    actions.append(.tellClient(client, .answer(request: request, text: "")))
  }

  /// Moves results, or all of them, from workers that hold more than their share to those that hold less.
  mutating func rebalance(
    _ handles: [TaskHandle], _ client: ClientID, _ request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    var chosen: [TaskHandle] = []
    if handles.isEmpty {
      for slot in tasks.indices where tasks[slot].isUsed && tasks[slot].state == .memory {
        if tasks[slot].firstHolder != Relation.none { chosen.append(handle(of: UInt32(slot))) }
      }
    } else {
      chosen = handles.filter { slot(of: $0) != nil }
    }
    // What was asked for before is asked for still, unless this asks for all.
    copies.unbalanced = handles.isEmpty ? chosen : copies.unbalanced + chosen
    actions.append(.tellClient(client, .answer(request: request, text: "\(chosen.count)")))
  }

  /// A task whose copies were counted has changed: it may have too few.
  mutating func lookAtCopies(of slot: UInt32) {
    guard tasks[Int(slot)].isReplicated, copies.wanted[slot]?.isListed == false else { return }
    copies.wanted[slot]?.isListed = true
    copies.lacking.append(handle(of: slot))
  }

  /// A task is forgotten.
  mutating func forgetCopies(of slot: UInt32) {
    if tasks[Int(slot)].isReplicated { copies.wanted[slot] = nil }
  }

  /// Looks at some of what may lie better elsewhere.
  mutating func tendCopies() {
    for place in copies.moves.indices.reversed() {
      let move = copies.moves[place]
      let isLate = now - move.since >= settings.moveNanoseconds
      guard isLate || !loads[Int(move.target)].isAlive || slot(of: move.task) == nil else { continue }
      copies.moves.remove(at: place)
      if let slot = slot(of: move.task) { lookAtCopies(of: slot) }
    }
    relieveFullWorkers()
    if copies.isIdle { return }
    let lacking = copies.lacking
    copies.lacking = Array(lacking.dropFirst(settings.moveLimit * 4))
    for handle in lacking.prefix(settings.moveLimit * 4) {
      guard let slot = slot(of: handle) else { continue }
      copies.wanted[slot]?.isListed = false
      addCopies(of: slot)
    }
    while copies.moves.count < settings.moveLimit, let handle = copies.unbalanced.popLast() { level(handle) }
  }

  /// A worker has a copy; whoever gave it away may drop its own.
  mutating func copyArrived(_ handle: TaskHandle, at worker: UInt32) {
    guard let place = copies.moves.firstIndex(where: { $0.task == handle && $0.target == worker }) else { return }
    let move = copies.moves.remove(at: place)
    guard let source = move.source, let slot = slot(of: handle), tasks[Int(slot)].state == .memory,
      isHeld(slot, by: worker), isHeld(slot, by: source)
    else { return }
    dropSurplus(slot, at: source)
  }

  /// Drops one of several copies, if no more are wanted. What the worker was given before and needs it for, keeps it there;
  /// what it is about to be given would not.
  private mutating func dropSurplus(_ slot: UInt32, at worker: UInt32) {
    let task = handle(of: slot)
    guard copyCount(of: slot) > wantedCopies(of: slot),
      !outboxes[Int(worker)].compute.contains(where: { $0.inputs.contains { $0.task == task } })
    else { return }
    tellRelease(Int(worker), task)
    removeHolder(slot, worker)
  }

  private func wantedCopies(of slot: UInt32) -> Int {
    tasks[Int(slot)].isReplicated ? Int(copies.wanted[slot]?.count ?? 1) : 1
  }

  private func copyCount(of slot: UInt32) -> Int { holders.rights(from: tasks[Int(slot)].firstHolder).count }

  /// Has a task's result copied to as many workers as are wanted and there.
  private mutating func addCopies(of slot: UInt32) {
    guard let wanted = copies.wanted[slot]?.count, tasks[Int(slot)].state == .memory else { return }
    let handle = handle(of: slot)
    let underWay = copies.moves.count { $0.task == handle && $0.source == nil }
    var missing = Int(wanted) - copyCount(of: slot) - underWay
    // Signals and constants have no copy on any worker, and need none.
    guard missing > 0, tasks[Int(slot)].firstHolder != Relation.none else { return }
    while missing > 0, copies.moves.count < settings.moveLimit, let target = emptiest(without: slot) {
      move(slot, to: target, from: nil)
      missing -= 1
    }
    // There may be a place for it later.
    if missing > 0, copies.moves.count >= settings.moveLimit || copyCount(of: slot) < livingWorkerCount {
      lookAtCopies(of: slot)
    }
  }

  /// Moves a result if its worker then still holds as much as the one that gets it.
  private mutating func level(_ handle: TaskHandle) {
    guard let slot = slot(of: handle), tasks[Int(slot)].state == .memory,
      copyCount(of: slot) <= wantedCopies(of: slot), let target = emptiest(without: slot),
      let source = fullest(with: slot), !copies.moves.contains(where: { $0.task == handle })
    else { return }
    let bytes = tasks[Int(slot)].resultBytes
    guard stock(of: source) - leaving(source) - bytes >= stock(of: target) + bytes else { return }
    move(slot, to: target, from: source)
  }

  /// Workers that hold more than their share of memory give results away: copies that are not needed, then results for
  /// which others have room.
  private mutating func relieveFullWorkers() {
    for number in workers.indices where loads[number].isAlive && loads[number].memoryLimit > 0 {
      let worker = UInt32(number)
      var excess =
        Double(loads[number].heldBytes - leaving(worker)) - Double(loads[number].memoryLimit) * settings.memoryShare
      var pair = holders.first(ofRight: worker)
      var looked = 0
      while excess > 0, pair != Relation.none, looked < 64 {
        let slot = holders.left(pair)
        pair = holders.nextOfRight(pair)
        looked += 1
        let bytes = tasks[Int(slot)].resultBytes
        guard bytes >= settings.leastMoveBytes, !copies.moves.contains(where: { $0.task.slot == slot }) else {
          continue
        }
        if copyCount(of: slot) > wantedCopies(of: slot) {
          dropSurplus(slot, at: worker)
          if !isHeld(slot, by: worker) { excess -= Double(bytes) }
          continue
        }
        guard copies.moves.count < settings.moveLimit, let target = emptiest(without: slot),
          loads[Int(target)].memoryLimit == 0
            || Double(stock(of: target) + bytes) <= Double(loads[Int(target)].memoryLimit) * settings.memoryShare
        else { break }
        move(slot, to: target, from: worker)
        excess -= Double(bytes)
      }
    }
  }

  private mutating func move(_ slot: UInt32, to target: UInt32, from source: UInt32?) {
    let task = tasks[Int(slot)]
    copies.moves.append(
      Copies.Move(
        task: handle(of: slot), target: target, source: source, bytes: task.resultBytes, since: now))
    list(Int(target))
    outboxes[Int(target)].fetch.append(
      InputRef(
        task: handle(of: slot), digest: task.digest, run: RunID(rawValue: task.run), byteCount: task.resultBytes,
        holders: peers(of: slot)))
  }

  /// What a worker holds and will get.
  private func stock(of worker: UInt32) -> Int64 { loads[Int(worker)].heldBytes + copies.incoming(to: worker) }

  /// What it is about to give away.
  private func leaving(_ worker: UInt32) -> Int64 {
    copies.moves.reduce(0) { $0 + ($1.source == worker ? $1.bytes : 0) }
  }

  /// The open worker with the least stock that neither holds a result nor is about to; of equal ones the first.
  private mutating func emptiest(without slot: UInt32) -> UInt32? {
    let task = handle(of: slot)
    var best: (stock: Int64, worker: UInt32)?
    for number in workers.indices where loads[number].isOpen {
      let worker = UInt32(number)
      if isHeld(slot, by: worker) || copies.moves.contains(where: { $0.task == task && $0.target == worker }) {
        continue
      }
      let stock = stock(of: worker)
      if let best, best.stock <= stock { continue }
      best = (stock, worker)
    }
    return best?.worker
  }

  /// The holder of a result with the most stock.
  private func fullest(with slot: UInt32) -> UInt32? {
    holders.rights(from: tasks[Int(slot)].firstHolder).max {
      (stock(of: $0) - leaving($0), $1) < (stock(of: $1) - leaving($1), $0)
    }
  }
}
