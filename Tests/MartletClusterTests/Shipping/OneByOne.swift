import MartletBytes
import MartletProtocol
import Synchronization
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

/// A scheduler and a worker without anything that makes them what they are: takes submissions as bytes, and does one task at a
/// time, with every result as bytes between.
struct OneByOne {
  let registry: TaskFunctionRegistry
  /// Type and bytes of each result.
  private(set) var results: [Digest128: (type: PortableValueType, bytes: [UInt8])] = [:]
  private(set) var wanted: [Digest128] = []
  private(set) var runs = 0

  init(_ registry: TaskFunctionRegistry) { self.registry = registry }

  mutating func take(_ bytes: [UInt8]) throws {
    let piece = try Submission(portableBytes: bytes)
    for (place, task) in piece.tasks.enumerated() {
      let inputs = task.dependencies.map { dependency in
        switch dependency {
        case .back(let distance): piece.tasks[place - Int(distance)].digest
        case .known(let digest): digest
        }
      }
      for input in inputs where results[input] == nil { throw ByteError(offset: 0, "unknown input \(input)") }
      if results[task.digest] != nil { continue }
      let work: AssignedWork =
        switch task.work {
        case .call(let function, let arguments): .call(piece.functions[Int(function)], arguments: arguments)
        case .literal(let type, let bytes): .literal(type: piece.types[Int(type)], bytes: bytes)
        case .gather(let element): .gather(element: piece.types[Int(element)])
        case .alias: .alias
        case .signal: .signal
        }
      let order = ComputeTask(
        task: TaskHandle(slot: 0, generation: 0), run: RunID(rawValue: 1), digest: task.digest,
        label: piece.labels[Int(task.label)], priority: 0, work: work)
      let given = inputs.dropLast(Int(task.orderOnlyCount)).compactMap { results[$0] }
      results[task.digest] = try run(ComputeTask(portableBytes: order.portableBytes()).work, Array(given))
    }
    wanted += piece.wanted.map { piece.tasks[Int($0)].digest }
  }

  private mutating func run(
    _ work: AssignedWork, _ inputs: [(type: PortableValueType, bytes: [UInt8])]
  ) throws -> (type: PortableValueType, bytes: [UInt8]) {
    runs += 1
    let body = try WorkBody(work, registry)
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: inputs.count + 1)
    slots.initialize(repeating: Slot(), count: inputs.count + 1)
    defer {
      for place in 0...inputs.count { slots[place].clear() }
      slots.deallocate()
    }
    for (place, input) in inputs.enumerated() { slots[place] = try input.type.slot(of: input.bytes) }
    try withContext { context in
      try body.run(slots, count: inputs.count, context, into: slots + inputs.count)
    }
    let type = try #require(body.resultType(first: inputs.first?.type, registry))
    #expect(slots[inputs.count].typeIdentity == type.identity)
    #expect(type.residentBytes(of: slots[inputs.count]) >= 16)
    return (type, try type.bytes(of: slots[inputs.count]))
  }
}

/// Hands out the context of a run that nobody cancels.
func withContext<Result>(_ body: (borrowing TaskContext) throws -> Result) rethrows -> Result {
  let flag = UnsafeMutablePointer<Atomic<Bool>>.allocate(capacity: 1)
  flag.initialize(to: Atomic(false))
  defer { flag.deallocate() }
  var state = TaskContextState(stop: flag, cancelled: flag, threadIndex: 0)
  return try withUnsafeMutablePointer(to: &state) { try body(TaskContext($0)) }
}

/// Runs all tasks in order of their numbers as an executor of this process does, without bytes.
final class InProcess {
  private let graph: TaskGraph
  private let slots: UnsafeMutablePointer<Slot>

  init(_ graph: TaskGraph) throws {
    self.graph = graph
    slots = .allocate(capacity: graph.count + 1)
    slots.initialize(repeating: Slot(), count: graph.count + 1)
    for task in 0..<graph.count {
      let first = Int(graph.dependencyStarts[task])
      try withContext { context in
        try graph.cells[task].run(
          TaskInputs(
            slots: slots, ids: graph.dependencies + first, count: Int(graph.dependencyStarts[task + 1]) - first,
            uses: nil), context, slots + task)
      }
    }
  }

  deinit {
    for task in 0..<graph.count { slots[task].clear() }
    slots.deallocate()
  }

  func slot(_ task: TaskID) -> Slot { slots[task.index] }
}
