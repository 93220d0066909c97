import MartletBytes
import MartletProtocol

// A call that is run once on each worker: a task of its own for each, which no other worker may run and which ends with
// its worker.

extension SchedulerCore {
  /// Makes the tasks of a call on workers, wanted by the client, and names them.
  mutating func runOnWorkers(
    _ call: WorkersCall, _ client: ClientID, _ request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    func deny(_ reason: String) { actions.append(.tellClient(client, .denied(request: request, reason: reason))) }
    var chosen: [Int] = []
    for number in workers.indices where loads[number].isAlive && !loads[number].isRetiring {
      if call.workers.isEmpty || call.workers.contains(workers[number].name)
        || call.workers.contains(workers[number].address)
      {
        chosen.append(number)
      }
    }
    for name in call.workers where !chosen.contains(where: { workers[$0].name == name || workers[$0].address == name })
    {
      return deny("there is no worker \(name)")
    }
    if taskCount + chosen.count > settings.taskLimit { return deny("the scheduler knows too many tasks already") }
    let digests = chosen.map { call.digest.member(UInt64($0)) }
    if let known = digests.first(where: { slot(of: $0) != nil }) {
      return deny("the key \(known) is in use: every call on workers needs a key of its own")
    }
    let function = self.function(numbered: call.function)
    let label = labels.use(call.label)
    var slots: [UInt32] = []
    var named: [WorkersTask] = []
    for (number, digest) in zip(chosen, digests) {
      var demand = WorkTraits()
      demand.workers = [workers[number].address]
      demand.timeoutNanoseconds = call.timeoutNanoseconds
      // Before everything else, and never twice.
      demand.priority = Int16.max
      let trait = use(traits: demand)
      let slot = insert(
        digest, TaskKind(label: label, traits: trait, work: .call(function)), KeptBytes(call.arguments), owner: client,
        graph: 0,
        order: 0)
      leaveTraits(trait)
      tasks[Int(slot)].isBound = true
      tasks[Int(slot)].worker = UInt32(number)
      addWant(slot, client)
      slots.append(slot)
      named.append(WorkersTask(worker: workers[number].address, task: handle(of: slot), digest: digest))
    }
    functions.leave(function)
    labels.leave(label)
    actions.append(.tellClient(client, .onWorkers(request: request, named)))
    see(to: slots, for: client)
  }

  /// Fails a task that only one worker could run, when that worker is gone or cannot run it.
  mutating func failBound(_ slot: UInt32, _ reason: String) {
    fail(
      slot,
      FailureRecord(
        .cannotRun, key: tasks[Int(slot)].digest, label: labelText(of: slot), message: reason,
        attempts: UInt32(tasks[Int(slot)].attempts)), .noWorkerLeft)
  }
}
