import MartletProtocol

// A worker that has computed all it had hears of its next tasks only after the scheduler has heard of the last ones: two
// messages and four wake-ups, as long as several short tasks. So a task all of whose missing inputs are being computed by one
// worker is given to that one, which knows by itself when its own results are there. With `givesAheadAcross` several workers may
// compute them: small results of the others it is sent by those, which were told so, and what it was not sent the scheduler tells it,
// when it knows.
//
// Such a task is `processing`, and `isAhead` until the scheduler knows of all its inputs. If one of them is not computed
// after all (it failed, was stolen, or its worker is lost), the task is taken back.

extension SchedulerCore {
  /// Dependents of a task that are looked at, and inputs of a dependent.
  private static let lookedAtAhead = 32
  /// Tasks that wait for one worker to have less in hand.
  private static let mostAwaiting = 64

  /// Whether tasks are given out ahead at all. Not among so many that each look at a neighbour is a cache miss: that costs 300 ns
  /// a transition, which is more than it saves.
  @inline(__always)
  var looksAhead: Bool { tasks.count <= SchedulerCore.smallTable && settings.aheadNanoseconds > 0 }

  private func aheadLimit(_ number: Int) -> Int64 { Int64(loads[number].threads) * settings.aheadNanoseconds }

  /// Whether a worker has so little in hand that it should know what comes next.
  private func takesAhead(_ number: Int) -> Bool { loads[number].occupancyNanoseconds < aheadLimit(number) }

  /// Whether it is time to give it more: when half is done, so that it is given many tasks with one message.
  func hasLittle(_ number: Int) -> Bool { loads[number].occupancyNanoseconds <= aheadLimit(number) / 2 }

  /// Gives out the dependents of what was just given out, and what had to wait for workers that have less in hand now; and so
  /// on. Not before tasks that are ready.
  mutating func assignAhead() {
    if justAssigned.isEmpty, refills.isEmpty { return }
    defer {
      justAssigned.removeAll(keepingCapacity: true)
      refills.removeAll(keepingCapacity: true)
    }
    guard queuedClients.isEmpty else { return }
    var found: [UInt32] = []
    for worker in refills { takeAwaiting(Int(worker), &found) }
    // What one round gives out is looked at in the next one.
    var place = 0
    while place < justAssigned.count || !found.isEmpty {
      let end = justAssigned.count
      while place < end {
        addDependents(of: justAssigned[place], &found)
        place += 1
      }
      found.sort { (tasks[Int($0)].priority, $0) < (tasks[Int($1)].priority, $1) }
      for slot in found {
        // One that two inputs lead to was given out already.
        guard tasks[Int(slot)].isUsed, tasks[Int(slot)].state == .waiting, let worker = workerAhead(of: slot) else {
          continue
        }
        guard takesAhead(Int(worker)) else {
          awaitWorker(Int(worker), slot)
          continue
        }
        move(slot, to: .ready, .assigned)
        assign(slot, to: worker, isAhead: true)
      }
      found.removeAll(keepingCapacity: true)
    }
  }

  private mutating func takeAwaiting(_ number: Int, _ found: inout [UInt32]) {
    guard loads[number].isAwaited else { return }
    loads[number].isAwaited = false
    found += workers[number].awaiting
    workers[number].awaiting.removeAll(keepingCapacity: true)
  }

  /// Notes a task for when the worker has less in hand. One that finds no place becomes ready in time.
  private mutating func awaitWorker(_ number: Int, _ slot: UInt32) {
    guard workers[number].awaiting.count < SchedulerCore.mostAwaiting else { return }
    workers[number].awaiting.append(slot)
    loads[number].isAwaited = true
  }

  private mutating func addDependents(of slot: UInt32, _ found: inout [UInt32]) {
    guard tasks[Int(slot)].state == .processing else { return }
    var edge = tasks[Int(slot)].firstDependent
    var looked = 0
    while edge != Dependencies.none, looked < SchedulerCore.lookedAtAhead {
      let dependent = dependencies[edge].dependent
      edge = dependencies[edge].nextDependent
      looked += 1
      if tasks[Int(dependent)].state == .waiting, areInputsGivenOut(of: dependent) { found.append(dependent) }
    }
  }

  /// Whether all inputs of a task are there or being computed: most dependents of what was given out wait for others, too.
  private mutating func areInputsGivenOut(of slot: UInt32) -> Bool {
    var edge = tasks[Int(slot)].firstInput
    var looked = 0
    while edge != Dependencies.none, looked < SchedulerCore.lookedAtAhead {
      let current = dependencies[edge]
      edge = current.nextInput
      looked += 1
      switch tasks[Int(current.input)].state {
      case .memory, .processing: continue
      case .released, .waiting, .ready, .noWorker, .failed: return false
      }
    }
    return true
  }

  /// The worker that a waiting task can be given to: the one that computes or holds most of its inputs. Nil when one of them is
  /// not even computed, or the task should be placed with a view of all workers when its time has come.
  private mutating func workerAhead(of slot: UInt32) -> UInt32? {
    let record = tasks[Int(slot)]
    let kind = kinds[record.kind]
    guard kind.traits == 0, kind.function != nil, !record.isDelayed, !record.isSuspect, !record.isBound else {
      return nil
    }
    var count = 0
    var first: UInt32?
    var isSeveral = false
    var edge = record.firstInput
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      count += 1
      guard count <= SchedulerCore.lookedAtAhead else { return nil }
      let input = tasks[Int(current.input)]
      if input.state == .memory { continue }
      // The worker does not know what a task only comes after.
      guard input.state == .processing, !current.isOrderOnly, !input.isBeingStolen, !input.isSuspect else { return nil }
      if let first, first != input.worker { isSeveral = true }
      first = first ?? input.worker
    }
    if isSeveral, !settings.givesAheadAcross { return nil }
    guard let worker = isSeveral ? workerOfMost(record.firstInput) : first, loads[Int(worker)].isOpen,
      mayRun(Int(worker), kind),
      hasRoom(Int(worker), for: statistics.bytes(kind.label)),
      awayBytes(of: slot, worker) <= SchedulerCore.shortBytes
    else { return nil }
    return worker
  }

  /// Of the workers that compute inputs the one that computes or holds most of them.
  private mutating func workerOfMost(_ firstInput: UInt32) -> UInt32? {
    placing.begin(workers: workers.count)
    var edge = firstInput
    while edge != Dependencies.none {
      let input = tasks[Int(dependencies[edge].input)]
      edge = dependencies[edge].nextInput
      guard input.state == .processing else { continue }
      placing.add(input.worker)
      placing.credit(input.worker, 1)
    }
    creditHeld(by: firstInput)
    var best: (inputs: Int64, occupancy: Int64, worker: UInt32)?
    for candidate in placing.candidates {
      let occupancy = loads[Int(candidate.worker)].occupancyNanoseconds
      if let best, (-best.inputs, best.occupancy, best.worker) <= (-candidate.heldBytes, occupancy, candidate.worker) {
        continue
      }
      best = (candidate.heldBytes, occupancy, candidate.worker)
    }
    return best?.worker
  }

  /// Counts what the candidates hold already.
  private mutating func creditHeld(by first: UInt32) {
    var edge = first
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      guard tasks[Int(current.input)].state == .memory, !current.isOrderOnly else { continue }
      for place in placing.candidates.indices where isHeld(current.input, by: placing.candidates[place].worker) {
        placing.candidates[place].heldBytes += 1
      }
    }
  }

  /// Bytes of inputs that another worker holds or is expected to give.
  private mutating func awayBytes(of slot: UInt32, _ worker: UInt32) -> Int64 {
    var bytes: Int64 = 0
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      let input = tasks[Int(current.input)]
      if current.isOrderOnly { continue }
      if input.state == .memory {
        if !isHeld(current.input, by: worker) { bytes &+= input.resultBytes }
      } else if input.worker != worker {
        bytes &+= statistics.bytes(kinds[input.kind].label)
      }
    }
    return bytes
  }

  /// Lets those that compute a task's inputs send them to its worker.
  mutating func orderPushes(for slot: UInt32, on worker: UInt32) {
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      let current = dependencies[edge]
      edge = current.nextInput
      let input = tasks[Int(current.input)]
      guard input.state == .processing, input.worker != worker,
        statistics.bytes(kinds[input.kind].label) <= WireLimits.inlineResultBytes
      else { continue }
      list(Int(input.worker))
      for peer in workers[Int(worker)].peers {
        outboxes[Int(input.worker)].push.append(PushOrder(task: handle(of: current.input), to: peer))
      }
    }
  }

  /// Whether something was given out ahead because of a task: it should stay where it is.
  func leadsAhead(_ slot: UInt32) -> Bool {
    var edge = tasks[Int(slot)].firstDependent
    var looked = 0
    while edge != Dependencies.none, looked < SchedulerCore.lookedAtAhead {
      if tasks[Int(dependencies[edge].dependent)].isAhead { return true }
      edge = dependencies[edge].nextDependent
      looked += 1
    }
    return false
  }

  /// An input of a task that was given out ahead has come.
  mutating func noteInput(_ input: UInt32, of slot: UInt32) {
    if unmetInputs(of: slot) == 0 { tasks[Int(slot)].isAhead = false }
    let worker = tasks[Int(slot)].worker
    guard !isHeld(input, by: worker) else { return }
    list(Int(worker))
    // Several tasks of a worker may need it.
    if outboxes[Int(worker)].inputs.last?.task == handle(of: input) { return }
    outboxes[Int(worker)].inputs.append(inputRef(input, for: worker))
  }

  /// The result of a task is lost, or it is not where it was any more and has no result: what was given out ahead because of it
  /// is taken back.
  mutating func takeBackAhead(of first: UInt32) {
    var stack = [first]
    while let slot = stack.popLast() {
      var edge = tasks[Int(slot)].firstDependent
      while edge != Dependencies.none {
        let dependent = dependencies[edge].dependent
        edge = dependencies[edge].nextDependent
        guard tasks[Int(dependent)].isAhead else { continue }
        unassign(dependent, tellWorker: true)
        tasks[Int(dependent)].attempts -= 1
        move(dependent, to: .waiting, .inputLost)
        tasks[Int(dependent)].unmet = unmetInputs(of: dependent)
        stack.append(dependent)
      }
    }
  }
}
