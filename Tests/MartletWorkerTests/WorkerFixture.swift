import MartletBytes
import MartletProtocol
import Testing

@testable import MartletWorker

/// A worker's core in a session, whose invariants are checked after every event.
struct WorkerFixture {
  var core: WorkerCore
  var now: Int64 = 0

  /// A worker that the scheduler calls number 9.
  init(
    isConnected: Bool = true, _ change: (inout WorkerSettings) -> Void = { _ in }
  ) {
    var settings = WorkerSettings()
    settings.leastSpillBytes = 1
    change(&settings)
    core = WorkerCore(settings: settings)
    if isConnected { connect() }
  }

  mutating func connect(epoch: UInt64 = 1, keep: [Holding] = []) {
    _ = handle(.schedulerConnected)
    _ = hear(.welcome(WorkerID(rawValue: 9), epoch: epoch, heartbeatNanoseconds: .max, keep: keep))
  }

  /// All actions of an event and of the flush after it.
  mutating func handle(_ event: WorkerEvent, isFlushed: Bool = true) -> [WorkerAction] {
    now += 1
    var actions: [WorkerAction] = []
    core.handle(event, at: Timestamp(nanoseconds: now), &actions)
    if isFlushed { core.flush(&actions) }
    if let broken = core.brokenInvariant() { Issue.record("after \(event): \(broken)") }
    return actions
  }

  mutating func hear(_ message: SchedulerToWorker) -> [WorkerAction] { handle(.schedulerSaid(message)) }

  mutating func wait(_ nanoseconds: Int64) -> [WorkerAction] {
    now += nanoseconds
    return handle(.tick)
  }

  /// The task `number` becomes the value `value` of so many bytes, by being computed here.
  mutating func hold(_ number: UInt32, bytes: Int64) {
    let actions = hear(.compute([task(number)]))
    guard case .run(let execution, _, _, _)? = actions.first else {
      Issue.record("task \(number) was not run: \(actions)")
      return
    }
    _ = handle(.taskEnded(execution, nanoseconds: 1, byteCount: bytes, type: "T", inline: nil))
  }
}

func handle(_ number: UInt32, _ generation: UInt32 = 0) -> TaskHandle {
  TaskHandle(slot: number, generation: generation)
}

func digest(_ number: UInt32) -> Digest128 { Digest128(low: 3, high: 4).member(UInt64(number)) }

func peer(_ number: UInt32) -> PeerRef { PeerRef(worker: WorkerID(rawValue: number), address: "p\(number)") }

func worker(_ number: UInt32) -> WorkerID { WorkerID(rawValue: number) }

func value(_ number: UInt32) -> ValueID { ValueID(rawValue: number) }

func execution(_ number: UInt32) -> ExecutionID { ExecutionID(rawValue: number) }

func requester(_ number: UInt64) -> RequesterID { RequesterID(rawValue: number) }

func input(_ number: UInt32, bytes: Int64 = 100, from holders: [UInt32] = [], inline: [UInt8]? = nil) -> InputRef {
  InputRef(
    task: handle(number), digest: digest(number), byteCount: bytes, holders: holders.map(peer), inline: inline,
    type: inline == nil ? "" : "T")
}

/// A task whose priority and key are its number unless said otherwise.
func task(
  _ number: UInt32, key: UInt32? = nil, run: UInt32 = 1, priority: UInt64? = nil, isBlocking: Bool = false,
  timeout: Int64 = 0, inputs: [InputRef] = []
) -> ComputeTask {
  ComputeTask(
    task: handle(number), run: RunID(rawValue: run), digest: digest(key ?? number), label: "t\(number)",
    priority: priority ?? UInt64(number), work: .alias, timeoutNanoseconds: timeout, isBlocking: isBlocking,
    inputs: inputs)
}

func finished(_ number: UInt32, run: UInt32 = 1, took: Int64 = 1, bytes: Int64 = 10, inline: [UInt8]? = nil)
  -> WorkerAction
{
  .tellScheduler(
    .finished([
      TaskEnd(
        task: handle(number), run: RunID(rawValue: run), nanoseconds: took, byteCount: bytes, type: "T", inline: inline)
    ]))
}

func named(_ numbers: UInt32...) -> [NamedTask] { numbers.map { NamedTask(task: handle($0), digest: digest($0)) } }

func failure(_ number: UInt32) -> FailureRecord {
  FailureRecord(.threw, key: digest(number), label: "t\(number)", message: "no")
}

extension WorkerAction {
  var isLog: Bool { if case .log = self { true } else { false } }
}
