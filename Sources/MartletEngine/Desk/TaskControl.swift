import MartletGraph

/// What the traits of the tasks of a run ask of the executor, and how often each was tried.
final class TaskControl: @unchecked Sendable {
  // Sendable: constant after `init`, but for `attempts`, which belongs to who has the task.

  /// What one task asks for.
  struct Entry {
    var priority: Int16 = 0
    /// Whether it runs on a thread of its own.
    var isBlocking = false
    /// Which of the demands for resources it has; -1 for none.
    var demand = -1
    var retry: RetryPolicy?
    var timeout: Duration?
    /// How often it was started.
    var attempts = 0
  }

  /// A set of resources that tasks need together.
  struct Demand: Hashable {
    /// By number of the resource; every resource once, amounts above 0.
    var needs: [Need]
    /// Whether the tasks run on threads of their own.
    var isBlocking: Bool
  }

  /// How much of a resource.
  struct Need: Hashable {
    var resource: Int
    var amount: Int
  }

  /// By task: its place in `entries`, or 0.
  private let places: UnsafeMutablePointer<UInt32>
  private let entries: UnsafeMutablePointer<Entry>
  private let entryCount: Int
  let hasPriorities: Bool
  /// Whether some task has to come to the desk before it runs.
  let hasHeldTasks: Bool
  let demands: [Demand]
  /// How much there is of each resource.
  let amounts: [Int]
  /// The first task in the static order that can never start, and why.
  let shortage: (task: Int, error: ResourceShortage)?

  /// Nil when no needed task asks for anything.
  ///
  /// - Parameter isSerial: One task runs after the other in the static order: nothing to choose, and nothing to wait for.
  init?(_ graph: TaskGraph, _ options: RunOptions, isSerial: Bool, isNeeded: (Int) -> Bool) {
    var entries = [Entry()]
    var tasks: [UInt32] = []
    var hasPriorities = false
    var resourceNumbers: [String: Int] = [:]
    var amounts: [Int] = []
    for (name, amount) in options.resources.sorted(by: { $0.key < $1.key }) {
      resourceNumbers[name] = amounts.count
      amounts.append(max(0, amount))
    }
    var demandNumbers: [Demand: Int] = [:]
    var demands: [Demand] = []
    var shortage: (task: Int, error: ResourceShortage)?
    for (task, traits) in graph.tasksWithTraits where isNeeded(Int(task)) {
      var entry = Entry()
      entry.retry = traits.retry.flatMap { $0.limit > 0 ? $0 : nil }
      entry.timeout = traits.timeout
      if !isSerial {
        entry.isBlocking = traits.isBlocking
        entry.priority = traits.priority
        if traits.priority != 0 { hasPriorities = true }
      }
      if !traits.resources.isEmpty {
        var needs: [Need] = []
        for need in TaskControl.sums(traits.resources) {
          if need.name == ResourceNeed.memory, resourceNumbers[need.name] == nil {
            resourceNumbers[need.name] = amounts.count
            amounts.append(options.memoryBudgetBytes ?? Int(clamping: MachineMemory.bytes()))
          }
          let number = resourceNumbers[need.name]
          if let number, need.amount <= amounts[number] {
            needs.append(Need(resource: number, amount: need.amount))
          } else if shortage == nil {
            shortage = (
              Int(task),
              ResourceShortage(
                resource: need.name, needed: need.amount, available: number.map { amounts[$0] })
            )
          }
        }
        if !isSerial {
          let demand = Demand(needs: needs.sorted { $0.resource < $1.resource }, isBlocking: traits.isBlocking)
          if demandNumbers[demand] == nil {
            demandNumbers[demand] = demands.count
            demands.append(demand)
          }
          entry.demand = demandNumbers[demand]!
        }
      }
      guard
        entry.retry != nil || entry.timeout != nil || entry.isBlocking || entry.priority != 0 || entry.demand >= 0
          || shortage != nil
      else { continue }
      entries.append(entry)
      tasks.append(task)
    }
    if tasks.isEmpty { return nil }
    places = .allocate(capacity: graph.count)
    places.initialize(repeating: 0, count: graph.count)
    for (place, task) in tasks.enumerated() { places[Int(task)] = UInt32(place + 1) }
    entryCount = entries.count
    self.entries = .allocate(capacity: entryCount)
    self.entries.initialize(from: entries, count: entryCount)
    self.hasPriorities = hasPriorities
    hasHeldTasks = entries.contains { $0.isBlocking || $0.demand >= 0 }
    self.demands = demands
    self.amounts = amounts
    self.shortage = shortage
  }

  deinit {
    places.deallocate()
    entries.deinitialize(count: entryCount)
    entries.deallocate()
  }

  /// What the task asks for; nil for nothing.
  @inline(__always)
  func entry(_ task: Int) -> UnsafeMutablePointer<Entry>? {
    places[task] == 0 ? nil : entries + Int(places[task])
  }

  /// Whether the task has to come to the desk before it runs.
  func isHeld(_ task: Int) -> Bool {
    guard let entry = entry(task) else { return false }
    return entry.pointee.isBlocking || entry.pointee.demand >= 0
  }

  /// Each resource once, in the order in which they were named.
  private static func sums(_ needs: [ResourceNeed]) -> [ResourceNeed] {
    var sums: [ResourceNeed] = []
    for need in needs {
      if let place = sums.firstIndex(where: { $0.name == need.name }) {
        let (sum, isTooMuch) = sums[place].amount.addingReportingOverflow(max(1, need.amount))
        sums[place].amount = isTooMuch ? .max : sum
      } else {
        sums.append(ResourceNeed(need.name, amount: need.amount))
      }
    }
    return sums
  }
}
