import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler
@testable import MartletWorker

/// A real scheduler and real workers, and between them queues that the test empties in the order that it wants. All tables are
/// recomputed after every event.
///
/// Tasks are numbers; `jobs` says what they need and how large their results are. Bodies end when the test says so.
final class Stage {
  struct Job {
    var inputs: [Int] = []
    var bytes: Int64 = 5000
    var traits: WorkTraits?
  }

  /// A worker with what lies before it, and what it has said that has not arrived.
  struct Member {
    var core: WorkerCore
    var id: WorkerID
    let name: String
    var registration: WorkerRegistration
    var isAlive = true
    var bodies: [ExecutionID: Int] = [:]
    var hears: [SchedulerToWorker] = []
    var says: [WorkerToScheduler] = []
    var requests: [(from: Int, PeerRequest)] = []
    var replies: [(from: WorkerID, PeerReply)] = []
  }

  var scheduler: SchedulerCore
  var members: [Member] = []
  let jobs: [Job]
  var now: Int64 = 0
  /// How many bodies of each job were begun.
  var runs: [Int]
  /// How often each job was told to be finished.
  var finishes: [Int]
  /// What each client was told.
  var told: [[SchedulerToClient]] = []
  /// Workers for which the test speaks.
  var strangers: Set<WorkerID> = []
  /// The scheduler's handles of wanted jobs.
  var handles: [Int: TaskHandle] = [:]
  private var jobsByTask: [TaskHandle: Int] = [:]
  private var graphs: UInt32 = 0
  private var nextWorker: UInt32 = 0

  init(
    workers: Int, threads: Int = 1, memoryLimit: Int64 = 0, resources: [ResourceAmount] = [], clients: Int = 1,
    _ jobs: [Job], _ change: (inout SchedulerSettings) -> Void = { _ in }
  ) {
    var settings = SchedulerSettings()
    change(&settings)
    scheduler = SchedulerCore(settings: settings)
    self.jobs = jobs
    runs = jobs.map { _ in 0 }
    finishes = runs
    for client in 0..<clients {
      told.append([])
      tell(.clientConnected(ClientID(rawValue: UInt32(client))))
    }
    for _ in 0..<workers { addWorker(threads: threads, memoryLimit: memoryLimit, resources: resources) }
  }

  static func digest(_ job: Int) -> Digest128 { Digest128(low: 25, high: 4).member(UInt64(job)) }

  // MARK: Events

  func tell(_ event: SchedulerEvent) {
    var actions: [SchedulerAction] = []
    scheduler.handle(event, at: Timestamp(nanoseconds: now), &actions)
    scheduler.flush(&actions)
    let broken = scheduler.brokenInvariant()
    #expect(broken == nil, "after \(event)")
    for action in actions {
      switch action {
      case .tellClient(let client, let message): told[Int(client.rawValue)].append(message)
      case .tellWorker(let worker, let message):
        guard let member = members.firstIndex(where: { $0.id == worker && $0.isAlive }) else { break }
        members[member].hears.append(message)
      case .closeClient, .closeWorker, .log: break
      }
    }
  }

  func say(client: Int = 0, _ message: ClientToScheduler) {
    tell(.clientSaid(ClientID(rawValue: UInt32(client)), message))
  }

  func tell(_ member: Int, _ event: WorkerEvent) {
    var events = [event]
    while !events.isEmpty {
      let next = events.removeFirst()
      var actions: [WorkerAction] = []
      members[member].core.handle(next, at: Timestamp(nanoseconds: now), &actions)
      members[member].core.flush(&actions)
      let broken = members[member].core.brokenInvariant()
      #expect(broken == nil, "worker \(member) after \(next)")
      for action in actions { act(member, action, &events) }
    }
  }

  private func act(_ member: Int, _ action: WorkerAction, _ events: inout [WorkerEvent]) {
    switch action {
    case .tellScheduler(let message):
      members[member].says.append(message)
      if case .finished(let ends) = message {
        for end in ends { if let job = jobsByTask[end.task] { finishes[job] += 1 } }
      }
    case .connectPeer(let peer):
      let isThere = strangers.contains(peer.worker) || members.contains { $0.id == peer.worker && $0.isAlive }
      events.append(isThere ? .peerConnected(peer.worker) : .peerLost(peer.worker))
    case .askPeer(let peer, let request):
      guard let other = members.firstIndex(where: { $0.id == peer }) else { break }
      members[other].requests.append((member, request))
    case .sendData(let requester, let request, let served, let missing):
      let asker = Int(requester.rawValue)
      let from = members[member].id
      for value in served {
        let bytes = jobsByTask[value.task].map { jobs[$0].bytes } ?? 0
        members[asker].replies.append(
          (from, .data(request: request, task: value.task, type: value.type, byteCount: bytes)))
      }
      for task in missing { members[asker].replies.append((from, .missing(request: request, task: task))) }
      members[asker].replies.append((from, .done(request: request)))
      events.append(.dataSent(requester, request: request))
    case .refuseData(let requester, let request, .busy(let again)):
      members[Int(requester.rawValue)].replies.append(
        (members[member].id, .busy(request: request, retryAfterNanoseconds: again)))
    case .stopSending(let requester, let request): events.append(.dataSent(requester, request: request))
    case .run(let execution, let task, _, _):
      guard let job = jobsByTask[task.task] else { break }
      runs[job] += 1
      members[member].bodies[execution] = job
    case .stop: members[member].isAlive = false
    case .disconnectPeer(let peer): members[member].replies.removeAll { $0.from == peer }
    default: break
    }
  }

  // MARK: Workers

  func addWorker(threads: Int = 1, memoryLimit: Int64 = 0, resources: [ResourceAmount] = []) {
    var settings = WorkerSettings()
    settings.threads = threads
    settings.memoryLimit = memoryLimit
    let name = "w\(members.count)"
    members.append(
      Member(
        core: WorkerCore(settings: settings), id: WorkerID(rawValue: nextWorker), name: name,
        registration: WorkerRegistration(
          name: name, address: name, host: "h", threads: UInt32(threads), memoryLimit: memoryLimit,
          resources: resources, functions: [FunctionName(name: "f", version: 1)])))
    connect(members.count - 1)
  }

  /// A worker has a connection to the scheduler, and a new number.
  func connect(_ member: Int) {
    members[member].id = WorkerID(rawValue: nextWorker)
    nextWorker += 1
    members[member].hears = []
    members[member].says = []
    let registration = members[member].core.registration(base: members[member].registration)
    tell(member, .schedulerConnected)
    tell(.workerRegistered(members[member].id, registration))
    deliver(to: member)
  }

  /// It is no more; nobody knows.
  func crash(_ member: Int) {
    members[member].isAlive = false
    members[member].hears = []
    members[member].says = []
  }

  /// The scheduler learns that a connection is gone.
  func notice(_ member: Int) {
    let death = WorkerDeath(worker: members[member].name, host: "h", cause: "connection lost")
    tell(.workerLost(members[member].id, death, started: nil))
  }

  /// A worker learns that its connection to another one is gone.
  func breakLink(of member: Int, to other: Int) {
    members[other].requests.removeAll { $0.from == member }
    tell(member, .peerLost(members[other].id))
  }

  // MARK: What lies in the queues

  /// A worker hears what the scheduler has said to it.
  func deliver(to member: Int) {
    while members[member].isAlive, !members[member].hears.isEmpty {
      let message = members[member].hears.removeFirst()
      if case .compute(let tasks) = message {
        for task in tasks {
          note(task.task, task.digest)
          for input in task.inputs { note(input.task, input.digest) }
        }
      }
      if case .fetch(let inputs) = message { for input in inputs { note(input.task, input.digest) } }
      tell(member, .schedulerSaid(message))
    }
  }

  private func note(_ task: TaskHandle, _ digest: Digest128) {
    if let job = jobs.indices.first(where: { Stage.digest($0) == digest }) { jobsByTask[task] = job }
  }

  /// The scheduler hears what a worker has said.
  func deliver(from member: Int) {
    while !members[member].says.isEmpty {
      tell(.workerSaid(members[member].id, members[member].says.removeFirst()))
    }
  }

  /// A worker gets to the requests of others.
  func serve(_ member: Int) {
    while members[member].isAlive, !members[member].requests.isEmpty {
      let (from, request) = members[member].requests.removeFirst()
      tell(member, .dataRequested(RequesterID(rawValue: UInt64(from)), request))
    }
  }

  /// What others have sent to a worker arrives.
  func receive(_ member: Int) {
    while members[member].isAlive, !members[member].replies.isEmpty {
      let (from, reply) = members[member].replies.removeFirst()
      if case .data(let request, let task, _, let bytes) = reply,
        !members[member].core.mayReceive(from, request: request, task, byteCount: bytes)
      {
        continue
      }
      tell(member, .peerSaid(from, reply))
    }
  }

  /// Everything arrives, until nothing moves. `ends`: bodies end, too.
  func settle(ends: Bool = true) {
    for _ in 0..<1000 {
      var isQuiet = true
      for member in members.indices where members[member].isAlive {
        let queues = members[member]
        if !queues.hears.isEmpty || !queues.says.isEmpty || !queues.requests.isEmpty || !queues.replies.isEmpty {
          isQuiet = false
        }
        deliver(to: member)
        deliver(from: member)
        serve(member)
        receive(member)
        if ends, let body = members[member].bodies.min(by: { $0.key.rawValue < $1.key.rawValue }) {
          isQuiet = false
          end(body.value)
        }
      }
      if isQuiet { return }
    }
    Issue.record("there is no end")
  }

  /// Time passes, and all notice.
  func pass(_ nanoseconds: Int64) {
    now += nanoseconds
    tell(.tick)
    for member in members.indices where members[member].isAlive { tell(member, .tick) }
  }

  // MARK: Jobs

  /// A client sends jobs, and wants some. What they need is among them, or the scheduler knows it.
  func submit(client: Int = 0, _ list: [Int], wanted: [Int], arguments: [UInt8] = []) {
    graphs += 1
    var piece = Submission(graph: graphs, isLast: true)
    piece.functions = [FunctionName(name: "f", version: 1)]
    piece.labels = ["job"]
    for (place, job) in list.enumerated() {
      var number: UInt32 = 0
      if let traits = jobs[job].traits {
        piece.traits.append(traits)
        number = UInt32(piece.traits.count)
      }
      let dependencies = jobs[job].inputs.map { input -> SubmittedDependency in
        guard let earlier = list.prefix(place).firstIndex(of: input) else { return .known(Stage.digest(input)) }
        return .back(UInt32(place - earlier))
      }
      piece.tasks.append(
        SubmittedTask(
          digest: Stage.digest(job), label: 0, traits: number, work: .call(function: 0, arguments: arguments),
          dependencies: dependencies))
    }
    piece.wanted = wanted.map { job in UInt32(list.firstIndex(of: job) ?? 0) }
    let known = told[client].count
    say(client: client, .submit(piece))
    for case .accepted(graphs, let tasks) in told[client].dropFirst(known) {
      for (job, task) in zip(wanted, tasks) {
        handles[job] = task
        jobsByTask[task] = job
      }
    }
  }

  /// The worker that runs a job now.
  func runner(of job: Int) -> Int? {
    members.firstIndex { $0.isAlive && $0.bodies.values.contains(job) }
  }

  /// A job's body ends with its result.
  func end(_ job: Int, nanoseconds: Int64 = 1_000_000) {
    guard let member = runner(of: job),
      let execution = members[member].bodies.first(where: { $0.value == job })?.key
    else {
      Issue.record("job \(job) does not run")
      return
    }
    members[member].bodies[execution] = nil
    tell(
      member,
      .taskEnded(execution, nanoseconds: nanoseconds, byteCount: jobs[job].bytes, type: "T", inline: nil))
  }

  /// A job's body throws.
  func fail(_ job: Int) {
    guard let member = runner(of: job),
      let execution = members[member].bodies.first(where: { $0.value == job })?.key
    else {
      Issue.record("job \(job) does not run")
      return
    }
    members[member].bodies[execution] = nil
    let failure = FailureRecord(.threw, key: Stage.digest(job), label: "job", message: "job \(job) throws")
    tell(member, .taskFailed(execution, failure))
  }

  /// The workers that hold a job's result, as the scheduler knows.
  func holders(of job: Int) -> [Int] {
    guard let slot = scheduler.slot(of: Stage.digest(job)) else { return [] }
    let found = scheduler.holders.rights(from: scheduler.tasks[Int(slot)].firstHolder)
    return members.indices.filter { member in found.contains(members[member].id.rawValue) }
  }

  func state(of job: Int) -> TaskState? {
    scheduler.slot(of: Stage.digest(job)).map { scheduler.tasks[Int($0)].state }
  }

  /// How many workers died of a job, as far as is known.
  func deaths(of job: Int) -> Int {
    scheduler.slot(of: Stage.digest(job)).map { Int(scheduler.tasks[Int($0)].deaths) } ?? 0
  }

  /// Whether a client was told that a job's result is there.
  func isFinished(_ job: Int, client: Int = 0) -> Bool {
    told[client].contains { message in
      if case .finished(let results) = message { results.contains { $0.task == handles[job] } } else { false }
    }
  }

  func failure(of job: Int, client: Int = 0) -> FailureRecord? {
    for case .failed(let task, let failure) in told[client] where task == handles[job] { return failure }
    return nil
  }

  /// A client lets go of jobs.
  func release(client: Int = 0, _ list: [Int]) {
    say(client: client, .release(list.compactMap { handles[$0] }))
  }

  /// Nothing is left anywhere.
  func expectNothingLeft() {
    settle()
    let left = scheduler.leftover()
    #expect(left == nil)
    for member in members where member.isAlive {
      let left = member.core.leftover()
      #expect(left == nil, "\(member.name)")
    }
  }
}
