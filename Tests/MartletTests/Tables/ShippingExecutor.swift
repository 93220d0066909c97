import MartletBytes
import MartletCluster
import MartletGraph
import MartletProtocol
import Synchronization
import TestSupport
import Testing

@testable import Martlet
@testable import MartletEngine

/// A cluster without anything that makes it one: each graph becomes messages, each message bytes; tasks are done one after the
/// other, as a worker does them, and every value is bytes between a task and the next.
final class ShippingExecutor: Executor, @unchecked Sendable {
  // Unchecked: the lock guards the counts.
  private let registry: TaskFunctionRegistry
  private let lock = Lock()
  private var counts = (runs: 0, tasks: 0, mostOutputs: 0)
  /// Called with the label of each task before it is done.
  private let onTask: @Sendable (String) throws -> Void

  init(onTask: @escaping @Sendable (String) throws -> Void = { _ in }) throws {
    var registry = TaskFunctionRegistry()
    try TableFunctions.register(in: &registry)
    self.registry = registry
    self.onTask = onTask
  }

  /// Graphs, tasks, and the most results that one graph was asked for.
  var work: (runs: Int, tasks: Int, mostOutputs: Int) { lock.withLock { counts } }

  func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
    var shipment = try GraphShipment(graph, number: 1, wanted: outputs.map(\.id), registry: registry, pieceBytes: 2000)
    var results: [Digest128: (type: PortableValueType, bytes: [UInt8])] = [:]
    while let piece = try shipment.next() {
      let piece = try Submission(portableBytes: piece.checkedPortableBytes())
      for (place, task) in piece.tasks.enumerated() {
        if options.cancellation?.isCancelled ?? false { throw CancellationError() }
        let inputs = task.dependencies.map { dependency in
          switch dependency {
          case .back(let distance): piece.tasks[place - Int(distance)].digest
          case .known(let digest): digest
          }
        }
        if results[task.digest] != nil { continue }
        try onTask(piece.labels[Int(task.label)])
        results[task.digest] = try run(task, of: piece, inputs.map { try #require(results[$0]) })
        lock.withLock { counts.tasks += 1 }
      }
    }
    lock.withLock {
      counts.runs += 1
      counts.mostOutputs = max(counts.mostOutputs, outputs.count)
    }
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: graph.count)
    slots.initialize(repeating: Slot(), count: graph.count)
    defer { slots.deallocate() }
    for (place, output) in outputs.enumerated() {
      let result = try #require(results[shipment.wantedDigests[place]])
      slots[output.id.index].clear()
      slots[output.id.index] = try result.type.slot(of: result.bytes)
    }
    return RunResults(graph, outputs, from: slots, peakResultBytes: nil)
  }

  private func run(
    _ task: MartletProtocol.SubmittedTask, of piece: Submission, _ inputs: [(type: PortableValueType, bytes: [UInt8])]
  ) throws -> (type: PortableValueType, bytes: [UInt8]) {
    let work: AssignedWork =
      switch task.work {
      case .call(let function, let arguments): .call(piece.functions[Int(function)], arguments: arguments)
      case .literal(let type, let bytes): .literal(type: piece.types[Int(type)], bytes: bytes)
      case .gather(let element): .gather(element: piece.types[Int(element)])
      case .alias: .alias
      case .signal: .signal
      }
    let body = try WorkBody(AssignedWork(portableBytes: work.checkedPortableBytes()), registry)
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: inputs.count + 1)
    slots.initialize(repeating: Slot(), count: inputs.count + 1)
    let flag = UnsafeMutablePointer<Atomic<Bool>>.allocate(capacity: 1)
    flag.initialize(to: Atomic(false))
    defer {
      for place in 0...inputs.count { slots[place].clear() }
      slots.deallocate()
      flag.deallocate()
    }
    for (place, input) in inputs.enumerated() { slots[place] = try input.type.slot(of: input.bytes) }
    var state = TaskContextState(stop: flag, cancelled: flag, threadIndex: 0)
    try withUnsafeMutablePointer(to: &state) {
      try body.run(slots, count: inputs.count, TaskContext($0), into: slots + inputs.count)
    }
    let type = try #require(body.resultType(first: inputs.first?.type, registry))
    return (type, try type.bytes(of: slots[inputs.count]))
  }
}
