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
      workers[Int(inquest.worker.rawValue)].blamed = inquest.suspects
      workers[Int(inquest.worker.rawValue)].blame = inquest.death
      finish(inquest, inquest.death, guilty: inquest.suspects)
    }
  }

  /// Remembers who is blamed for the loss of a worker, in case it comes back.
  mutating func note(_ suspects: [UInt32], for worker: Int, _ death: WorkerDeath) {
    workers[worker].blamed = suspects.map {
      TaskRun(task: handle(of: $0), run: RunID(rawValue: tasks[Int($0)].run))
    }
    workers[worker].blame = death
  }

  /// A worker comes back whose connection was lost, or is not known to be: its process lives, so nobody has killed it. It is
  /// known by its name and address, and that it had a session with this scheduler.
  mutating func acquit(_ registration: WorkerRegistration, _ actions: inout [SchedulerAction]) {
    guard
      let number = workers.indices.last(where: {
        workers[$0].address == registration.address && workers[$0].name == registration.name
      })
    else { return }
    let worker = WorkerID(rawValue: UInt32(number))
    if loads[number].isAlive {
      let death = WorkerDeath(worker: registration.name, host: registration.host, cause: "it has another connection")
      lose(worker, death, started: [], &actions)
      actions.append(.closeWorker(worker))
      return
    }
    if let place = inquests.firstIndex(where: { $0.worker == worker }) {
      let inquest = inquests.remove(at: place)
      finish(inquest, inquest.death, guilty: [])
    }
    guard let blame = workers[number].blame else { return }
    for run in workers[number].blamed {
      guard let slot = slot(of: run.task), let place = deathsByTask[slot]?.firstIndex(of: blame) else { continue }
      deathsByTask[slot]?.remove(at: place)
      if tasks[Int(slot)].deaths > 0 { tasks[Int(slot)].deaths -= 1 }
      guard tasks[Int(slot)].deaths == 0 else { continue }
      deathsByTask[slot] = nil
      // Where it runs already, its worker is kept for it alone until it has ended.
      if tasks[Int(slot)].state != .processing { tasks[Int(slot)].isSuspect = false }
    }
    workers[number].blamed = []
    workers[number].blame = nil
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
