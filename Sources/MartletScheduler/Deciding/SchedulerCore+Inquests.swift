import MartletProtocol

/// A lost worker whose supervisor has not told yet what it died of. Those that may have run on it wait for the verdict: who is
/// given out again could end the next worker, and who did not run would be run alone for nothing.
struct Inquest {
  let worker: WorkerID
  /// What is known without a report.
  let death: WorkerDeath
  /// When the supervisor has taken too long.
  let deadline: Timestamp
  /// Who may have run, with the runs that ended there.
  let suspects: [TaskRun]
}

extension SchedulerCore {
  /// Holds the suspects back until the supervisor tells, or has taken too long. They wait already.
  mutating func openInquest(_ worker: WorkerID, _ death: WorkerDeath, _ suspects: [UInt32]) {
    var held: [TaskRun] = []
    for slot in suspects where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .waiting {
      tasks[Int(slot)].isDelayed = true
      held.append(TaskRun(task: handle(of: slot), run: RunID(rawValue: tasks[Int(slot)].run)))
    }
    inquests.append(
      Inquest(worker: worker, death: death, deadline: now + settings.reportNanoseconds, suspects: held))
  }

  /// A supervisor has told.
  mutating func conclude(_ report: PastDeath, _ actions: inout [SchedulerAction]) {
    guard report.epoch == settings.epoch, Int(report.worker.rawValue) < workers.count else { return }
    if loads[Int(report.worker.rawValue)].isAlive {
      // Its connection has not told yet that it is gone.
      lose(report.worker, report.death, started: report.running?.map(\.task), &actions)
      actions.append(.closeWorker(report.worker))
      return
    }
    guard let place = inquests.firstIndex(where: { $0.worker == report.worker }) else { return }
    let inquest = inquests.remove(at: place)
    actions.append(.log("\(report.worker) died of: \(report.death.cause)"))
    finish(inquest, report.death, guilty: report.running ?? inquest.suspects)
  }

  /// Whose supervisors have taken too long.
  mutating func concludeLateInquests() {
    while let inquest = inquests.first, inquest.deadline <= now {
      inquests.removeFirst()
      finish(inquest, inquest.death, guilty: inquest.suspects)
    }
  }

  private mutating func finish(_ inquest: Inquest, _ death: WorkerDeath, guilty: [TaskRun]) {
    for run in guilty {
      // A later run has been somewhere else, or is: what this one did counts all the same.
      guard let slot = slot(of: run.task), tasks[Int(slot)].state.isActive else { continue }
      blame(slot, death)
    }
    for run in inquest.suspects {
      guard let slot = slot(of: run.task), tasks[Int(slot)].state == .waiting, tasks[Int(slot)].isDelayed,
        tasks[Int(slot)].run == run.run.rawValue
      else { continue }
      tasks[Int(slot)].isDelayed = false
      if tasks[Int(slot)].unmet == 0 { makeReady(slot, .workerLost) }
    }
  }
}
