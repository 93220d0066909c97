import MartletBytes
import MartletProtocol

extension SchedulerCore {
  /// Carries out an operation on something shared.
  mutating func coordinate(
    _ operation: CoordinationRequest, of member: Member, request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    let asker = Coordination.Asker(member: member, request: request)
    var outcomes: [Coordination.Outcome] = []
    if let task = operation.sharedTask, slot(of: task) == nil {
      let reason = "the task \(task) that is to be shared is not known (any more): share it before you release it"
      outcomes.append(asker.outcome(.denied(reason: reason)))
    } else {
      coordination.handle(operation, of: asker, at: now, &outcomes)
    }
    tell(outcomes, &actions)
  }

  /// Nobody waits for an operation any more.
  mutating func abandonCoordination(of member: Member, request: UInt32, _ actions: inout [SchedulerAction]) {
    var outcomes: [Coordination.Outcome] = []
    coordination.abandon(Coordination.Asker(member: member, request: request), at: now, &outcomes)
    tell(outcomes, &actions)
  }

  /// A member is gone.
  mutating func leaveCoordination(_ member: Member, _ actions: inout [SchedulerAction]) {
    var outcomes: [Coordination.Outcome] = []
    coordination.lose(member, at: now, &outcomes)
    tell(outcomes, &actions)
  }

  /// All tasks are forgotten: none is shared any more.
  mutating func dropSharedTasks(_ actions: inout [SchedulerAction]) {
    var outcomes: [Coordination.Outcome] = []
    coordination.dropTasks(&outcomes)
    tell(outcomes, &actions)
  }

  /// Ends what is over.
  mutating func passCoordination(_ actions: inout [SchedulerAction]) {
    var outcomes: [Coordination.Outcome] = []
    coordination.pass(to: now, &outcomes)
    tell(outcomes, &actions)
  }

  private mutating func tell(_ outcomes: [Coordination.Outcome], _ actions: inout [SchedulerAction]) {
    for outcome in outcomes {
      switch outcome.member {
      case .client(let client):
        // Who gets a task wants its result, as if he had asked for it.
        if case .value(.task(let task)) = outcome.reply, let slot = slot(of: task) {
          let named = NamedTask(task: task, digest: tasks[Int(slot)].digest)
          actions.append(.tellClient(client, .named(request: outcome.request, tasks: [named])))
          want(task, for: client)
        } else {
          actions.append(.tellClient(client, .coordinated(request: outcome.request, outcome.reply)))
        }
      case .worker(let worker):
        actions.append(.tellWorker(worker, .coordinated(request: outcome.request, outcome.reply)))
      }
    }
    settleShared()
  }

  /// Counts the tasks that are shared since the last look, and those that no longer are.
  private mutating func settleShared() {
    for task in coordination.kept { keep(task) }
    let left = coordination.left
    coordination.kept.removeAll(keepingCapacity: true)
    coordination.left.removeAll(keepingCapacity: true)
    for task in left { letGo(task) }
  }

  // MARK: Keeping

  /// Keeps a task's result whoever else wants it; computes it if nobody has yet.
  mutating func keep(_ task: TaskHandle) {
    guard let slot = slot(of: task) else { return }
    keeps[slot, default: 0] += 1
    tasks[Int(slot)].isKept = true
    if tasks[Int(slot)].state == .released { request(slot, .client) }
  }

  /// The opposite of `keep`.
  mutating func letGo(_ task: TaskHandle) {
    guard let slot = slot(of: task) else { return }
    let count = (keeps[slot] ?? 1) - 1
    keeps[slot] = count == 0 ? nil : count
    tasks[Int(slot)].isKept = count > 0
    unneeded.append(slot)
    settleUnneeded()
  }

  /// A client wants a task that is known: it is told of its result as if it had submitted it.
  mutating func want(_ task: TaskHandle, for client: ClientID) {
    guard let slot = slot(of: task), !isWanted(slot, by: client) else { return }
    addWant(slot, client)
    switch tasks[Int(slot)].state {
    case .released: request(slot, .client)
    case .memory: tell(client, slot)
    case .failed: if let failure = failures[slot] { failedForClients.append((client, handle(of: slot), failure)) }
    case .waiting, .ready, .noWorker, .processing: break
    }
  }
}

extension CoordinationRequest {
  /// The task whose result is shared by it.
  fileprivate var sharedTask: TaskHandle? {
    switch self {
    case .put(_, .task(let task), _, _), .set(_, .task(let task)): task
    default: nil
    }
  }
}
