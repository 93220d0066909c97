package import MartletBytes

/// What a client says to the scheduler.
package enum ClientToScheduler: Equatable, Sendable {
  /// A graph, or a piece of one.
  case submit(Submission)
  /// The client no longer wants these results.
  case release([TaskHandle])
  /// Nobody shall compute these; the tasks of other clients stay unless `force`.
  case cancel([TaskHandle], force: Bool)
  /// Try again what failed, from the task that failed first.
  case retry([TaskHandle])
  /// Data of the client's that it has put, or will put, onto workers: `bytes` at each of `holders`, or inline.
  case scatter([ScatteredValue])
  /// Keep results under a name until somebody takes it back.
  case publish(request: UInt32, name: String, tasks: [TaskHandle], overwrites: Bool)
  /// Take a name back.
  case unpublish(request: UInt32, name: String)
  /// What a name stands for: its tasks become wanted by this client.
  case subscribe(request: UInt32, name: String)
  /// A question.
  case ask(request: UInt32, Question)
  /// An operation on something that clients and tasks share.
  case coordinate(request: UInt32, CoordinationRequest)
  /// The client wants these results, whoever sent their graphs; answered by `named` with those that are known. Said after
  /// a reconnect, and where a result could not be had from its holders: what is there is told (again).
  case want(request: UInt32, [Digest128])
  /// A worker has said that it does not hold these, although it was named as a holder.
  case missing([TaskHandle], from: String)
  /// Keep so many copies of these results, on as many workers; 1 as usual. Answered by `answer` when it is noted.
  case replicate(request: UInt32, [TaskHandle], copies: UInt32)
  /// Move these results, or all when none is named, from workers that hold much to those that hold little. Answered by
  /// `answer` with the number of results that are looked at; they move in the background.
  case rebalance(request: UInt32, [TaskHandle])
  /// Run a call once on each worker; answered by `onWorkers` with its tasks, which the client wants from then on.
  case runOnWorkers(request: UInt32, WorkersCall)
  /// Let these workers, by name or address, hand over what only they hold, and end. Answered by `answer` with their number
  /// when they have begun to.
  case retireWorkers(request: UInt32, [String])
  /// Forget all graphs and results of all clients, and start all workers anew. Answered by `answer` when as many are back, or the
  /// time is over: with a line for each worker that is missing then. `name`: who wants it, for those who are told.
  case restart(request: UInt32, name: String, timeoutNanoseconds: Int64)
  /// Nobody waits any more for this operation on something shared: what waits is answered by `timedOut`; what was answered
  /// before was.
  case abandon(request: UInt32)
  /// Still here.
  case heartbeat
  /// The client ends; all that it wants is released.
  case goodbye
  /// The client is the one that the tasks of a worker have: what it submits, tasks wait for that have begun.
  case inside
  /// Its share of the cluster beside others', while not all can be served: 1 unless it says something else.
  case weight(UInt32)
}

/// A call that is run once on each of some workers, and never again: where its worker ends, it fails.
package struct WorkersCall: Equatable, Sendable {
  /// A key that was never used before: the tasks' keys are its members.
  package var digest: Digest128
  package var label: String
  package var function: FunctionName
  package var arguments: [UInt8]
  /// Names or addresses of workers; empty: all that are there.
  package var workers: [String]
  /// How long it may take on a worker; 0: as long as it wants.
  package var timeoutNanoseconds: Int64

  package init(
    digest: Digest128, label: String, function: FunctionName, arguments: [UInt8], workers: [String] = [],
    timeoutNanoseconds: Int64 = 0
  ) {
    self.digest = digest
    self.label = label
    self.function = function
    self.arguments = arguments
    self.workers = workers
    self.timeoutNanoseconds = timeoutNanoseconds
  }
}

/// The task of a call on one worker.
package struct WorkersTask: Equatable, Sendable {
  /// The worker's address.
  package var worker: String
  package var task: TaskHandle
  package var digest: Digest128

  package init(worker: String, task: TaskHandle, digest: Digest128) {
    self.worker = worker
    self.task = task
    self.digest = digest
  }
}

/// A value that the client brings along.
package struct ScatteredValue: Equatable, Sendable {
  package var digest: Digest128
  package var label: String
  package var type: String
  package var byteCount: Int64
  /// Where it lies; empty when it is inline.
  package var holders: [WorkerID]
  /// The value itself, when it is small.
  package var bytes: [UInt8]?

  package init(
    digest: Digest128, label: String, type: String, byteCount: Int64, holders: [WorkerID], bytes: [UInt8]?
  ) {
    self.digest = digest
    self.label = label
    self.type = type
    self.byteCount = byteCount
    self.holders = holders
    self.bytes = bytes
  }
}

/// What a client or an operator may ask.
package enum Question: Equatable, Sendable {
  /// The workers with their state, as JSON.
  case workers
  /// Counts of tasks by state and by label, as JSON.
  case tasks
  /// Who holds these results.
  case whoHas([TaskHandle])
  /// What happened to a task, a line an event.
  case story(Digest128)
  /// The names that are published.
  case published
}

/// What the scheduler says to a client.
package enum SchedulerToClient: Equatable, Sendable {
  /// The piece of a graph is known; the handles of its wanted tasks, in their order.
  case accepted(graph: UInt32, wanted: [TaskHandle])
  /// The graph cannot be taken; nothing of it is wanted.
  case refused(graph: UInt32, FailureRecord)
  /// Results are there.
  case finished([FinishedResult])
  /// Tasks have failed.
  case failed(TaskHandle, FailureRecord)
  /// A result that was there is computed again, or is on its way back.
  case recomputing([TaskHandle])
  /// Where results lie now.
  case holders([HeldResult])
  /// The answer to a request: JSON, names or lines.
  case answer(request: UInt32, text: String)
  /// The tasks behind a name.
  case named(request: UInt32, tasks: [NamedTask])
  /// The outcome of an operation.
  case coordinated(request: UInt32, CoordinationReply)
  /// The tasks of a call on workers, one for each.
  case onWorkers(request: UInt32, [WorkersTask])
  /// How far the tasks of a graph are whose client asked for it in its first piece: each label of which something is known,
  /// with all that is known. Said some times a second while it changes, and never for each task.
  case progress(graph: UInt32, [LabelProgress])
  /// The cluster was started anew: no handle that was named before means anything, and no result is there. Graphs whose answers
  /// have not come yet are not concerned.
  case restarted(by: String)
  /// Tasks of this client's graphs that no worker may run, and why. Said when they have waited for some seconds, and again while
  /// they do.
  case stranded([StrandedTasks])
  /// A request failed.
  case denied(request: UInt32, reason: String)
  /// Still here.
  case heartbeat
  /// The scheduler ends the session, and why.
  case goodbye(reason: String)
}

/// How many tasks of a label of a graph are how far. Those that were known before the graph came are not counted.
package struct LabelProgress: Equatable, Sendable {
  package var label: String
  /// Given to workers now.
  package var running: UInt32
  /// With a result, at least once.
  package var finished: UInt32
  package var failed: UInt32

  package init(label: String, running: UInt32 = 0, finished: UInt32 = 0, failed: UInt32 = 0) {
    self.label = label
    self.running = running
    self.finished = finished
    self.failed = failed
  }
}

/// Tasks of one kind that no worker may run.
package struct StrandedTasks: Equatable, Sendable {
  package var label: String
  package var count: UInt32
  /// For how long the first of them has waited.
  package var nanoseconds: Int64
  /// What they need, and what workers have.
  package var reason: String

  package init(label: String, count: UInt32, nanoseconds: Int64, reason: String) {
    self.label = label
    self.count = count
    self.nanoseconds = nanoseconds
    self.reason = reason
  }
}

/// A result that is there.
package struct FinishedResult: Equatable, Sendable {
  package var task: TaskHandle
  package var type: String
  package var byteCount: Int64
  /// The value itself when it is small.
  package var inline: [UInt8]?
  /// Addresses of workers that hold it, at most a few.
  package var holders: [String]

  package init(task: TaskHandle, type: String, byteCount: Int64, inline: [UInt8]?, holders: [String]) {
    self.task = task
    self.type = type
    self.byteCount = byteCount
    self.inline = inline
    self.holders = holders
  }
}

/// Who holds a result.
package struct HeldResult: Equatable, Sendable {
  package var task: TaskHandle
  package var holders: [String]

  package init(task: TaskHandle, holders: [String]) {
    self.task = task
    self.holders = holders
  }
}

/// A task with its key.
package struct NamedTask: Equatable, Sendable {
  package var task: TaskHandle
  package var digest: Digest128

  package init(task: TaskHandle, digest: Digest128) {
    self.task = task
    self.digest = digest
  }
}
