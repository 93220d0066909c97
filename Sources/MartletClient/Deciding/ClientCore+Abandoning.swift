import MartletProtocol

// Requests that nobody waits for any more. What was said cannot be unsaid: the scheduler is told that nobody waits, and what it has
// given in the same moment is given back. Every operation is answered once, so that nothing is left of it.

extension ClientCore {
  mutating func abandon(_ id: RequestID, _ actions: inout [ClientAction]) {
    guard let slot = requestsByID[id] else { return }
    let record = requests[Int(slot)]
    remove(slot, &actions)
    guard let wire = record.wire else { return }
    switch record.body {
    // The scheduler will name tasks, which this client then wants.
    case .subscribe: wireUses[wire] = .abandoned(nil, unwants: record.unwantsSaid)
    case .coordinate(let operation, _):
      switch operation {
      case .put, .take, .read, .wait, .acquire:
        wireUses[wire] = .abandoned(operation, unwants: record.unwantsSaid)
        tell(.abandon(request: wire), &actions)
      case .set, .unset, .signal, .renew, .giveBack, .publish, .listen: break
      }
    case .gather, .publish, .unpublish, .whoHas, .ask, .replicate, .rebalance, .retireWorkers, .runOnWorkers, .restart:
      break
    }
  }

  /// Gives back what came of an operation for nobody. What was taken from a queue becomes its newest.
  mutating func undo(_ operation: CoordinationRequest?, _ reply: CoordinationReply, _ actions: inout [ClientAction]) {
    switch (operation, reply) {
    case (.acquire(let semaphore, _, _, _, _), .lease(let lease, _)):
      carryOut(.giveBack(semaphore: semaphore, lease: lease), &actions)
    case (.take(let queue, _), .value(let value)):
      carryOut(.put(queue: queue, value: value, limit: 0, timeoutNanoseconds: .max), &actions)
    default: break
    }
  }

  /// Does something with what is shared, for nobody.
  private mutating func carryOut(_ operation: CoordinationRequest, _ actions: inout [ClientAction]) {
    let wire = wireNumber(for: .abandoned(operation, unwants: unwantsSaid))
    tell(.coordinate(request: wire, operation), &actions)
  }
}
