package import MartletBytes

/// What a worker says to the scheduler.
package enum WorkerToScheduler: Equatable, Sendable {
  /// The first message: who it is and what it holds.
  case register(WorkerRegistration)
  /// Still here, and how it is.
  case heartbeat(WorkerMetrics)
  /// Tasks have given results.
  case finished([TaskEnd])
  /// A task has none.
  case failed(TaskHandle, RunID, FailureRecord)
  /// Copies that it was told to fetch, or needed, have come.
  case fetched([TaskHandle])
  /// A result was not where the scheduler said. `run`: the one whose result it should have been, as the scheduler said; a
  /// later one's may be there now.
  case missing(TaskHandle, from: WorkerID, run: RunID)
  /// Results that it dropped because it was told so, or lost (a damaged spill file).
  case dropped([TaskHandle])
  /// The answer to `steal`: whether the task was given up before it began.
  case stealAnswer(TaskHandle, RunID, gave: Bool)
  /// It takes no more work, or takes work again.
  case paused(Bool)
  /// It wants to end: its results have to be moved first.
  case retire
  /// An operation of a task on something shared; the request numbers are the worker's.
  case coordinate(request: UInt32, CoordinationRequest)
  /// Nobody waits any more for an operation; as a client's.
  case abandon(request: UInt32)
  /// It ends now.
  case goodbye
  /// Bodies of these wait, and hold no thread: what they hold the worker up with is nothing until they go on.
  case suspended([TaskRun])
  /// They go on.
  case resumed([TaskRun])
}

/// Who a worker is.
package struct WorkerRegistration: Equatable, Sendable {
  package var name: String
  /// Where clients and other workers reach it: `host:port`.
  package var address: String
  package var host: String
  package var threads: UInt32
  /// Bytes of results that it may hold; 0: no limit.
  package var memoryLimit: Int64
  package var resources: [ResourceAmount]
  /// All functions that it can run.
  package var functions: [FunctionName]
  /// The scheduler that it was registered with before, if it comes back.
  package var epoch: UInt64
  /// What it holds.
  package var holdings: [Holding]
  /// Whether a supervisor will start it again and tell what it died of.
  package var isSupervised: Bool
  /// How the process before this one ended, if its supervisor has seen it.
  package var lastDeath: PastDeath?

  package init(
    name: String, address: String, host: String, threads: UInt32, memoryLimit: Int64, resources: [ResourceAmount] = [],
    functions: [FunctionName], epoch: UInt64 = 0, holdings: [Holding] = [], isSupervised: Bool = false,
    lastDeath: PastDeath? = nil
  ) {
    self.name = name
    self.address = address
    self.host = host
    self.threads = threads
    self.memoryLimit = memoryLimit
    self.resources = resources
    self.functions = functions
    self.epoch = epoch
    self.holdings = holdings
    self.isSupervised = isSupervised
    self.lastDeath = lastDeath
  }
}

/// How a worker's process ended before another one took its place.
package struct PastDeath: Equatable, Sendable {
  /// The number that it had, with the scheduler of this epoch.
  package var worker: WorkerID
  package var epoch: UInt64
  package var death: WorkerDeath
  /// What its threads were in; nil when nobody knows.
  package var running: [TaskRun]?

  package init(worker: WorkerID, epoch: UInt64, death: WorkerDeath, running: [TaskRun]?) {
    self.worker = worker
    self.epoch = epoch
    self.death = death
    self.running = running
  }
}

/// A result that a worker holds.
package struct Holding: Equatable, Sendable {
  package var task: TaskHandle
  package var digest: Digest128
  package var type: String
  package var byteCount: Int64

  package init(task: TaskHandle, digest: Digest128, type: String, byteCount: Int64) {
    self.task = task
    self.digest = digest
    self.type = type
    self.byteCount = byteCount
  }
}

/// How a worker is.
package struct WorkerMetrics: Equatable, Sendable {
  /// Results in memory and on disk, in bytes.
  package var resultBytes: Int64 = 0
  package var spilledBytes: Int64 = 0
  /// What the process takes in memory.
  package var residentBytes: Int64 = 0
  /// Bytes that it is receiving.
  package var incomingBytes: Int64 = 0
  package var executing: UInt32 = 0
  package var ready: UInt32 = 0
  /// Of one processor; 200 is two.
  package var processorPercent: UInt32 = 0

  package init() {}
}

/// A task that has given a result.
package struct TaskEnd: Equatable, Sendable {
  package var task: TaskHandle
  package var run: RunID
  /// How long its body took.
  package var nanoseconds: Int64
  /// What the result takes.
  package var byteCount: Int64
  /// An index into the types that both sides know from the handshake's registry.
  package var type: String
  /// The result itself when it is small.
  package var inline: [UInt8]?
  /// Whether it was sent to workers that wait for it, as the scheduler had said.
  package var isPushed: Bool

  package init(
    task: TaskHandle, run: RunID, nanoseconds: Int64, byteCount: Int64, type: String, inline: [UInt8]? = nil,
    isPushed: Bool = false
  ) {
    self.task = task
    self.run = run
    self.nanoseconds = nanoseconds
    self.byteCount = byteCount
    self.type = type
    self.inline = inline
    self.isPushed = isPushed
  }
}

/// What the scheduler says to a worker.
package enum SchedulerToWorker: Equatable, Sendable {
  /// The answer to `register`. The handles of what it held and is still wanted; everything else it drops.
  case welcome(WorkerID, epoch: UInt64, heartbeatNanoseconds: Int64, keep: [Holding])
  /// It cannot take part.
  case refused(reason: String)
  /// Compute these.
  case compute([ComputeTask])
  /// Nobody wants these runs any more; one that has begun may go on, its answer is not waited for.
  case cancel([TaskRun])
  /// Drop these results.
  case release([TaskHandle])
  /// Get copies of these.
  case fetch([InputRef])
  /// Give this run back unless it has begun.
  case steal(TaskHandle, RunID)
  /// Where results lie that were missing; nobody: wait or give up.
  case holders(TaskHandle, [PeerRef], run: RunID)
  /// A peer is gone: do not ask it any more.
  case peerLost(WorkerID)
  /// All results are copied elsewhere: the worker may end.
  case retired
  /// The outcome of a task's operation on something shared.
  case coordinated(request: UInt32, CoordinationReply)
  /// The heartbeat arrived.
  case heartbeat
  /// The scheduler ends the session, and why.
  case goodbye(reason: String)
  /// All that was said is over: the process is started anew by its supervisor, or drops all that it has and registers again.
  case restart(reason: String)
  /// Data that clients have put here has these handles from now on, and is held until it is released.
  case named([NamedTask])
  /// Send these results to other workers, which wait for them, when they are computed here and small.
  case push([PushOrder])
  /// Results that tasks of the worker wait for are there: what was said of them when those were assigned has come true.
  case inputs([InputRef])
}

/// A result that another worker waits for.
package struct PushOrder: Equatable, Sendable {
  package var task: TaskHandle
  package var to: PeerRef

  package init(task: TaskHandle, to: PeerRef) {
    self.task = task
    self.to = to
  }
}

/// An assignment.
package struct TaskRun: Equatable, Sendable, BitwiseCopyable {
  package var task: TaskHandle
  package var run: RunID

  package init(task: TaskHandle, run: RunID) {
    self.task = task
    self.run = run
  }
}

/// Another worker, and where it is.
package struct PeerRef: Equatable, Sendable {
  package var worker: WorkerID
  package var address: String

  package init(worker: WorkerID, address: String) {
    self.worker = worker
    self.address = address
  }
}

/// A task with all that a worker needs to compute it. An object, because it is handed from one table to the next: copies of a
/// structure with five references in it took a worker more time than what it decides.
package final class ComputeTask: Sendable {
  package let task: TaskHandle
  package let run: RunID
  package let digest: Digest128
  package let label: String
  /// Lower runs earlier.
  package let priority: UInt64
  /// What to do, with names where a submission has indices.
  package let work: AssignedWork
  package let timeoutNanoseconds: Int64
  package let isBlocking: Bool
  package let resources: [ResourceAmount]
  package let inputs: [InputRef]

  package init(
    task: TaskHandle, run: RunID, digest: Digest128, label: String, priority: UInt64, work: AssignedWork,
    timeoutNanoseconds: Int64 = 0, isBlocking: Bool = false, resources: [ResourceAmount] = [], inputs: [InputRef] = []
  ) {
    self.task = task
    self.run = run
    self.digest = digest
    self.label = label
    self.priority = priority
    self.work = work
    self.timeoutNanoseconds = timeoutNanoseconds
    self.isBlocking = isBlocking
    self.resources = resources
    self.inputs = inputs
  }

  /// The same task with other inputs.
  package func with(inputs: [InputRef]) -> ComputeTask {
    ComputeTask(
      task: task, run: run, digest: digest, label: label, priority: priority, work: work,
      timeoutNanoseconds: timeoutNanoseconds, isBlocking: isBlocking, resources: resources, inputs: inputs)
  }
}

extension ComputeTask: Equatable {
  package static func == (one: ComputeTask, other: ComputeTask) -> Bool {
    one === other
      || one.task == other.task && one.run == other.run && one.digest == other.digest && one.label == other.label
        && one.priority == other.priority && one.work == other.work
        && one.timeoutNanoseconds == other.timeoutNanoseconds && one.isBlocking == other.isBlocking
        && one.resources == other.resources && one.inputs == other.inputs
  }
}

/// `TaskWork` with names instead of indices.
package enum AssignedWork: Equatable, Sendable {
  case call(FunctionName, arguments: [UInt8])
  case literal(type: String, bytes: [UInt8])
  case gather(element: String)
  case alias
  case signal
}
