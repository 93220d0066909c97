/// Ready tasks that wait for resources, and how much of each is free.
///
/// The first of all tasks that wait (by their keys) is never passed over: what it needs and is not there yet is kept for it.
/// So tasks with great needs start although smaller ones keep coming. Each step costs as much as there are different sets of
/// needs, however many tasks wait.
struct ResourceQueues {
  private let demands: [TaskControl.Demand]
  private(set) var free: [Int]
  /// By demand.
  private var waiting: [ReadyHeap]
  private(set) var count = 0

  init(_ control: TaskControl?) {
    demands = control?.demands ?? []
    free = control?.amounts ?? []
    waiting = Array(repeating: ReadyHeap(), count: demands.count)
  }

  /// A task has become ready.
  mutating func insert(_ key: UInt64, demand: Int) {
    waiting[demand].insert(key)
    count += 1
  }

  /// The first task that could start now, of those that run on threads of their own or of the others.
  func first(isBlocking: Bool) -> (key: UInt64, demand: Int)? {
    if count == 0 { return nil }
    var left = free
    let heads = waiting.indices.compactMap { demand in waiting[demand].first.map { (key: $0, demand: demand) } }
    for head in heads.sorted(by: { $0.key < $1.key }) {
      let demand = demands[head.demand]
      let fits = demand.needs.allSatisfy { $0.amount <= left[$0.resource] }
      if fits, demand.isBlocking == isBlocking { return head }
      // Kept for it, also against others behind it that would fit.
      for need in demand.needs { left[need.resource] = fits ? left[need.resource] - need.amount : 0 }
    }
    return nil
  }

  /// Takes what `first` found, with what it needs.
  mutating func start(_ head: (key: UInt64, demand: Int)) {
    _ = waiting[head.demand].removeFirst()
    count -= 1
    for need in demands[head.demand].needs { free[need.resource] -= need.amount }
  }

  /// A task that was started has ended or has to wait.
  mutating func release(demand: Int) {
    for need in demands[demand].needs { free[need.resource] += need.amount }
  }

  mutating func removeAll() {
    for demand in waiting.indices { waiting[demand].removeAll() }
    count = 0
  }
}
