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
          client: client, graph: piece.graph, wanted: [], tasks: [], number: graphNumber(of: client),
          order: 0))
      if piece.isWatched { watches.begin(client, piece.graph, number: openGraphs[place].number) }
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
      watches.close(client, number: open.number)
      actions.append(.tellClient(client, .refused(graph: piece.graph, failure)))
      return
    }
    guard piece.isLast else { return }
    let open = openGraphs.remove(at: place)
    for slot in open.wanted { addWant(slot, client) }
    actions.append(.tellClient(client, .accepted(graph: piece.graph, wanted: open.wanted.map { handle(of: $0) })))
    see(to: open.wanted, for: client)
    // What no wanted task needs was sent for nothing.
    unpin(open)
    watches.close(client, number: open.number)
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
    tasks.reserve(piece.tasks.count - freeSlots.count)
    dependencies.reserve(piece.tasks.reduce(0) { $0 + $1.dependencies.count })
    var inputs: [UInt32] = []
    for submitted in piece.tasks {
      inputs.removeAll(keepingCapacity: true)
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
      let work: TaskKind.Work
      var data: [UInt8] = []
      switch submitted.work {
      case .call(let function, let arguments):
        work = .call(functionNumbers[Int(function)])
        data = arguments
      case .literal(let type, let bytes):
        work = .literal(typeNumbers[Int(type)])
        data = bytes
      case .gather(let element): work = .gather(typeNumbers[Int(element)])
      case .alias: work = .alias
      case .signal: work = .signal
      }
      if let known = slot(of: submitted.digest) {
        let kept = KeptBytes(data)
        let failure = conflict(known, work, kept, inputs, label: piece.labels[Int(submitted.label)])
        kept.forget()
        if let failure { return failure }
        slots.append(known)
        pin(known, open)
        continue
      }
      guard taskCount < settings.taskLimit, dependencies.count + inputs.count <= settings.dependencyLimit else {
        return FailureRecord(
          .cannotRun, key: submitted.digest, label: piece.labels[Int(submitted.label)],
          message: "the scheduler knows \(taskCount) tasks with \(dependencies.count) dependencies already: release "
            + "results, or send smaller graphs")
      }
      let number = submitted.traits == 0 ? 0 : traitNumbers[Int(submitted.traits) - 1]
      let kind = TaskKind(label: labelNumbers[Int(submitted.label)], traits: number, work: work)
      let slot = insert(
        submitted.digest, kind, KeptBytes(data), owner: openGraphs[open].client, graph: openGraphs[open].number,
        order: order(behind: inputs, in: open))
      dependencies.add(slot, inputs, orderOnlyCount: Int(submitted.orderOnlyCount), &tasks)
      openGraphs[open].order += 1
      pin(slot, open)
      slots.append(slot)
    }
    openGraphs[open].wanted += piece.wanted.map { slots[Int($0)] }
    for layer in piece.layers {
      let failure = expand(
        layer, label: labelNumbers[Int(layer.label)], labelText: piece.labels[Int(layer.label)],
        traits: layer.traits == 0 ? 0 : traitNumbers[Int(layer.traits) - 1],
        function: functionNumbers[Int(layer.function)], to: open)
      if let failure { return failure }
    }
    return nil
  }

  /// Orders a new graph among the others: those of tasks before those of programs, because somebody who has begun waits for
  /// them, and the youngest of those first, because the others wait for it in the end; of programs the oldest first.
  private mutating func graphNumber(of client: ClientID) -> UInt32 {
    guard clients[Int(client.rawValue)].isInside else {
      return 0x80_0000 | clients[Int(client.rawValue)].graphs & 0x7f_ffff
    }
    insideGraphs &+= 1
    return 0x7f_ffff - (insideGraphs & 0x7f_ffff)
  }

  mutating func pin(_ slot: UInt32, _ open: Int) {
    tasks[Int(slot)].pins += 1
    openGraphs[open].tasks.append(slot)
  }

  /// Adds a task that is not known; its inputs are the caller's to add.
  mutating func insert(
    _ digest: Digest128, _ kind: TaskKind, _ data: KeptBytes, owner: ClientID, graph: UInt32, order: UInt64
  ) -> UInt32 {
    let slot: UInt32
    if let old = freeSlots.popLast() {
      slot = old
    } else {
      slot = UInt32(tasks.count)
      tasks.append(TaskRecord(digest: digest, generation: 0))
    }
    var record = TaskRecord(digest: digest, generation: tasks[Int(slot)].generation)
    record.isUsed = true
    stateCounts[Int(record.state.rawValue)] += 1
    let (number, isNew) = kinds.use(kind)
    if isNew { useParts(of: kind) }
    record.kind = number
    record.arguments = data
    record.owner = owner.rawValue
    record.retriesLeft = traits[Int(kind.traits)].retries
    // The user's wish, then the graph, then the order inside of the graph.
    let wish = UInt64(Int64(Int16.max) - Int64(traits[Int(kind.traits)].priority))
    record.priority = wish &<< 48 | UInt64(graph & 0xff_ffff) &<< 24 | min(order, 0xff_ffff)
    tasks[Int(slot)] = record
    if !watches.isEmpty { watches.add(record) }
    table.insert(slot) { tasks[Int($0)].digest }
    return slot
  }

  /// Data that a client brings. It is wanted by the client at once.
  mutating func scatter(_ value: ScatteredValue, from client: ClientID) {
    let slot: UInt32
    if let known = self.slot(of: value.digest) {
      slot = known
    } else {
      let label = labels.use(value.label)
      let kind = TaskKind(label: label, traits: 0, work: .signal)
      slot = insert(value.digest, kind, .none, owner: client, graph: 0, order: 0)
      labels.leave(label)
      tasks[Int(slot)].isData = true
    }
    addWant(slot, client)
    if tasks[Int(slot)].isData, tasks[Int(slot)].state == .failed {
      failures[slot] = nil
      move(slot, to: .released, .client)
    }
    guard tasks[Int(slot)].state == .released else { return }
    if let bytes = value.bytes { keepInline(slot, bytes) }
    let type = types.use(value.type)
    for worker in value.holders where Int(worker.rawValue) < workers.count && loads[Int(worker.rawValue)].isAlive {
      guard !isHeld(slot, by: worker.rawValue) else { continue }
      holders.add(slot, worker.rawValue, first: &tasks[Int(slot)].firstHolder)
      loads[Int(worker.rawValue)].heldBytes += value.byteCount
      // The client knew no handle when it put the value there.
      list(Int(worker.rawValue))
      outboxes[Int(worker.rawValue)].named.append(NamedTask(task: handle(of: slot), digest: value.digest))
    }
    if tasks[Int(slot)].hasInline || tasks[Int(slot)].firstHolder != Relation.none {
      enterMemory(slot, bytes: value.byteCount, type: type, .client)
    } else {
      // The worker that has it is gone: it is lost, and who wants it is told so.
      request(slot, .client)
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

  private mutating func useParts(of kind: TaskKind) {
    labels.use(kind.label)
    if kind.traits != 0 { traitUses[Int(kind.traits)] += 1 }
    switch kind.work {
    case .call(let function): functions.use(function)
    case .block(let function, let prefix):
      functions.use(function)
      prefixes.use(prefix)
    case .literal(let type), .gather(let type): types.use(type)
    case .alias, .signal: break
    }
  }

  /// One task less of a kind.
  mutating func leaveKind(_ number: UInt32) {
    guard let kind = kinds.leave(number) else { return }
    labels.leave(kind.label)
    if !labels.isUsed(kind.label) { statistics.forget(kind.label) }
    leaveTraits(kind.traits)
    switch kind.work {
    case .call(let function): functions.leave(function)
    case .block(let function, let prefix):
      functions.leave(function)
      prefixes.leave(prefix)
    case .literal(let type), .gather(let type): types.leave(type)
    case .alias, .signal: break
    }
  }

  mutating func use(traits new: WorkTraits) -> UInt32 {
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
