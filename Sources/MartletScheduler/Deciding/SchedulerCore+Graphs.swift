import MartletBytes
import MartletProtocol

extension SchedulerCore {
  /// Takes a piece of a graph. Nothing of it is computed before its last piece is there.
  mutating func submit(_ piece: Submission, from client: ClientID, _ actions: inout [SchedulerAction]) {
    let place: Int
    if let open = openGraphs.firstIndex(where: { $0.client == client && $0.graph == piece.graph }) {
      place = open
    } else {
      place = openGraphs.count
      clients[Int(client.rawValue)].graphs &+= 1
      openGraphs.append(
        OpenGraph(
          client: client, graph: piece.graph, wanted: [], tasks: [], number: clients[Int(client.rawValue)].graphs,
          order: 0))
    }
    if openGraphs[place].isRefused {
      if piece.isLast { openGraphs.remove(at: place) }
      return
    }
    if let failure = add(piece, to: place) {
      let open = openGraphs[place]
      openGraphs[place].tasks = []
      openGraphs[place].wanted = []
      openGraphs[place].isRefused = true
      if piece.isLast { openGraphs.remove(at: place) }
      unpin(open)
      actions.append(.tellClient(client, .refused(graph: piece.graph, failure)))
      return
    }
    guard piece.isLast else { return }
    let open = openGraphs.remove(at: place)
    for slot in open.wanted where !wants.contains(slot, client.rawValue) { wants.add(slot, client.rawValue) }
    actions.append(.tellClient(client, .accepted(graph: piece.graph, wanted: open.wanted.map(handle(of:)))))
    see(to: open.wanted, for: client)
    // What no wanted task needs was sent for nothing.
    unpin(open)
  }

  /// Lets go of the tasks of a graph that is complete, refused or abandoned.
  mutating func unpin(_ open: OpenGraph) {
    for slot in open.tasks { tasks[Int(slot)].pins -= 1 }
    for slot in open.tasks.reversed() { forgetIfUnknown(slot) }
  }

  /// Adds the tasks of a piece. Nil, or why the graph cannot be taken.
  private mutating func add(_ piece: Submission, to open: Int) -> FailureRecord? {
    let functionNumbers = piece.functions.map { function(numbered: $0) }
    let typeNumbers = piece.types.map { types.use($0) }
    let labelNumbers = piece.labels.map { labels.use($0) }
    let traitNumbers = piece.traits.map { use(traits: $0) }
    defer {
      for number in functionNumbers { functions.leave(number) }
      for number in typeNumbers { types.leave(number) }
      for number in labelNumbers { labels.leave(number) }
      for number in traitNumbers { leaveTraits(number) }
    }
    var slots: [UInt32] = []
    slots.reserveCapacity(piece.tasks.count)
    for submitted in piece.tasks {
      var inputs: [UInt32] = []
      for dependency in submitted.dependencies {
        switch dependency {
        case .back(let distance): inputs.append(slots[slots.count - Int(distance)])
        case .known(let digest):
          guard let slot = slot(of: digest) else {
            return FailureRecord(
              .lost, key: digest, label: piece.labels[Int(submitted.label)],
              message: "it needs the task \(digest), which the scheduler does not know (any more): send it along")
          }
          inputs.append(slot)
        }
      }
      let work: TaskWork
      switch submitted.work {
      case .call(let function, let arguments):
        work = .call(function: functionNumbers[Int(function)], arguments: arguments)
      case .literal(let type, let bytes): work = .literal(type: typeNumbers[Int(type)], bytes: bytes)
      case .gather(let element): work = .gather(element: typeNumbers[Int(element)])
      case .alias: work = .alias
      case .signal: work = .signal
      }
      if let known = slot(of: submitted.digest) {
        if let failure = conflict(known, work, inputs, label: piece.labels[Int(submitted.label)]) { return failure }
        slots.append(known)
        pin(known, open)
        continue
      }
      guard taskCount < settings.taskLimit else {
        return FailureRecord(
          .cannotRun, key: submitted.digest, label: piece.labels[Int(submitted.label)],
          message: "the scheduler knows \(settings.taskLimit) tasks already: release results, or send smaller graphs")
      }
      let number = submitted.traits == 0 ? 0 : traitNumbers[Int(submitted.traits) - 1]
      let slot = insert(submitted, work, label: labelNumbers[Int(submitted.label)], traits: number, openGraphs[open])
      for input in inputs { dependencies.add(slot, input) }
      openGraphs[open].order += 1
      pin(slot, open)
      slots.append(slot)
    }
    openGraphs[open].wanted += piece.wanted.map { slots[Int($0)] }
    return nil
  }

  private mutating func pin(_ slot: UInt32, _ open: Int) {
    tasks[Int(slot)].pins += 1
    openGraphs[open].tasks.append(slot)
  }

  private mutating func insert(
    _ submitted: SubmittedTask, _ work: TaskWork, label: UInt32, traits number: UInt32, _ open: OpenGraph
  ) -> UInt32 {
    let slot: UInt32
    if let old = freeSlots.popLast() {
      slot = old
    } else {
      slot = UInt32(tasks.count)
      tasks.append(TaskRecord(digest: submitted.digest, generation: 0))
    }
    var record = TaskRecord(digest: submitted.digest, generation: tasks[Int(slot)].generation)
    record.isUsed = true
    stateCounts[Int(record.state.rawValue)] += 1
    record.label = label
    record.traits = number
    record.work = work
    record.owner = open.client.rawValue
    record.orderOnlyCount = submitted.orderOnlyCount
    record.retriesLeft = traits[Int(number)].retries
    // The user's wish, then earlier graphs, then the order inside of the graph.
    let wish = UInt64(Int64(Int16.max) - Int64(traits[Int(number)].priority))
    record.priority = wish &<< 48 | UInt64(open.number & 0xff_ffff) &<< 24 | min(open.order, 0xff_ffff)
    record.resultType = types.use("")
    tasks[Int(slot)] = record
    labels.use(label)
    useWork(work)
    if number != 0 { traitUses[Int(number)] += 1 }
    table.insert(slot) { tasks[Int($0)].digest }
    return slot
  }

  /// Why a task with a known key is other work than the known one; nil when it is the same.
  private func conflict(_ slot: UInt32, _ work: TaskWork, _ inputs: [UInt32], label: String) -> FailureRecord? {
    let known = tasks[Int(slot)]
    // Scattered data is known by its content; a description of how to compute it is as good.
    if known.isData || (known.work == work && dependencies.rights(of: slot) == inputs) { return nil }
    return FailureRecord(
      .cannotRun, key: known.digest, label: label,
      message: "it has the key of \(labels[known.label]), which is other work: give it another name or version")
  }

  /// Data that a client brings. It is wanted by the client at once.
  mutating func scatter(_ value: ScatteredValue, from client: ClientID) {
    let slot: UInt32
    if let known = self.slot(of: value.digest) {
      slot = known
    } else {
      let label = labels.use(value.label)
      let open = OpenGraph(client: client, graph: 0, wanted: [], tasks: [], number: 0, order: 0)
      let submitted = SubmittedTask(digest: value.digest, label: label, work: .signal)
      slot = insert(submitted, .signal, label: label, traits: 0, open)
      labels.leave(label)
      tasks[Int(slot)].isData = true
    }
    if !wants.contains(slot, client.rawValue) { wants.add(slot, client.rawValue) }
    if tasks[Int(slot)].isData, tasks[Int(slot)].state == .failed {
      failures[slot] = nil
      move(slot, to: .released, .client)
    }
    guard tasks[Int(slot)].state == .released else { return }
    if let bytes = value.bytes { keepInline(slot, bytes) }
    let type = types.use(value.type)
    for worker in value.holders where Int(worker.rawValue) < workers.count && workers[Int(worker.rawValue)].isAlive {
      guard !holders.contains(slot, worker.rawValue) else { continue }
      holders.add(slot, worker.rawValue)
      workers[Int(worker.rawValue)].heldBytes += value.byteCount
      // The client knew no handle when it put the value there.
      outboxes[Int(worker.rawValue)].named.append(NamedTask(task: handle(of: slot), digest: value.digest))
    }
    if tasks[Int(slot)].hasInline || holders.count(ofLeft: slot) > 0 {
      enterMemory(slot, bytes: value.byteCount, type: type, .client)
    }
    types.leave(type)
  }

  // MARK: Uses of shared names

  /// The number of a function, counted as one use more.
  mutating func function(numbered function: FunctionName) -> UInt32 {
    let number = functions.use("\(function.name)\u{0}\(function.version)")
    while functionNames.count <= Int(number) { functionNames.append(nil) }
    functionNames[Int(number)] = function
    return number
  }

  private mutating func useWork(_ work: TaskWork) {
    switch work {
    case .call(let function, _): functions.use(function)
    case .literal(let type, _), .gather(let type): types.use(type)
    case .alias, .signal: break
    }
  }

  mutating func leaveWork(_ work: TaskWork) {
    switch work {
    case .call(let function, _): functions.leave(function)
    case .literal(let type, _), .gather(let type): types.leave(type)
    case .alias, .signal: break
    }
  }

  private mutating func use(traits new: WorkTraits) -> UInt32 {
    if let free = freeTraits.popLast() {
      traits[Int(free)] = new
      traitUses[Int(free)] = 1
      return free
    }
    traits.append(new)
    traitUses.append(1)
    return UInt32(traits.count - 1)
  }

  mutating func leaveTraits(_ number: UInt32) {
    guard number != 0 else { return }
    traitUses[Int(number)] -= 1
    guard traitUses[Int(number)] == 0 else { return }
    traits[Int(number)] = WorkTraits()
    freeTraits.append(number)
  }
}
