import MartletProtocol

// Where a task runs.

extension SchedulerCore {
  /// Workers with room that are looked at for a task, besides those that hold its inputs.
  static let lookedAt = 8

  enum Place {
    case worker(UInt32)
    /// Workers could run it, but none has room now.
    case full
    /// No worker may run it.
    case impossible
  }

  /// The worker on which the task will end first, as far as one knows: work before it, and bytes to move to it. Among equal
  /// ones the one that holds less, then the lower number. Looks at those that hold its first inputs and at a few with room.
  mutating func place(_ slot: UInt32) -> Place {
    let kind = kinds[tasks[Int(slot)].kind]
    let isSuspect = tasks[Int(slot)].isSuspect
    let estimate = traits[Int(kind.traits)].estimatedResultBytes
    let expected = max(estimate, statistics.bytes(kind.label))
    let isPlain = !traits[Int(kind.traits)].isDemanding
    placing.begin(workers: workers.count)
    let inputBytes = addHolders(of: slot)
    let hasNoInputs = inputBytes < 0 && kind.traits == 0 && !isSuspect
    if hasNoInputs, let worker = neighbours.worker, neighbours.left > 0, loads[Int(worker)].isOpen,
      mayRun(Int(worker), kind), hasRoom(Int(worker), for: expected), hasMemory(Int(worker), for: expected)
    {
      neighbours.left -= 1
      return .worker(worker)
    }
    let isBlocking = traits[Int(kind.traits)].isBlocking
    if isBlocking, isPlain { addPatient() } else { addRoomy(kind, expected, isPlain: isPlain) }
    if inputBytes > 0 { creditHolders(of: slot) }
    let isSource = inputBytes < 0 || traits[Int(kind.traits)].isSource
    var best: (score: Int64, held: Int64, worker: UInt32)?
    for candidate in placing.candidates {
      let number = Int(candidate.worker)
      guard mayRun(number, kind) else { continue }
      guard loads[number].isOpen, isPlain || isFree(number, kind) else { continue }
      guard isBlocking ? patient.contains(candidate.worker) : hasRoom(number, for: expected) else { continue }
      if isSuspect, loads[number].processing + loads[number].blocking > 0 { continue }
      if isSource, !hasMemory(number, for: expected), assignments.count > assignments.suspendedCount { continue }
      let missing = max(0, inputBytes) &- candidate.heldBytes
      var score = loads[number].occupancyNanoseconds
      if loads[number].threads > 1 { score /= Int64(loads[number].threads) }
      // Those that wait do not wait for each other, but they should not all be on one machine.
      if isBlocking { score = Int64(loads[number].blocking) }
      if missing > 0 { score &+= Int64(Double(missing) * (1e9 / settings.bytesPerSecond)) }
      if let best, (best.score, best.held, best.worker) <= (score, loads[number].heldBytes, candidate.worker) {
        continue
      }
      best = (score, loads[number].heldBytes, candidate.worker)
    }
    if let best {
      if hasNoInputs { beginNeighbours(on: best.worker, of: slot) }
      return .worker(best.worker)
    }
    return workers.indices.contains { mayRun($0, kind) } ? .full : .impossible
  }

  /// Tasks without inputs that follow each other are mostly needed together: so each worker gets as many in a row as are its share of
  /// those that are ready.
  private mutating func beginNeighbours(on worker: UInt32, of slot: UInt32) {
    let ready = queues[Int(tasks[Int(slot)].owner)].count
    neighbours = (worker, ready / max(1, livingWorkerCount))
  }

  /// Adds holders of the first inputs to the candidates. The bytes of all inputs; -1 without any.
  private mutating func addHolders(of slot: UInt32) -> Int64 {
    var edge = tasks[Int(slot)].firstInput
    var bytes: Int64 = -1
    var looked = 0
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      if current.isOrderOnly { continue }
      bytes = max(0, bytes) &+ tasks[Int(current.input)].resultBytes
      looked += 1
      guard looked <= SchedulerCore.lookedAt else { continue }
      var pair = tasks[Int(current.input)].firstHolder
      var found = 0
      while pair != Relation.none, found < 4 {
        placing.add(holders.right(pair))
        pair = holders.nextOfLeft(pair)
        found += 1
      }
    }
    return bytes
  }

  /// Notes what the candidates hold of the inputs: of each at most 64 holders.
  private mutating func creditHolders(of slot: UInt32) {
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      if current.isOrderOnly { continue }
      var pair = tasks[Int(current.input)].firstHolder
      var found = 0
      while pair != Relation.none, found < 64 {
        placing.credit(holders.right(pair), tasks[Int(current.input)].resultBytes)
        pair = holders.nextOfLeft(pair)
        found += 1
      }
    }
  }

  /// Adds workers with room to the candidates, in turn: the hungry ones first. All that may run it are looked at for a task
  /// that not every worker can run.
  private mutating func addRoomy(_ kind: TaskKind, _ expected: Int64, isPlain: Bool) {
    if !isPlain {
      for number in workers.indices where loads[number].isOpen { placing.add(UInt32(number)) }
      return
    }
    var looked = 0
    while looked < min(SchedulerCore.lookedAt, hungry.count), let worker = hungry.next(from: cursor) {
      placing.add(worker)
      cursor = worker + 1
      looked += 1
    }
    guard expected <= SchedulerCore.shortBytes else { return }
    var others = 0
    while others < min(SchedulerCore.lookedAt - looked, roomy.count), let worker = roomy.next(from: cursor) {
      placing.add(worker)
      cursor = worker + 1
      others += 1
    }
  }

  /// Adds workers that take blocking tasks to the candidates, in turn.
  private mutating func addPatient() {
    for _ in 0..<min(2 * SchedulerCore.lookedAt, patient.count) {
      guard let worker = patient.next(from: cursor) else { return }
      placing.add(worker)
      cursor = worker + 1
    }
  }

  /// Whether the worker could run a task of the kind if it had nothing else to do.
  mutating func mayRun(_ number: Int, _ kind: TaskKind) -> Bool {
    guard loads[number].isAlive, !loads[number].isRetiring else { return false }
    if let function = kind.function {
      guard Int(function) < workers[number].functions.count, workers[number].functions[Int(function)] else {
        return false
      }
    }
    if kind.traits == 0 || !traits[Int(kind.traits)].isDemanding { return true }
    let demand = traits[Int(kind.traits)]
    let worker = workers[number]
    for need in demand.resources {
      guard let place = worker.resources.firstIndex(where: { $0.name == need.name }),
        worker.resources[place].amount >= need.amount
      else { return false }
    }
    if !demand.workers.isEmpty, !demand.workers.contains(worker.name), !demand.workers.contains(worker.address),
      !demand.workers.contains(worker.host)
    {
      guard demand.allowsOtherWorkers,
        !workers.indices.contains(where: { other in
          loads[other].isOpen
            && (demand.workers.contains(workers[other].name) || demand.workers.contains(workers[other].address))
        })
      else { return false }
    }
    return true
  }

  /// Whether the worker has its resources free now.
  func isFree(_ number: Int, _ kind: TaskKind) -> Bool {
    traits[Int(kind.traits)].resources.allSatisfy { need in
      guard let place = workers[number].resources.firstIndex(where: { $0.name == need.name }) else { return false }
      return workers[number].resources[place].amount - workers[number].occupied[place] >= need.amount
    }
  }

  /// Results of at most so many bytes count as small: a worker is given many tasks that give such ones.
  static let shortBytes: Int64 = 64 << 10

  /// Whether the worker should be given more: few tasks of unknown or long duration, many short ones, but large results
  /// count as long.
  func hasRoom(_ number: Int, for expectedBytes: Int64) -> Bool {
    loads[number].isHungry || (expectedBytes <= SchedulerCore.shortBytes && isRoomy(number))
  }

  private func isRoomy(_ number: Int) -> Bool {
    loads[number].processing < loads[number].threads + 512
      && loads[number].occupancyNanoseconds < Int64(loads[number].threads) * settings.queueNanoseconds
  }

  /// Enters the worker into the sets that it belongs to, after anything of its load has changed.
  mutating func classify(_ number: Int) {
    let isOpen = loads[number].isOpen
    hungry.set(UInt32(number), isOpen && loads[number].isHungry)
    roomy.set(UInt32(number), isOpen && isRoomy(number))
    idle.set(UInt32(number), isOpen && loads[number].processing == 0)
    patient.set(UInt32(number), isOpen && loads[number].blocking < settings.blockingTasks)
  }

  /// Whether a result of that size has room on the worker, with those that are expected already.
  private func hasMemory(_ number: Int, for bytes: Int64) -> Bool {
    loads[number].memoryLimit == 0
      || loads[number].heldBytes &+ loads[number].expectedBytes &+ bytes <= loads[number].memoryLimit / 10 * 6
  }
}

extension WorkTraits {
  /// Whether not every worker can run a task with these.
  fileprivate var isDemanding: Bool { !resources.isEmpty || !workers.isEmpty }
}
