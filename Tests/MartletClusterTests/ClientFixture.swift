import Martlet
import MartletBytes
import MartletGraph
import MartletNet
import MartletProtocol
import TestSupport
import MartletScheduler
import Testing

@testable import MartletCluster

/// A worker of one thread that runs bodies on its loop and sends all results inline: enough for values below 2 KiB.
final class BodyWorker: ScriptedPeer, @unchecked Sendable {
  private let name: String
  private let registry: TaskFunctionRegistry
  let runs = Shared(0)
  let held = Shared<[TaskHandle: (type: String, bytes: [UInt8])]>([:])
  let cancelled = Shared(0)
  /// Waits with tasks of this label until it is told.
  let heldBack = Shared<[ComputeTask]>([])
  private let slowLabel: String?
  /// Tasks that were given out ahead of their inputs.
  private var waiting: [ComputeTask] = []

  init(_ name: String, _ registry: TaskFunctionRegistry, slowLabel: String? = nil) {
    self.name = name
    self.registry = registry
    self.slowLabel = slowLabel
  }

  override func agreed(_ session: Session, _ agreement: Handshake.Agreement) {
    super.agreed(session, agreement)
    let functions = registry.functionNames.map { FunctionName(name: $0.name, version: $0.version) }
    try? session.send(
      WorkerToScheduler.register(
        WorkerRegistration(
          name: name, address: "\(name):1", host: name, threads: 1, memoryLimit: 0,
          resources: [ResourceAmount(name: "disk", amount: 2), ResourceAmount(name: "gpu", amount: 1)],
          functions: functions)))
  }

  override func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    for message in try MessageBatch<SchedulerToWorker>.messages(in: head) {
      switch message {
      case .compute(let tasks):
        for task in tasks {
          if task.label == slowLabel { heldBack.with { $0.append(task) } } else { waiting.append(task) }
        }
        finishWaiting(session)
      case .inputs(let inputs):
        for input in inputs { if let bytes = input.inline { held.with { $0[input.task] = (input.type, bytes) } } }
        finishWaiting(session)
      case .release(let tasks): held.with { held in for task in tasks { held[task] = nil } }
      case .cancel(let list):
        cancelled.with { $0 += list.count }
        waiting.removeAll { list.contains(TaskRun(task: $0.task, run: $0.run)) }
      default: break
      }
    }
  }

  /// Does what was held back.
  func goOn() {
    guard let session = session.now else { return }
    session.loop.execute { [self] in
      let tasks = heldBack.with { tasks in
        defer { tasks = [] }
        return tasks
      }
      waiting += tasks
      finishWaiting(session)
    }
  }

  /// Computes what has its inputs, which may let others have theirs.
  private func finishWaiting(_ session: Session) {
    while let place = waiting.firstIndex(where: { task in
      task.inputs.allSatisfy { $0.inline != nil || held.now[$0.task] != nil }
    }) {
      finish(waiting.remove(at: place), session)
    }
  }

  private func finish(_ task: ComputeTask, _ session: Session) {
    runs.with { $0 += 1 }
    do {
      let (type, bytes) = try compute(task)
      held.with { $0[task.task] = (type, bytes) }
      try? session.send(
        WorkerToScheduler.finished([
          TaskEnd(
            task: task.task, run: task.run, nanoseconds: 1000, byteCount: Int64(bytes.count), type: type,
            inline: bytes)
        ]))
    } catch {
      let failure =
        (error as? WorkFailure) ?? .threw(error)
      try? session.send(
        WorkerToScheduler.failed(task.task, task.run, failure.record(key: task.digest, label: task.label)))
    }
  }

  private func compute(_ task: ComputeTask) throws -> (String, [UInt8]) {
    let body = try WorkBody(task.work, registry)
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: task.inputs.count + 1)
    slots.initialize(repeating: Slot(), count: task.inputs.count + 1)
    defer {
      for place in 0...task.inputs.count { slots[place].clear() }
      slots.deallocate()
    }
    var first: PortableValueType?
    for (place, input) in task.inputs.enumerated() {
      // What comes inline is held as well.
      if let bytes = input.inline { held.with { $0[input.task] = (input.type, bytes) } }
      guard let (name, bytes) = held.now[input.task], let type = registry.valueType(named: name) else {
        throw WorkFailure.undecodable("the input \(input.task) is not here")
      }
      if place == 0 { first = type }
      slots[place] = try type.slot(of: bytes)
    }
    try withContext { context in
      try body.run(slots, count: task.inputs.count, context, into: slots + task.inputs.count)
    }
    guard let type = body.resultType(first: first, registry) else { throw WorkFailure.cannotRun("no type") }
    return (type.name, try type.bytes(of: slots[task.inputs.count]))
  }
}

/// A scheduler, workers and clients in this process.
final class ClientFixture {
  let scheduler: TestScheduler
  let registry: TaskFunctionRegistry
  private(set) var workers: [BodyWorker] = []

  init(workers count: Int = 2, slowLabel: String? = nil, _ adjust: (inout SchedulerServerSettings) -> Void = { _ in })
    throws
  {
    registry = try testRegistry()
    scheduler = try TestScheduler(adjust)
    for number in 0..<count {
      let worker = BodyWorker("worker \(number)", registry, slowLabel: slowLabel)
      try worker.connect(to: scheduler, ScriptedPeer.settings(.worker))
      workers.append(worker)
    }
    for worker in workers { #expect(eventually { worker.agreement.now != nil }) }
    #expect(eventually { self.scheduler.inspect { $0.core.livingWorkers.count } == count })
  }

  func client(_ adjust: (inout ClientOptions) -> Void = { _ in }) throws -> Client {
    var options = ClientOptions()
    options.registry = registry
    adjust(&options)
    return try Client("127.0.0.1:\(scheduler.port)", options: options)
  }

  /// Tasks that the scheduler knows.
  var taskCount: Int { scheduler.inspect { $0.core.taskCount } ?? -1 }

  func expectNothingLeft() {
    #expect(eventually { self.scheduler.inspect { $0.core.leftover() ?? "nothing" } == "nothing" })
    #expect(scheduler.inspect { $0.core.brokenInvariant() ?? "none" } == "none")
  }

  func end() {
    scheduler.end()
    #expect(eventually { !threadNames().contains("client") })
  }
}
