import MartletProtocol

// Workers that hand over what they hold before they end.

extension SchedulerCore {
  /// A client wants workers to end. None of them is told when one is not there.
  mutating func retire(
    _ names: [String], _ client: ClientID, _ request: UInt32, _ actions: inout [SchedulerAction]
  ) {
    var chosen: [Int] = []
    for name in names {
      let found = workers.indices.filter {
        loads[$0].isAlive && (workers[$0].name == name || workers[$0].address == name)
      }
      if found.isEmpty {
        return actions.append(.tellClient(client, .denied(request: request, reason: "there is no worker \(name)")))
      }
      chosen += found.filter { !loads[$0].isRetiring && !chosen.contains($0) }
    }
    // All of them first: none may be where the results of another one go.
    for number in chosen { loads[number].isRetiring = true }
    for number in chosen { beginToRetire(number, &actions) }
    actions.append(.tellClient(client, .answer(request: request, text: "\(chosen.count)")))
  }

  mutating func beginToRetire(_ number: Int, _ actions: inout [SchedulerAction]) {
    loads[number].isRetiring = true
    classify(number)
    workers[number].evacuatesAt = now
    retireIfEmpty(number, &actions)
  }

  /// Copies what only this worker holds to others.
  private mutating func evacuate(_ number: Int, _ actions: inout [SchedulerAction]) {
    let others = workers.indices.filter { loads[$0].isOpen }
    guard !others.isEmpty else {
      if loads[number].processing == 0 {
        actions.append(.log("worker \(number) wants to retire, but no other worker can take its results"))
      }
      return
    }
    // Each goes to the one that holds least, with what is on its way there.
    var targets = Heap<Int64>()
    for other in others { targets.push(loads[other].heldBytes + incoming(to: other), UInt32(other)) }
    for slot in holders.lefts(of: UInt32(number)) where hasOneHolder(slot) && !tasks[Int(slot)].hasInline {
      guard let target = targets.pop() else { return }
      targets.push(target.key + tasks[Int(slot)].resultBytes, target.number)
      list(Int(target.number))
      outboxes[Int(target.number)].fetch.append(
        InputRef(
          task: handle(of: slot), digest: tasks[Int(slot)].digest, run: RunID(rawValue: tasks[Int(slot)].run),
          byteCount: tasks[Int(slot)].resultBytes, holders: peers(of: slot)))
    }
  }

  private func incoming(to worker: Int) -> Int64 { outboxes[worker].fetch.reduce(0) { $0 + $1.byteCount } }

  /// Lets a retiring worker go when nothing depends on it any more.
  mutating func retireIfEmpty(_: Int, _ actions: inout [SchedulerAction]) {
    for number in workers.indices where loads[number].isAlive && loads[number].isRetiring {
      // Again and again: what ran has given results, workers have come, copies did not arrive.
      if workers[number].evacuatesAt <= now {
        workers[number].evacuatesAt = now + settings.evacuationNanoseconds
        evacuate(number, &actions)
      }
      guard assignments.first(of: UInt32(number)) == Assignments.none else { continue }
      let hasSole = holders.lefts(of: UInt32(number)).contains {
        hasOneHolder($0) && !tasks[Int($0)].hasInline
      }
      if hasSole { continue }
      let worker = WorkerID(rawValue: UInt32(number))
      actions.append(.tellWorker(worker, .retired))
      lose(
        worker, WorkerDeath(worker: workers[number].name, host: workers[number].host, cause: "it retired"), started: [],
        &actions)
    }
  }
}
