import MartletProtocol

// What a worker is given, and what it takes of the worker.

extension SchedulerCore {
  mutating func assign(_ slot: UInt32, to worker: UInt32, isAhead: Bool = false) {
    let number = Int(worker)
    tasks[Int(slot)].run &+= 1
    if tasks[Int(slot)].attempts < UInt16.max { tasks[Int(slot)].attempts += 1 }
    tasks[Int(slot)].worker = worker
    move(slot, to: .processing, .assigned)
    let kind = kinds[tasks[Int(slot)].kind]
    let nanoseconds = statistics.nanoseconds(kind.label) ?? settings.unknownNanoseconds
    let bytes = max(traits[Int(kind.traits)].estimatedResultBytes, statistics.bytes(kind.label))
    tasks[Int(slot)].assignment = assignments.add(
      slot, to: worker, nanoseconds: nanoseconds, bytes: bytes, since: now,
      load: traits[Int(kind.traits)].isBlocking ? .blocking : .computing)
    book(tasks[Int(slot)].assignment, on: number, 1)
    if kind.traits != 0 { occupy(number, kind, 1) }
    if tasks[Int(slot)].isSuspect { loads[number].isIsolated = true }
    classify(number)
    list(number)
    if looksAhead { justAssigned.append(slot) }
    let record = tasks[Int(slot)]
    outboxes[number].compute.append(
      ComputeTask(
        task: handle(of: slot), run: RunID(rawValue: record.run), digest: record.digest, label: labels[kind.label],
        priority: record.priority, work: assigned(kind.work, record.arguments),
        timeoutNanoseconds: traits[Int(kind.traits)].timeoutNanoseconds,
        isBlocking: traits[Int(kind.traits)].isBlocking, resources: traits[Int(kind.traits)].resources,
        inputs: inputRefs(of: slot, for: worker)))
    guard isAhead else { return }
    tasks[Int(slot)].isAhead = true
    orderPushes(for: slot, on: worker)
  }

  /// What a worker is told of a task's inputs.
  private mutating func inputRefs(of slot: UInt32, for worker: UInt32) -> [InputRef] {
    var edge = tasks[Int(slot)].firstInput
    if edge == Dependencies.none { return [] }
    var count = 0
    while edge != Dependencies.none {
      if !dependencies[edge].isOrderOnly { count += 1 }
      edge = dependencies[edge].nextInput
    }
    var inputs: [InputRef] = []
    inputs.reserveCapacity(count)
    edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      if current.isOrderOnly { continue }
      inputs.append(inputRef(current.input, for: worker))
    }
    return inputs
  }

  /// What a worker is told of a result.
  mutating func inputRef(_ slot: UInt32, for worker: UInt32) -> InputRef {
    let input = tasks[Int(slot)]
    let handle = TaskHandle(slot: slot, generation: input.generation)
    let isExpected = input.state == .processing && input.worker != worker
    let delivery: InputDelivery = isExpected ? .expected : isPushed ? .pushed : .fetched
    let isNowhere = input.firstHolder == Relation.none && !input.hasInline
    if isNowhere || holders.contains(worker, from: input.firstHolder) {
      return InputRef(
        here: handle, digest: input.digest, run: RunID(rawValue: input.run), byteCount: input.resultBytes,
        delivery: delivery)
    }
    return InputRef(
      task: handle, digest: input.digest, run: RunID(rawValue: input.run), byteCount: input.resultBytes,
      holders: peers(of: slot), inline: inlines[input.inline], type: typeName(of: slot), delivery: delivery)
  }

  private mutating func assigned(_ work: TaskKind.Work, _ data: KeptBytes) -> AssignedWork {
    switch work {
    case .call(let function): .call(name(of: function), arguments: data.array)
    case .block(let function, _): .call(name(of: function), arguments: self.data(of: work, data))
    case .literal(let type): .literal(type: types[type], bytes: data.array)
    case .gather(let element): .gather(element: types[element])
    case .alias: .alias
    case .signal: .signal
    }
  }

  private mutating func name(of function: UInt32) -> FunctionName {
    functionNames[Int(function)] ?? FunctionName(name: "", version: 0)
  }

  /// Counts what an assignment takes of its worker, or no longer takes.
  private mutating func book(_ place: UInt32, on number: Int, _ sign: Int64) {
    let assignment = assignments[place]
    switch assignment.load {
    case .computing:
      loads[number].processing += Int(sign)
      loads[number].occupancyNanoseconds &+= sign * assignment.nanoseconds
      loads[number].expectedBytes &+= sign * assignment.bytes
    case .blocking:
      loads[number].blocking += Int(sign)
      loads[number].expectedBytes &+= sign * assignment.bytes
    case .suspended: loads[number].suspended += Int(sign)
    }
  }

  /// Bodies on a worker wait, or go on. What they need of its resources stays theirs.
  mutating func changeLoads(_ runs: [TaskRun], areSuspended: Bool, on worker: WorkerID) {
    let number = Int(worker.rawValue)
    for run in runs {
      guard let slot = slot(of: run.task), isCurrent(slot, run.run, worker) else { continue }
      let place = tasks[Int(slot)].assignment
      let load: Assignments.Load = areSuspended ? .suspended : traits(of: slot).isBlocking ? .blocking : .computing
      guard assignments[place].load != load else { continue }
      book(place, on: number, -1)
      assignments.change(place, to: load)
      book(place, on: number, 1)
      // It has waited for others, so it cannot be alone any more: nothing that it submits would run here.
      if areSuspended, tasks[Int(slot)].isSuspect {
        tasks[Int(slot)].isSuspect = false
        loads[number].isIsolated = false
      }
    }
    classify(number)
  }

  private mutating func occupy(_ number: Int, _ kind: TaskKind, _ sign: Int64) {
    for need in traits[Int(kind.traits)].resources {
      if let place = workers[number].resources.firstIndex(where: { $0.name == need.name }) {
        workers[number].occupied[place] += sign * need.amount
      }
    }
  }

  /// Takes a processing task from its worker; its state is the caller's to change.
  mutating func unassign(_ slot: UInt32, tellWorker: Bool) {
    let record = tasks[Int(slot)]
    let number = Int(record.worker)
    book(record.assignment, on: number, -1)
    if loads[number].isAwaited, hasLittle(number) { refills.append(record.worker) }
    assignments.remove(record.assignment, of: record.worker)
    tasks[Int(slot)].unmet = 0
    tasks[Int(slot)].isAhead = false
    let kind = kinds[record.kind]
    if kind.traits != 0 { occupy(number, kind, -1) }
    if record.isSuspect { loads[number].isIsolated = false }
    classify(number)
    tasks[Int(slot)].isBeingStolen = false
    guard tellWorker, loads[number].isAlive else { return }
    let run = TaskRun(task: handle(of: slot), run: RunID(rawValue: record.run))
    // What was not sent yet need not be taken back.
    if let place = outboxes[number].compute.lastIndex(where: { $0.task == run.task && $0.run == run.run }) {
      outboxes[number].compute.remove(at: place)
    } else {
      list(number)
      outboxes[number].cancel.append(run)
    }
  }
}
