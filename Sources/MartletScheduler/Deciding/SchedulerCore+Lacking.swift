import MartletProtocol

// Functions that no worker knows: a task that calls one would wait without end.

extension SchedulerCore {
  /// Fails tasks whose functions no worker has known for a while, although workers are there. Until then one that has crashed
  /// may come back. Tasks that wait for resources, or for certain workers, wait on.
  mutating func failLacking() {
    guard now - lackingLookedAt >= SchedulerCore.lackingIntervalNanoseconds else { return }
    lackingLookedAt = now
    if count(.noWorker) == 0 || livingWorkerCount == 0 {
      lackingSince = [:]
      return
    }
    // Functions in the order in which tasks without workers name them.
    var lacking: [UInt32] = []
    var slots: [UInt32] = []
    for slot in unplaceable where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .noWorker {
      guard let function = kinds[tasks[Int(slot)].kind].function, !isKnown(function) else { continue }
      if !lacking.contains(function) { lacking.append(function) }
      slots.append(slot)
    }
    var since: [UInt32: Timestamp] = [:]
    for function in lacking { since[function] = lackingSince[function] ?? now }
    lackingSince = since
    for slot in slots where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .noWorker {
      guard let function = kinds[tasks[Int(slot)].kind].function, let begin = since[function],
        now - begin >= settings.lackingPatienceNanoseconds
      else { continue }
      let name = functionNames[Int(function)].map { "\($0.name) version \($0.version)" } ?? "of the task"
      fail(
        slot,
        FailureRecord(
          .cannotRun, key: tasks[Int(slot)].digest, label: labelText(of: slot),
          message:
            "no worker knows the function \(name), \(livingWorkerCount) are there: register it on workers before they "
            + "start, or load the plug-in that has it",
          attempts: UInt32(tasks[Int(slot)].attempts)), .noWorkerLeft)
    }
  }

  private func isKnown(_ function: UInt32) -> Bool {
    workers.indices.contains { number in
      loads[number].isAlive && Int(function) < workers[number].functions.count
        && workers[number].functions[Int(function)]
    }
  }

  /// How often tasks without workers are looked through.
  private static let lackingIntervalNanoseconds: Int64 = 500_000_000
}
