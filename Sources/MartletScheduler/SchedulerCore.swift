package import MartletBytes
package import MartletProtocol

/// Something that happened, for the scheduler to decide upon.
package enum SchedulerEvent: Sendable {
  /// A client has connected under a number never used before.
  case clientConnected(ClientID)
  case clientSaid(ClientID, ClientToScheduler)
  /// Its connection is gone, and it will not come back under this number.
  case clientLost(ClientID)
  /// A worker has registered under a number never used before.
  case workerRegistered(WorkerID, WorkerRegistration)
  case workerSaid(WorkerID, WorkerToScheduler)
  /// Its connection is gone. `started`: the tasks that had begun on it, where its supervisor knows.
  case workerLost(WorkerID, WorkerDeath, started: [TaskHandle]?)
  /// Time has passed; at least ten a second.
  case tick
}

/// Something for the shell to do.
package enum SchedulerAction: Equatable, Sendable {
  case tellClient(ClientID, SchedulerToClient)
  case tellWorker(WorkerID, SchedulerToWorker)
  /// Close its connection after what was said.
  case closeClient(ClientID)
  case closeWorker(WorkerID)
  /// A line for the log.
  case log(String)
}

/// What can be chosen about scheduling.
package struct SchedulerSettings: Sendable {
  /// Identifies this scheduler's life: handles of another one mean nothing.
  package var epoch: UInt64 = 1
  /// How many workers may die of a task before it fails.
  package var allowedFailures = 3
  /// How long the supervisor of a lost worker may take to tell what it died of, before those are blamed that may have run.
  package var reportNanoseconds: Int64 = 1_500_000_000
  /// Tasks given to a worker for each of its threads when nothing is known of their duration.
  package var saturation = 1.1
  /// How much work a worker has in hand at most, when durations are known: enough to bridge a round trip.
  package var queueNanoseconds: Int64 = 2_000_000
  /// Tasks with the trait `isBlocking` that a worker is given at one time, beside the others: as many as it runs.
  package var blockingTasks = 64
  /// A worker with less work in hand than this, for each thread, is given tasks ahead of their inputs, where workers compute those
  /// already. So it has work while the scheduler hears of what has ended; 0: never.
  package var aheadNanoseconds: Int64 = 1_000_000
  /// Whether such a task may also wait for other workers, which then push what it needs. It saves the way over the scheduler, and
  /// costs messages between workers: Docs/Benchmarks.md has what was measured.
  package var givesAheadAcross = true
  /// Assumed of a task of whose label none has ended.
  package var unknownNanoseconds: Int64 = 500_000_000
  package var bytesPerSecond = 1e9
  /// A worker or client that is silent for longer is gone.
  package var silenceNanoseconds: Int64 = 300_000_000_000
  package var heartbeatNanoseconds: Int64 = 1_000_000_000
  /// For how long the results that a client wanted are kept when its connection is lost; a client that comes back (under
  /// a new number) names them again in this time.
  package var clientGraceNanoseconds: Int64 = 0
  /// The same for what the tasks of a worker wanted.
  package var insideGraceNanoseconds: Int64 = 10_000_000_000
  /// Bytes of small results that are kept here.
  package var inlineBudgetBytes = 256 << 20
  /// Tasks that can be known at one time.
  package var taskLimit = 1 << 28
  /// Dependencies that can be known at one time.
  package var dependencyLimit = 1 << 30
  /// A worker that has nothing to do, but should, for so long: its tasks are given out again.
  package var watchdogNanoseconds: Int64 = 30_000_000_000
  /// Transitions that are remembered for stories.
  package var storyLength = 1 << 16
  /// The share of a worker's memory above which it gives results away.
  package var memoryShare = 0.6
  /// Smaller results are not worth moving.
  package var leastMoveBytes: Int64 = 4096
  /// How long a task waits for a worker that may run it before somebody is told.
  package var strandedNanoseconds: Int64 = 5_000_000_000
  /// How long a task waits for a worker that knows its function, while others are there.
  package var lackingPatienceNanoseconds: Int64 = 5_000_000_000
  /// Copies that are under way at one time, and for how long one is waited for.
  package var moveLimit = 64
  package var moveNanoseconds: Int64 = 30_000_000_000
  /// How often the results of a worker that retires are offered to others.
  package var evacuationNanoseconds: Int64 = 2_000_000_000
  /// Names that can be published at one time.
  package var publishedLimit = 1 << 16

  package init() {}
}

/// Decides which worker computes which task, and what is kept where.
///
/// A value without any I/O: events go in, actions come out, time is part of the events. The same events give the same
/// actions in every process. After a batch of events the shell calls `flush`, which hands out the collected assignments:
/// one message a worker.
///
/// Functions that are called for every task are `mutating` even where they only look: before a mutating function calls one that
/// is not, the compiler copies the whole core to the stack, 1.5 KB.
package struct SchedulerCore: ~Copyable, Sendable {
  package let settings: SchedulerSettings
  package internal(set) var now = Timestamp(nanoseconds: 0)

  var tasks = Table<TaskRecord>()
  var freeSlots: [UInt32] = []
  var table = DigestTable()
  var dependencies = Dependencies()
  /// Left: the task; right: the worker that holds its result.
  var holders = Relation()
  /// Left: the task; right: the client that wants it.
  var wants = Relation()
  var assignments = Assignments()

  var kinds = TaskKinds()
  var prefixes = Prefixes()
  var labels = Names()
  var types = Names()
  var functions = Names()
  var functionNames: [FunctionName?] = []
  var traits: [WorkTraits] = [WorkTraits()]
  var traitUses: [Int] = [1]
  var freeTraits: [UInt32] = []
  var statistics = LabelStatistics()

  var inlines = InlineResults()
  // Only looked up by slot, never walked.
  /// How many names and shared values stand for a task.
  var keeps: [UInt32: UInt32] = [:]
  var failures: [UInt32: FailureRecord] = [:]
  var deathsByTask: [UInt32: [WorkerDeath]] = [:]
  /// Lost workers whose supervisors have not told yet what they died of, in the order of their loss.
  var inquests: [Inquest] = []
  var copies = Copies()

  var workers: [WorkerRecord] = []
  var livingWorkerCount = 0
  var loads = Table<WorkerLoad>()
  /// Open workers that have fewer tasks than they are given in any case.
  var hungry = WorkerSet()
  /// Open workers that would take another short task.
  var roomy = WorkerSet()
  /// Open workers without any task for their threads.
  var idle = WorkerSet()
  /// Open workers that would take another blocking task.
  var patient = WorkerSet()
  var clients: [ClientRecord] = []
  /// Clients whose connections are lost, and whose wants still count for a while.
  var leavingClients: [ClientID] = []
  /// Clients that are gone and want nothing. Their numbers are free with the next flush: until then there may be actions that
  /// name them.
  var leftClients: [ClientID] = []
  var freeClients: [ClientID] = []
  /// Ready tasks of each client.
  var queues: [ReadyQueue] = []
  /// Clients whose queues are not empty.
  var queuedClients: [UInt32] = []
  /// Ready tasks that have threads of their own, of all clients.
  var readyBlocking = ReadyQueue()
  /// Graphs that tasks have submitted.
  var insideGraphs: UInt32 = 0
  /// Tasks that no worker may run now.
  var unplaceable: [UInt32] = []
  /// Since when no worker has known a function that one of those calls. Only looked up.
  var lackingSince: [UInt32: Timestamp] = [:]
  var lackingLookedAt = Timestamp(nanoseconds: 0)
  // Only looked up, by cause and by task.
  /// Tasks that no worker may run.
  var stranded: [Stranded.Cause: Stranded] = [:]
  /// Since when those of them wait that do not wait without end.
  var impatient: [UInt32: Timestamp] = [:]
  var strandedLookedAt = Timestamp(nanoseconds: 0)
  /// Attempts that are due later.
  var timers = Heap<Int64>()
  /// Graphs whose clients are told how far they are.
  var watches = GraphWatches()
  /// Graphs whose last piece has not come: what their client wants of them.
  var openGraphs: [OpenGraph] = []

  var outboxes: [WorkerOutbox] = []
  /// Workers whose outboxes are not empty.
  var listedWorkers: [UInt32] = []
  var finishedForClients: [[FinishedResult]] = []
  /// Clients that have results in `finishedForClients`.
  var listedClients: [UInt32] = []
  /// Clients that have released results that they are not told of yet, perhaps.
  var forgetfulClients: [UInt32] = []
  /// Tasks that somebody has stopped to need, until they are looked at.
  var unneeded: [UInt32] = []
  var isSettling = false
  /// Tasks whose last input has come, until they are looked at.
  var becomingReady: [UInt32] = []
  var isReadying = false
  /// News for clients, until the next flush.
  var failedForClients: [(client: ClientID, task: TaskHandle, failure: FailureRecord)] = []
  var recomputing: [(client: ClientID, task: TaskHandle)] = []
  /// Where a look at all workers began last, so that a bounded look sees all of them in turn.
  var cursor: UInt32 = 0
  var placing = Placing()
  /// The worker that got the last task without inputs, and how many more of them it gets.
  var neighbours: (worker: UInt32?, left: Int) = (nil, 0)
  /// Tasks that were just given to workers: what needs them may follow at once.
  var justAssigned: [UInt32] = []
  /// Workers that have less in hand now, and that tasks wait for which could be given ahead.
  var refills: [UInt32] = []
  /// Whether the result that is noted now was sent to the workers that wait for it.
  var isPushed = false
  /// How often it was looked which tasks are given out next.
  var foresights = 0
  /// What clients and tasks share by name.
  var coordination: Coordination
  /// Who waits for workers that were started anew.
  var restarts = Restarts()
  // Only looked up by name; sorted where it is listed.
  var published: [String: [TaskHandle]] = [:]
  /// How many tasks are in each state.
  var stateCounts = [Int](repeating: 0, count: TaskState.allCases.count)
  var story: Story
  /// How often a task changed its state.
  package internal(set) var transitionCount = 0
  /// Runs whose work was lost with their worker, or given up: what may be computed again.
  package internal(set) var lostRuns = 0
  /// Tasks that are computed once more, because their results were lost, or dropped before something that needs them was.
  package internal(set) var repeatedTasks = 0

  /// What a worker is told at the next flush.
  struct WorkerOutbox: Sendable {
    var compute: [ComputeTask] = []
    var release: [TaskHandle] = []
    var cancel: [TaskRun] = []
    var fetch: [InputRef] = []
    var named: [NamedTask] = []
    var inputs: [InputRef] = []
    var push: [PushOrder] = []
    var isEmpty: Bool {
      compute.isEmpty && release.isEmpty && cancel.isEmpty && fetch.isEmpty && named.isEmpty && inputs.isEmpty
        && push.isEmpty
    }
  }

  /// A graph of which pieces are missing.
  struct OpenGraph: Sendable {
    let client: ClientID
    let graph: UInt32
    var wanted: [UInt32]
    /// Its tasks so far, each pinned.
    var tasks: [UInt32]
    var number: UInt32
    var order: UInt64
    /// Where in its order its layers begin, when it has any.
    var layersBegin: UInt64?
    /// Its other pieces are on their way, and ignored.
    var isRefused = false
  }

  deinit {
    for slot in tasks.indices where tasks[slot].isUsed { tasks[slot].arguments.forget() }
  }

  /// A scheduler without workers and clients.
  package init(settings: SchedulerSettings = SchedulerSettings()) {
    self.settings = settings
    story = Story(capacity: settings.storyLength)
    coordination = Coordination()
  }

  /// Takes an event; what has to be done is appended to `actions`.
  package mutating func handle(_ event: SchedulerEvent, at now: Timestamp, _ actions: inout [SchedulerAction]) {
    self.now = max(now, self.now)
    switch event {
    case .clientConnected(let client): connect(client)
    case .clientSaid(let client, let message): hear(client, message, &actions)
    case .clientLost(let client): lose(client, &actions)
    case .workerRegistered(let worker, let registration): register(worker, registration, &actions)
    case .workerSaid(let worker, let message): hear(worker, message, &actions)
    case .workerLost(let worker, let death, let started):
      lose(worker, death, started: started, awaitsReport: true, &actions)
    case .tick: tick(&actions)
    }
    dispatch(&actions)
  }

  /// Hands out what was collected since the last flush.
  package mutating func flush(_ actions: inout [SchedulerAction]) {
    listedWorkers.sort()
    for number in listedWorkers {
      loads[Int(number)].isListed = false
      let worker = WorkerID(rawValue: number)
      let box = outboxes[Int(number)]
      outboxes[Int(number)] = WorkerOutbox()
      // Names before anything that uses them.
      if !box.named.isEmpty { actions.append(.tellWorker(worker, .named(box.named))) }
      // A release before a fetch or an assignment that may bring the same result back.
      if !box.cancel.isEmpty { actions.append(.tellWorker(worker, .cancel(box.cancel))) }
      if !box.release.isEmpty { actions.append(.tellWorker(worker, .release(box.release))) }
      if !box.fetch.isEmpty { actions.append(.tellWorker(worker, .fetch(box.fetch))) }
      if !box.compute.isEmpty { actions.append(.tellWorker(worker, .compute(box.compute))) }
      // What was expected when a task was given out may be there by now.
      if !box.inputs.isEmpty { actions.append(.tellWorker(worker, .inputs(box.inputs))) }
      // It knows what to push.
      if !box.push.isEmpty { actions.append(.tellWorker(worker, .push(box.push))) }
    }
    listedWorkers.removeAll(keepingCapacity: true)
    freeClients += leftClients
    leftClients.removeAll()
    for number in forgetfulClients {
      finishedForClients[Int(number)] = finishedForClients[Int(number)].filter { result in
        slot(of: result.task).map { isWanted($0, by: ClientID(rawValue: number)) } ?? false
      }
    }
    forgetfulClients.removeAll(keepingCapacity: true)
    listedClients.sort()
    for number in listedClients where !finishedForClients[Int(number)].isEmpty {
      actions.append(.tellClient(ClientID(rawValue: number), .finished(finishedForClients[Int(number)])))
      finishedForClients[Int(number)] = []
    }
    listedClients.removeAll(keepingCapacity: true)
    if recomputing.isEmpty, failedForClients.isEmpty { return }
    // What is there again, or was tried again, since it was lost or has failed: that it is there was just told.
    for news in recomputing
    where clients[Int(news.client.rawValue)].isAlive && state(of: news.task) != .memory {
      actions.append(.tellClient(news.client, .recomputing([news.task])))
    }
    for news in failedForClients
    where clients[Int(news.client.rawValue)].isAlive && (state(of: news.task) ?? .failed) == .failed {
      actions.append(.tellClient(news.client, .failed(news.task, news.failure)))
    }
    recomputing = []
    failedForClients = []
  }

  // MARK: Tasks by handle

  func handle(of slot: UInt32) -> TaskHandle { TaskHandle(slot: slot, generation: tasks[Int(slot)].generation) }

  /// The slot behind a handle that still means what it meant.
  func slot(of handle: TaskHandle) -> UInt32? {
    guard Int(handle.slot) < tasks.count, tasks[Int(handle.slot)].isUsed,
      tasks[Int(handle.slot)].generation == handle.generation
    else { return nil }
    return handle.slot
  }

  private func state(of handle: TaskHandle) -> TaskState? { slot(of: handle).map { tasks[Int($0)].state } }

  func slot(of digest: Digest128) -> UInt32? { table.slot(of: digest) { tasks[Int($0)].digest } }

  /// Whether somebody wants the result, or a task that will run.
  func isNeeded(_ slot: UInt32) -> Bool {
    tasks[Int(slot)].waiters > 0 || tasks[Int(slot)].firstWant != Relation.none || tasks[Int(slot)].isKept
  }

  /// The outbox of a worker, who is told at the next flush what is put in it.
  @inline(__always)
  mutating func list(_ worker: Int) {
    if loads[worker].isListed { return }
    loads[worker].isListed = true
    listedWorkers.append(UInt32(worker))
  }

  mutating func tellRelease(_ worker: Int, _ task: TaskHandle) {
    list(worker)
    outboxes[worker].release.append(task)
  }

  /// Whether a worker holds a task's result.
  mutating func isHeld(_ slot: UInt32, by worker: UInt32) -> Bool {
    holders.contains(worker, from: tasks[Int(slot)].firstHolder)
  }

  /// Whether a client wants a task's result.
  func isWanted(_ slot: UInt32, by client: ClientID) -> Bool {
    wants.contains(client.rawValue, from: tasks[Int(slot)].firstWant)
  }

  /// A client wants a task's result, if it does not already.
  mutating func addWant(_ slot: UInt32, _ client: ClientID) {
    if isWanted(slot, by: client) { return }
    wants.add(slot, client.rawValue, first: &tasks[Int(slot)].firstWant)
  }

  func label(of slot: UInt32) -> UInt32 { kinds[tasks[Int(slot)].kind].label }

  func labelText(of slot: UInt32) -> String { labels[label(of: slot)] }

  func traits(of slot: UInt32) -> WorkTraits { traits[Int(kinds[tasks[Int(slot)].kind].traits)] }

  /// The name of the type of a result in memory.
  mutating func typeName(of slot: UInt32) -> String {
    let number = tasks[Int(slot)].resultType
    return number == Names.none ? "" : types[number]
  }

  /// The inputs of a task, in their order.
  func inputs(of slot: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var edge = tasks[Int(slot)].firstInput
    while edge != Dependencies.none {
      found.append(dependencies[edge].input)
      edge = dependencies[edge].nextInput
    }
    return found
  }

  /// The tasks that need a task.
  func dependents(of slot: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var edge = tasks[Int(slot)].firstDependent
    while edge != Dependencies.none {
      found.append(dependencies[edge].dependent)
      edge = dependencies[edge].nextDependent
    }
    return found
  }

  /// Whether exactly one worker holds a result.
  func hasOneHolder(_ slot: UInt32) -> Bool {
    let first = tasks[Int(slot)].firstHolder
    return first != Relation.none && holders.nextOfLeft(first) == Relation.none
  }

  /// The number of tasks that are known.
  package var taskCount: Int { tasks.count - freeSlots.count }

  /// What happened to a task, a line an event, as far as it is remembered.
  package func story(of digest: Digest128) -> [String] { story.lines(of: digest) + plight(of: digest) }
}

/// What is known of the tasks of a label.
struct LabelStatistics: Sendable {
  private var nanoseconds: [Double] = []
  private var bytes: [Double] = []

  /// Notes a task that has ended. Half of the weight is the past's.
  mutating func note(_ label: UInt32, nanoseconds time: Int64, bytes size: Int64) {
    while nanoseconds.count <= Int(label) {
      nanoseconds.append(-1)
      bytes.append(-1)
    }
    let place = Int(label)
    nanoseconds[place] = nanoseconds[place] < 0 ? Double(time) : 0.5 * (nanoseconds[place] + Double(time))
    bytes[place] = bytes[place] < 0 ? Double(size) : 0.5 * (bytes[place] + Double(size))
  }

  /// How long a task of the label will take; nil when none has ended.
  func nanoseconds(_ label: UInt32) -> Int64? {
    Int(label) < nanoseconds.count && nanoseconds[Int(label)] >= 0 ? Int64(nanoseconds[Int(label)]) : nil
  }

  /// What its result will take; 0 when nobody knows.
  func bytes(_ label: UInt32) -> Int64 { Int(label) < bytes.count ? max(0, Int64(bytes[Int(label)])) : 0 }

  /// The label's number is free for another label.
  mutating func forget(_ label: UInt32) {
    guard Int(label) < nanoseconds.count else { return }
    nanoseconds[Int(label)] = -1
    bytes[Int(label)] = -1
  }
}
