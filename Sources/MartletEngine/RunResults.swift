public import MartletGraph

/// The results of the outputs of a run.
public struct RunResults: Sendable {
  private final class Storage: @unchecked Sendable {
    // Sendable: constant after `init`.
    let slots: UnsafeMutablePointer<Slot>
    let tasks: [UInt32]

    init(tasks: [UInt32], from slots: UnsafeMutablePointer<Slot>) {
      self.tasks = tasks
      self.slots = .allocate(capacity: tasks.count)
      for (place, task) in tasks.enumerated() {
        self.slots[place] = slots[Int(task)]
        slots[Int(task)] = Slot()
      }
    }

    deinit {
      for place in tasks.indices { slots[place].clear() }
      slots.deallocate()
    }
  }

  private let graph: TaskGraph
  private let storage: Storage
  /// The most that results took in memory at one time, in bytes; nil when the run had no memory budget.
  public let peakResultBytes: Int?

  /// Takes the results of `outputs` out of `slots`.
  package init(_ graph: TaskGraph, _ outputs: [AnyNode], from slots: UnsafeMutablePointer<Slot>, peakResultBytes: Int?)
  {
    self.graph = graph
    self.peakResultBytes = peakResultBytes
    var tasks: [UInt32] = []
    tasks.reserveCapacity(outputs.count)
    for task in outputs.map(\.id.rawValue).sorted() where tasks.last != task { tasks.append(task) }
    storage = Storage(tasks: tasks, from: slots)
  }

  /// The result of an output. Stops the program when `node` was not an output of the run.
  public subscript<Value>(node: Node<Value>) -> Value {
    graph.check(node.erased)
    let place = lowerBound(storage.tasks.count) { storage.tasks[$0] < node.id.rawValue }
    guard place < storage.tasks.count, storage.tasks[place] == node.id.rawValue,
      let value = storage.slots[place].value(as: Value.self)
    else { invariantFailure("task \(node.id) was not an output of this run") }
    return value
  }
}
