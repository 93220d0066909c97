import MartletProtocol

// The cluster is started anew: nothing that this worker has, or does, is of use any more.

extension WorkerCore {
  /// Drops all results, gives up what has not begun, and disowns what runs. The session is over with it; a later one begins with
  /// nothing. Bodies that do not heed their cancellation run on where the process does: for nobody.
  mutating func restart(_ reason: String, _ actions: inout [WorkerAction]) {
    loseScheduler(&actions)
    for execution in executions where execution.isUsed && execution.slot != TaskRecord.none {
      disown(execution.slot, &actions)
    }
    for slot in tasks.indices { tasks[slot].isKept = false }
    settleAll(&actions)
    actions.append(.restart(reason: reason))
  }
}
