import MartletBytes
package import MartletProtocol

/// Tasks that no worker may run for the same reason, since when, and when that is said next.
struct Stranded: Sendable {
  /// What they have in common; tasks of different graphs may.
  struct Cause: Hashable, Sendable {
    let label: UInt32
    let function: UInt32?
    let traits: WorkTraits
  }

  var since: Timestamp
  var nextNotice: Timestamp
  /// How long until the notice behind the next one.
  var interval: Int64
}

// Tasks that wait for a worker that is not there: one of a name, or with a resource. They wait as long as it takes, because workers
// come; but somebody has to be told, else it looks as if nothing was wrong. Their stories say it at any time; the log and the
// clients hear of it after some seconds, and then each time when the wait has doubled.

extension SchedulerCore {
  /// Looks at tasks that no worker may run: tells of those that wait for long, fails those that should not wait so long.
  mutating func tendStranded(_ actions: inout [SchedulerAction]) {
    guard now - strandedLookedAt >= SchedulerCore.strandedIntervalNanoseconds else { return }
    strandedLookedAt = now
    if count(.noWorker) == 0 {
      if !stranded.isEmpty { stranded = [:] }
      if !impatient.isEmpty { impatient = [:] }
      return
    }
    let groups = strandedGroups
    var notices: [(client: UInt32, tasks: StrandedTasks)] = []
    var still: [Stranded.Cause: Stranded] = [:]
    for (cause, slots) in groups {
      var entry =
        stranded[cause]
        ?? Stranded(
          since: now, nextNotice: now + settings.strandedNanoseconds, interval: settings.strandedNanoseconds)
      if entry.nextNotice <= now {
        notices += self.notices(slots, entry, &actions)
        entry.nextNotice = now + entry.interval
        entry.interval *= 2
      }
      still[cause] = entry
    }
    stranded = still
    for client in Set(notices.map(\.client)).sorted() where clients[Int(client)].isAlive {
      let own = notices.filter { $0.client == client }.map(\.tasks)
      actions.append(.tellClient(ClientID(rawValue: client), .stranded(own)))
    }
    failImpatient(groups.flatMap(\.slots))
  }

  /// The tasks that no worker may run, by cause, in the order in which they are listed.
  private var strandedGroups: [(cause: Stranded.Cause, slots: [UInt32])] {
    var groups: [(cause: Stranded.Cause, slots: [UInt32])] = []
    var places: [Stranded.Cause: Int] = [:]
    var placesByKind: [UInt32: Int] = [:]
    var seen: Set<UInt32> = []
    for slot in unplaceable where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .noWorker {
      guard seen.insert(slot).inserted else { continue }
      let kind = tasks[Int(slot)].kind
      let place: Int
      if let known = placesByKind[kind] {
        place = known
      } else {
        let cause = cause(of: kind)
        place = places[cause] ?? groups.count
        if place == groups.count { groups.append((cause, [])) }
        places[cause] = place
        placesByKind[kind] = place
      }
      groups[place].slots.append(slot)
    }
    return groups
  }

  private func cause(of kind: UInt32) -> Stranded.Cause {
    Stranded.Cause(
      label: kinds[kind].label, function: kinds[kind].function, traits: traits[Int(kinds[kind].traits)])
  }

  /// What is said of the tasks of a cause: a line for the log, and something for each client whose graphs have them.
  private func notices(
    _ slots: [UInt32], _ entry: Stranded, _ actions: inout [SchedulerAction]
  ) -> [(client: UInt32, tasks: StrandedTasks)] {
    let kind = self.tasks[Int(slots[0])].kind
    let reason = lack(of: kinds[kind])
    let label = labels[kinds[kind].label]
    let tasks = slots.count == 1 ? "1 task" : "\(slots.count) tasks"
    actions.append(.log("\(label): \(tasks) wait since \((now - entry.since) / 1_000_000_000) s: \(reason)"))
    var counts: [UInt32: UInt32] = [:]
    for slot in slots { counts[self.tasks[Int(slot)].owner, default: 0] += 1 }
    return counts.keys.sorted().map { client in
      (
        client,
        StrandedTasks(label: label, count: counts[client] ?? 0, nanoseconds: now - entry.since, reason: reason)
      )
    }
  }

  /// Fails those that have waited for as long as they should.
  private mutating func failImpatient(_ slots: [UInt32]) {
    var waiting: [UInt32: Timestamp] = [:]
    var failed: [UInt32] = []
    for slot in slots {
      let patience = traits(of: slot).workerPatienceNanoseconds
      guard patience > 0 else { continue }
      let since = impatient[slot] ?? now
      if now - since >= patience { failed.append(slot) } else { waiting[slot] = since }
    }
    impatient = waiting
    for slot in failed where tasks[Int(slot)].isUsed && tasks[Int(slot)].state == .noWorker {
      let patience = Double(traits(of: slot).workerPatienceNanoseconds / 1_000_000) / 1000
      fail(
        slot,
        FailureRecord(
          .cannotRun, key: tasks[Int(slot)].digest, label: labelText(of: slot),
          message:
            "no worker that may run it has come within \(patience) s: it \(lack(of: kinds[tasks[Int(slot)].kind]))",
          attempts: UInt32(tasks[Int(slot)].attempts)), .noWorkerLeft)
    }
  }

  /// What a task of this kind needs that no worker has, as the end of a sentence about it.
  func lack(of kind: TaskKind) -> String {
    let living = workers.indices.filter { loads[$0].isAlive && !loads[$0].isRetiring }
    if living.isEmpty { return "needs a worker, and there is none" }
    if let function = kind.function,
      !living.contains(where: { Int(function) < workers[$0].functions.count && workers[$0].functions[Int(function)] })
    {
      let name = functionNames[Int(function)].map { "\($0.name) version \($0.version)" } ?? "?"
      return "needs the function \(name), which no worker knows"
    }
    let demand = traits[Int(kind.traits)]
    for need in demand.resources {
      let most = living.compactMap { number in
        workers[number].resources.first { $0.name == need.name }?.amount
      }.max()
      guard let most else { return "needs \(need.name)=\(need.amount), no worker has it" }
      if most < need.amount { return "needs \(need.name)=\(need.amount), no worker has more than \(most)" }
    }
    let named = living.filter { number in
      demand.workers.contains {
        $0 == workers[number].name || $0 == workers[number].address || $0 == workers[number].host
      }
    }
    let names = demand.workers.joined(separator: ", ")
    if !demand.workers.isEmpty, named.isEmpty { return "may run on \(names), not one of them is there" }
    let needs = demand.resources.map { "\($0.name)=\($0.amount)" }.joined(separator: " and ")
    if !demand.workers.isEmpty { return "may run on \(names), and needs \(needs.isEmpty ? "a function" : needs) there" }
    return "needs \(needs) on one worker that knows its function, none has all of that"
  }

  /// What a task that is not done waits for, where that is a worker that is not there: a line for each of the first few tasks
  /// among those that it needs. Looks at some thousand tasks at most.
  func plight(of digest: Digest128) -> [String] {
    guard let first = slot(of: digest), tasks[Int(first)].state.isActive else { return [] }
    if count(.noWorker) == 0 { return [] }
    var seen: Set<UInt32> = [first]
    var stack = [first]
    var lines: [String] = []
    while let slot = stack.popLast(), lines.count < 3 {
      let task = tasks[Int(slot)]
      if task.state == .noWorker {
        let since = stranded[cause(of: task.kind)].map { now - $0.since } ?? 0
        let name = slot == first ? "" : "\(labelText(of: slot)) \(task.digest) "
        lines.append("\(name)waits since \(since / 1_000_000_000) s: \(lack(of: kinds[task.kind]))")
      }
      guard task.state == .waiting, seen.count < 10_000 else { continue }
      for input in inputs(of: slot) where tasks[Int(input)].state.isActive && seen.insert(input).inserted {
        stack.append(input)
      }
    }
    return lines
  }

  /// The tasks that no worker may run: their labels, how many, for how long, and why. In the order of the labels.
  package var strandedTasks: [StrandedTasks] {
    strandedGroups.map { cause, slots in
      StrandedTasks(
        label: labels[cause.label], count: UInt32(clamping: slots.count),
        nanoseconds: stranded[cause].map { now - $0.since } ?? 0, reason: lack(of: kinds[tasks[Int(slots[0])].kind]))
    }.sorted { ($0.label, $0.reason) < ($1.label, $1.reason) }
  }

  /// How often tasks without workers are looked through.
  private static let strandedIntervalNanoseconds: Int64 = 500_000_000
}
