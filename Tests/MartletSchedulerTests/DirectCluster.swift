import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

/// A scheduler whose workers and clients do what the test says. All tables are recomputed after every event.
struct DirectCluster: ~Copyable {
  static let function = FunctionName(name: "f", version: 1)

  var core: SchedulerCore
  var now: Int64 = 0
  let client = ClientID(rawValue: 0)

  init(workers: Int, memoryLimit: Int64 = 0, settings: SchedulerSettings = SchedulerSettings()) {
    core = SchedulerCore(settings: settings)
    _ = hand(.clientConnected(client))
    for _ in 0..<workers { _ = addWorker(memoryLimit: memoryLimit) }
  }

  static func digest(_ task: Int) -> Digest128 { Digest128(low: 5, high: 6).member(UInt64(task)) }

  mutating func addWorker(memoryLimit: Int64 = 0, functions: [FunctionName] = [function]) -> WorkerID {
    let number = core.workers.count
    let registration = WorkerRegistration(
      name: "w\(number)", address: "a\(number)", host: "h", threads: 1, memoryLimit: memoryLimit, functions: functions)
    let worker = WorkerID(rawValue: UInt32(number))
    _ = hand(.workerRegistered(worker, registration))
    return worker
  }

  mutating func hand(_ event: SchedulerEvent) -> [SchedulerAction] {
    var actions: [SchedulerAction] = []
    core.handle(event, at: Timestamp(nanoseconds: now), &actions)
    core.flush(&actions)
    let broken = core.brokenInvariant()
    #expect(broken == nil, "after \(event)")
    return actions
  }

  mutating func say(_ message: ClientToScheduler) -> [SchedulerAction] { hand(.clientSaid(client, message)) }

  mutating func tick() -> [SchedulerAction] {
    now += 1_000_000
    return hand(.tick)
  }

  mutating func finish(
    _ task: TaskHandle, run: UInt32 = 1, on worker: WorkerID, bytes: Int64, inline: [UInt8]? = nil,
    isPushed: Bool = false
  ) -> [SchedulerAction] {
    let end = TaskEnd(
      task: task, run: RunID(rawValue: run), nanoseconds: 1000, byteCount: bytes, type: "T", inline: inline,
      isPushed: isPushed)
    return hand(.workerSaid(worker, .finished([end])))
  }

  /// Independent tasks that the client wants, each computed where it was given to.
  mutating func compute(_ tasks: Range<Int>, bytes: Int64) -> [TaskHandle] {
    var piece = Submission(graph: UInt32(tasks.lowerBound), isLast: true)
    piece.functions = [DirectCluster.function]
    piece.labels = ["task"]
    piece.tasks = tasks.map {
      SubmittedTask(digest: DirectCluster.digest($0), label: 0, work: .call(function: 0, arguments: []))
    }
    piece.wanted = tasks.indices.map { UInt32($0 - tasks.lowerBound) }
    var actions = say(.submit(piece))
    var handles: [TaskHandle] = []
    for case .tellClient(_, .accepted(_, let wanted)) in actions { handles = wanted }
    while true {
      var next: [SchedulerAction] = []
      for case .tellWorker(let worker, .compute(let list)) in actions {
        for task in list { next += finish(task.task, run: task.run.rawValue, on: worker, bytes: bytes) }
      }
      if next.isEmpty { return handles }
      actions = next
    }
  }

  /// Carries out the copies that workers are told to fetch. Who is told to fetch or to release what.
  mutating func copy(_ actions: [SchedulerAction]) -> (fetched: [TaskHandle], released: [TaskHandle]) {
    var fetched: [TaskHandle] = []
    var released: [TaskHandle] = []
    var actions = actions
    while !actions.isEmpty {
      var next: [SchedulerAction] = []
      for action in actions {
        switch action {
        case .tellWorker(let worker, .fetch(let list)):
          fetched += list.map(\.task)
          next += hand(.workerSaid(worker, .fetched(list.map(\.task))))
        case .tellWorker(_, .release(let list)): released += list
        default: break
        }
      }
      actions = next
    }
    return (fetched, released)
  }

  /// The workers that hold a result.
  func holders(of task: TaskHandle) -> [UInt32] {
    core.slot(of: task).map { core.holders.rights(from: core.tasks[Int($0)].firstHolder).sorted() } ?? []
  }
}
