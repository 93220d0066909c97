import MartletBytes
import MartletNet
import MartletProtocol
import Testing

@testable import MartletCluster

/// One side of a session that does what closures say, and notes what happened.
class ScriptedPeer: SessionOwner, @unchecked Sendable {
  // Sendable: what tests look at is shared; the rest belongs to the loop's thread.
  let agreement = Shared<Handshake.Agreement?>(nil)
  let end = Shared<SessionEnd?>(nil)
  let session = Shared<Session?>(nil)

  static func settings(
    _ role: Hello.Role, secret: String = "", versions: ClosedRange<UInt16> = 2...2
  ) -> SessionSettings {
    let hello = Hello(
      role: role, oldestVersion: versions.lowerBound, newestVersion: versions.upperBound,
      registry: Digest128(low: 1, high: 2), nonce: [], product: "test")
    return SessionSettings(hello: hello, accepting: [.scheduler], secret: Array(secret.utf8))
  }

  func connect(to scheduler: TestScheduler, _ settings: SessionSettings) throws {
    let session = try Session.connect(
      host: "127.0.0.1", port: scheduler.port, on: scheduler.loop, settings: settings, owner: self)
    self.session.with { $0 = session }
  }

  /// Says something, from any thread.
  func say(_ message: some PortableValue & Sendable) {
    guard let session = session.now else { return }
    session.loop.execute { try? session.send(message) }
  }

  /// Hangs up without a word.
  func hangUp() {
    guard let session = session.now else { return }
    session.loop.execute { session.finish(within: .zero) }
  }

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) { self.agreement.with { $0 = agreement } }
  func received(_ session: Session, head: [UInt8]) throws(ByteError) {}
  func ended(_ session: Session, _ end: SessionEnd) {
    self.end.with { $0 = end }
    self.session.with { $0 = nil }
  }
}

/// A client that notes what it hears.
final class ScriptedClient: ScriptedPeer, @unchecked Sendable {
  let heard = Shared<[SchedulerToClient]>([])
  let handles = Shared<[UInt32: [TaskHandle]]>([:])
  let results = Shared<[TaskHandle: [UInt8]]>([:])
  let failures = Shared<[TaskHandle: FailureRecord]>([:])

  override func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    for message in try MessageBatch<SchedulerToClient>.messages(in: head) {
      heard.with { $0.append(message) }
      switch message {
      case .accepted(let graph, let wanted): handles.with { $0[graph] = wanted }
      case .finished(let ends): results.with { for end in ends { $0[end.task] = end.inline ?? [] } }
      case .failed(let task, let failure): failures.with { $0[task] = failure }
      default: break
      }
    }
  }
}

/// A worker of one thread that adds: a task's value is its argument and the values of its inputs.
final class ScriptedWorker: ScriptedPeer, @unchecked Sendable {
  static let function = FunctionName(name: "add", version: 1)
  let heard = Shared<[SchedulerToWorker]>([])
  let runs = Shared(0)
  let name: String
  /// Hangs up instead of computing its n-th task.
  var diesAt = Int.max
  /// What it holds.
  private var values: [TaskHandle: Int] = [:]
  /// Tasks that were given out ahead of their inputs.
  private var waiting: [ComputeTask] = []

  init(_ name: String) { self.name = name }

  var registration: WorkerRegistration {
    WorkerRegistration(
      name: name, address: "\(name):1", host: name, threads: 1, memoryLimit: 0, functions: [ScriptedWorker.function])
  }

  override func agreed(_ session: Session, _ agreement: Handshake.Agreement) {
    super.agreed(session, agreement)
    try? session.send(WorkerToScheduler.register(registration))
  }

  override func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    for message in try MessageBatch<SchedulerToWorker>.messages(in: head) {
      heard.with { $0.append(message) }
      switch message {
      case .compute(let tasks): waiting += tasks
      case .inputs(let inputs):
        for input in inputs {
          if let bytes = input.inline { values[input.task] = try Int(portableBytes: bytes) }
        }
      case .cancel(let list): waiting.removeAll { list.contains(TaskRun(task: $0.task, run: $0.run)) }
      default: continue
      }
      while let place = waiting.firstIndex(where: { task in
        task.inputs.allSatisfy { $0.inline != nil || values[$0.task] != nil }
      }) {
        let task = waiting.remove(at: place)
        let run = runs.with { number in
          number += 1
          return number
        }
        if run >= diesAt {
          session.finish(within: .zero)
          return
        }
        try? session.send(compute(task))
      }
    }
  }

  private func compute(_ task: ComputeTask) -> WorkerToScheduler {
    guard case .call(_, let arguments) = task.work, let own = try? Int(portableBytes: arguments) else {
      return .failed(
        task.task, task.run, FailureRecord(.undecodable, key: task.digest, label: task.label, message: "no number"))
    }
    var sum = own
    for input in task.inputs {
      // All values are small: the scheduler sends along what the worker does not hold.
      guard let value = values[input.task] ?? input.inline.flatMap({ try? Int(portableBytes: $0) }) else {
        return .failed(
          task.task, task.run,
          FailureRecord(.threw, key: task.digest, label: task.label, message: "an input is missing"))
      }
      sum = sum &* 31 &+ value
    }
    values[task.task] = sum
    return .finished([
      TaskEnd(
        task: task.task, run: task.run, nanoseconds: 1000, byteCount: 8, type: "Int", inline: sum.portableBytes())
    ])
  }
}

/// A graph of sums.
struct SumGraph {
  var arguments: [Int] = []
  var inputs: [[Int]] = []

  func expected() -> [Int] {
    var values: [Int] = []
    for (task, own) in arguments.enumerated() {
      values.append(inputs[task].reduce(own) { $0 &* 31 &+ values[$1] })
    }
    return values
  }

  /// All of its results are wanted.
  func submission(graph: UInt32, family: UInt64) -> Submission {
    var submission = Submission(graph: graph, isLast: true)
    submission.functions = [ScriptedWorker.function]
    submission.labels = ["add"]
    for (task, own) in arguments.enumerated() {
      submission.tasks.append(
        SubmittedTask(
          digest: Digest128(low: family, high: 5).member(UInt64(task)), label: 0,
          work: .call(function: 0, arguments: own.portableBytes()),
          dependencies: inputs[task].map { .back(UInt32(task - $0)) }))
      submission.wanted.append(UInt32(task))
    }
    return submission
  }
}
