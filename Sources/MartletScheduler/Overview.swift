package import MartletProtocol

/// How many tasks of a label are in each state.
package struct LabelOverview: Equatable, Sendable {
  package let label: String
  /// By the number of the state.
  package let counts: [Int]
  /// Bytes of their results in memory, each counted once.
  package let resultBytes: Int64

  /// The number of its tasks in a state.
  package func count(_ state: TaskState) -> Int { counts[Int(state.rawValue)] }

  /// The number of its tasks.
  package var total: Int { counts.reduce(0, +) }
}

extension SchedulerCore {
  /// The number of tasks in a state.
  package func count(_ state: TaskState) -> Int { stateCounts[Int(state.rawValue)] }

  /// Whether work is under way or waits for something.
  package var hasWork: Bool { TaskState.allCases.contains { $0.isActive && count($0) > 0 } }

  /// The workers that are there, by number.
  package var livingWorkers: [(id: WorkerID, record: WorkerRecord)] {
    workers.indices.compactMap { number in
      guard loads[number].isAlive else { return nil }
      var record = workers[number]
      record.load = loads[number]
      return (WorkerID(rawValue: UInt32(number)), record)
    }
  }

  /// The number of clients that are there.
  package var livingClientCount: Int { clients.count(where: \.isAlive) }

  /// Bytes of small results that are kept here.
  package var keptInlineBytes: Int { inlines.bytes }

  /// The tasks by label, those with most tasks first. Looks at every task: some 10 ms for a million.
  package func overviewByLabel() -> [LabelOverview] {
    let states = TaskState.allCases.count
    var counts: [Int] = []
    var bytes: [Int64] = []
    for slot in tasks.indices where tasks[slot].isUsed {
      let task = tasks[slot]
      let label = Int(kinds[task.kind].label)
      while bytes.count <= label {
        counts.append(contentsOf: repeatElement(0, count: states))
        bytes.append(0)
      }
      counts[label * states + Int(task.state.rawValue)] += 1
      if task.state == .memory { bytes[label] &+= task.resultBytes }
    }
    var found: [LabelOverview] = []
    for label in bytes.indices {
      let own = Array(counts[(label * states)..<((label + 1) * states)])
      if own.contains(where: { $0 > 0 }) {
        found.append(LabelOverview(label: labels[UInt32(label)], counts: own, resultBytes: bytes[label]))
      }
    }
    return found.sorted { ($1.total, $0.label) < ($0.total, $1.label) }
  }
}
