import MartletBytes
import MartletProtocol
import TestSupport

@testable import MartletClient
@testable import MartletScheduler

struct Broken: Error, CustomStringConvertible { let description: String }

/// A client's core that talks to a scheduler's core, with workers as simple as they can be, over connections that keep
/// their order, delay, and break. Time is a queue of deliveries.
struct ModelSession: ~Copyable {
  /// A task: its number is its value's seed, its inputs are earlier tasks.
  struct Job {
    var inputs: [Int] = []
    var fails = false
    var isSignal = false
    /// Brought along by the client.
    var isData = false
  }

  /// Something that arrives; `link`: the connection to the scheduler that it came over, dropped when that is cut.
  enum Delivery {
    case toScheduler(SchedulerEvent, link: Int?)
    case toWorker(Int, SchedulerToWorker, epoch: UInt64)
    case toClient(ClientEvent, link: Int?)
    case fromPeer(Int, PeerReply, value: UInt64?, connection: Int)
    case toPeer(Int, PeerRequest, connection: Int)
    case ends(worker: Int, TaskHandle, RunID, epoch: UInt64)
    case connectScheduler
    case connectPeer(Int)
    case register(Int, epoch: UInt64)
  }

  struct Worker {
    var isAlive = true
    var id: WorkerID?
    var threads: Int
    var values: [TaskHandle: UInt64] = [:]
    var brought: [Digest128: UInt64] = [:]
    var queue: [ComputeTask] = []
    var running: [TaskHandle: ComputeTask] = [:]
    var holders: [TaskHandle: [PeerRef]] = [:]
    /// The run whose result those have.
    var heldRuns: [TaskHandle: RunID] = [:]
    /// What was said of inputs that were expected.
    var known: [TaskHandle: InputRef] = [:]
    /// The client's connection to it.
    var connection = 0
    var isConnected = false
  }

  var client: ClientCore
  var scheduler: SchedulerCore
  var random: SeededGenerator
  var jobs: [Job]
  var expected: [UInt64]
  var failing: [Bool]
  var now: Int64 = 0
  var workers: [Worker] = []
  var isFaulty = true
  private var queue: [(time: Int64, sequence: Int, delivery: Delivery)] = []
  private var sequence = 0
  private var lastTimes: [String: Int64] = [:]
  private var digests: [TaskHandle: Digest128] = [:]
  private var jobsByDigest: [Digest128: Int] = [:]
  private(set) var link = 0
  private var isLinked = false
  private var clientNumber: UInt32 = 0
  private var workerCount: UInt32 = 0
  private var epoch: UInt64 = 1

  // The shell's and the program's side.
  var values: [FutureID: UInt64] = [:]
  var failures: [FutureID: FailureRecord] = [:]
  var submitted: [SubmissionID: [FutureID]] = [:]
  var refused: [SubmissionID: FailureRecord] = [:]
  var answers: [RequestID: ClientAnswer] = [:]
  /// Futures that an answer has given; they are released at once.
  private var granted: [FutureID] = []
  var valueFailures = 0
  var lostReason: String?
  var progressCount = 0
  var lastProgress: [SubmissionID: ClientProgress] = [:]

  init(seed: UInt64, jobs: [Job]) {
    random = SeededGenerator(seed: seed)
    var settings = ClientSettings()
    settings.firstBackoffNanoseconds = 20
    settings.longestBackoffNanoseconds = 400
    settings.reconnectNanoseconds = 1_000_000_000
    settings.fetchAttempts = 1_000
    settings.bytesInFlight = random.chance(50) ? 12_000 : 1 << 30
    settings.batchCount = 1 + random.below(4)
    settings.gatherWindow = 1 + random.below(4)
    settings.keysInMessage = 1 + random.below(5)
    settings.fetchTimeoutNanoseconds = 20_000
    settings.idleNanoseconds = 2_000
    client = ClientCore(settings: settings)
    scheduler = SchedulerCore()
    self.jobs = jobs
    expected = []
    failing = []
    for (number, job) in jobs.enumerated() {
      jobsByDigest[Self.digest(number)] = number
      expected.append(Self.value(of: number, job.inputs.map { expected[$0] }, job.isSignal))
      failing.append(job.fails || job.inputs.contains { failing[$0] })
    }
    restart(first: true)
    for _ in 0..<(2 + random.below(3)) { addWorker() }
  }

  static func digest(_ job: Int) -> Digest128 { Digest128(low: 77, high: 99).member(UInt64(job)) }

  static func value(of job: Int, _ inputs: [UInt64], _ isSignal: Bool) -> UInt64 {
    isSignal ? 0 : inputs.reduce(UInt64(job) &* 0x9e37_79b9) { $0 &* 31 &+ $1 &+ 1 }
  }

  static func bytes(_ value: UInt64) -> [UInt8] { Int64(bitPattern: value).portableBytes() }
  static func value(_ bytes: [UInt8]) -> UInt64 {
    bytes.isEmpty ? 0 : (try? UInt64(bitPattern: Int64(portableBytes: bytes))) ?? 1
  }

  // MARK: Time

  mutating func send(_ delivery: Delivery, order: String?, within delay: Int) {
    var time = now + 1 + Int64(random.below(max(1, delay)))
    if let order {
      time = max(time, (lastTimes[order] ?? 0) + 1)
      lastTimes[order] = time
    }
    let entry = (time: time, sequence: sequence, delivery: delivery)
    sequence += 1
    var low = 0
    var high = queue.count
    while low < high {
      let middle = (low + high) / 2
      if (queue[middle].time, queue[middle].sequence) > (entry.time, entry.sequence) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    queue.insert(entry, at: low)
  }

  var isIdle: Bool { queue.isEmpty }

  mutating func step() throws -> Bool {
    guard let next = queue.popLast() else { return false }
    now = max(now, next.time)
    switch next.delivery {
    case .toScheduler(let event, let link): if link == nil || link == self.link { try hand(event) }
    case .toWorker(let worker, let message, let epoch):
      if workers[worker].isAlive, epoch == self.epoch { tell(worker, message) }
    case .toClient(let event, let link): if link == nil || link == self.link { try hand(event) }
    case .ends(let worker, let task, let run, let epoch):
      if workers[worker].isAlive, epoch == self.epoch { end(worker, task, run) }
    case .fromPeer(let worker, let reply, let value, let connection):
      guard workers[worker].isConnected, workers[worker].connection == connection else { break }
      try hand(reply, value, from: worker)
    case .toPeer(let worker, let request, let connection):
      guard workers[worker].isAlive, workers[worker].isConnected, workers[worker].connection == connection else {
        break
      }
      serve(worker, request)
    case .connectScheduler: try connectScheduler()
    case .connectPeer(let worker):
      guard workers[worker].isAlive, !(isFaulty && random.chance(10)) else {
        try hand(.workerLost("a\(worker)"))
        break
      }
      workers[worker].connection += 1
      workers[worker].isConnected = true
      try hand(.workerConnected("a\(worker)"))
    case .register(let worker, let epoch): if workers[worker].isAlive, epoch == self.epoch { register(worker) }
    }
    return true
  }

  mutating func tick() throws {
    now += 100
    try hand(SchedulerEvent.tick)
    try hand(ClientEvent.tick)
  }

  // MARK: The two cores

  mutating func hand(_ event: SchedulerEvent) throws {
    var actions: [SchedulerAction] = []
    scheduler.handle(event, at: Timestamp(nanoseconds: now), &actions)
    if random.chance(70) || queue.isEmpty { scheduler.flush(&actions) }
    // Its own tests look after every event.
    if random.chance(5), let broken = scheduler.brokenInvariant() {
      throw Broken(description: "scheduler, after \("\(event)".prefix(150)): \(broken)")
    }
    for action in actions {
      switch action {
      case .tellClient(let id, let message):
        guard id.rawValue == clientNumber, isLinked else { break }
        // More tasks than fit in a frame are named in several messages.
        if case .accepted(let graph, let wanted) = message, wanted.count > 1, random.chance(50) {
          let cut = 1 + random.below(wanted.count - 1)
          for part in [wanted[..<cut], wanted[cut...]] {
            let message = SchedulerToClient.accepted(graph: graph, wanted: Array(part))
            send(.toClient(.schedulerSaid(message), link: link), order: "to client \(link)", within: 50)
          }
          break
        }
        let copy = random.chance(10) ? try SchedulerToClient(portableBytes: message.portableBytes()) : message
        send(.toClient(.schedulerSaid(copy), link: link), order: "to client \(link)", within: 50)
      case .tellWorker(let id, let message):
        guard let worker = workers.firstIndex(where: { $0.id == id }) else { break }
        send(.toWorker(worker, message, epoch: epoch), order: "w\(worker)", within: 50)
      case .closeClient, .closeWorker, .log: break
      }
    }
  }

  mutating func hand(_ event: ClientEvent) throws {
    var actions: [ClientAction] = []
    client.handle(event, at: Timestamp(nanoseconds: now), &actions)
    if random.chance(70) || queue.isEmpty { client.flush(&actions) }
    if let broken = client.brokenInvariant() { throw Broken(description: "client, after \(event): \(broken)") }
    try carryOut(actions)
    while let future = granted.popLast() { try hand(.release(future)) }
  }

  private mutating func carryOut(_ actions: [ClientAction]) throws {
    for action in actions {
      switch action {
      case .tellScheduler(let message):
        guard isLinked else { break }
        let copy = random.chance(10) ? try ClientToScheduler(portableBytes: message.portableBytes()) : message
        send(
          .toScheduler(.clientSaid(ClientID(rawValue: clientNumber), copy), link: link), order: "from client \(link)",
          within: 50)
      case .connectScheduler(let wait):
        send(.connectScheduler, order: nil, within: 1 + Int(wait) + 50)
      case .closeScheduler: break
      case .connectWorker(let address): send(.connectPeer(Int(address.dropFirst())!), order: nil, within: 50)
      case .closeWorker(let address): workers[Int(address.dropFirst())!].isConnected = false
      case .askWorker(let address, let request):
        let worker = Int(address.dropFirst())!
        guard workers[worker].isConnected else { break }
        send(
          .toPeer(worker, request, connection: workers[worker].connection), order: "to peer \(worker)", within: 50)
      case .submitted(let id, let futures): submitted[id, default: []] += futures
      case .refused(let id, let failure): refused[id] = failure
      case .resolved(let future, _, _): failures[future] = nil
      case .recomputing(let future): failures[future] = nil
      case .value(let future, _, .bytes(let bytes)):
        values[future] = Self.value(bytes)
        failures[future] = nil
      case .value(_, _, .frame): break
      case .failed(let future, let failure):
        if failure.kind == .lost { throw Broken(description: "lost: \(failure)") }
        failures[future] = failure
      case .valueFailed: valueFailures += 1
      case .forgotten(let future):
        values[future] = nil
        failures[future] = nil
      case .progress(let id, let progress):
        progressCount += 1
        lastProgress[id] = progress
      case .answered(let id, let answer):
        if case .gathered = answer, case .gathered? = answers[id] { throw Broken(description: "answered twice") }
        answers[id] = answer
        if case .futures(let list) = answer { granted += list }
        if case .future(let future) = answer { granted.append(future) }
      case .sessionLost(let reason): lostReason = reason
      case .discard, .leaseLost, .log, .advanced, .restarted, .stranded: break
      }
    }
  }

  // MARK: Connections and schedulers

  /// Both sides lose the connection, each when it notices.
  mutating func cut() {
    guard isLinked else { return }
    isLinked = false
    send(
      .toScheduler(.clientLost(ClientID(rawValue: clientNumber)), link: nil), order: "from client \(link)", within: 300)
    link += 1
    send(.toClient(.schedulerLost(reason: "cut"), link: nil), order: nil, within: 100)
  }

  private mutating func connectScheduler() throws {
    // The old connection's loss may be noticed later than the new one is there.
    if isFaulty, random.chance(30) { return try hand(.schedulerLost(reason: "refused")) }
    guard !isLinked else { return }
    clientNumber += 1
    link += 1
    isLinked = true
    send(
      .toScheduler(.clientConnected(ClientID(rawValue: clientNumber)), link: link), order: "from client \(link)",
      within: 1)
    try hand(.schedulerConnected(epoch: epoch))
  }

  /// Another scheduler: nothing of the old one is left.
  mutating func restart(first: Bool = false) {
    if !first { epoch += 1 }
    cut()
    // The clientLost of the old scheduler is no event of the new one.
    queue.removeAll { entry in
      if case .toScheduler = entry.delivery { return true }
      return false
    }
    var settings = SchedulerSettings()
    settings.epoch = epoch
    settings.clientGraceNanoseconds = random.chance(50) ? 3_000 : 0
    settings.allowedFailures = 100_000
    scheduler = SchedulerCore(settings: settings)
    clientNumber = 0
    workerCount = 0
    for number in workers.indices { workers[number].id = nil }
    for number in workers.indices where workers[number].isAlive {
      for (handle, value) in workers[number].values {
        if let digest = digests[handle] { workers[number].brought[digest] = value }
      }
      workers[number].values = [:]
      workers[number].queue = []
      workers[number].running = [:]
      workers[number].holders = [:]
      send(.register(number, epoch: epoch), order: "arrivals", within: 500)
    }
    digests = [:]
  }

  // MARK: Workers

  mutating func addWorker() {
    workers.append(Worker(threads: 1 + random.below(3)))
    send(.register(workers.count - 1, epoch: epoch), order: "arrivals", within: 20)
  }

  private mutating func register(_ worker: Int) {
    workers[worker].id = WorkerID(rawValue: workerCount)
    workerCount += 1
    let holdings = workers[worker].brought.keys.sorted().map {
      Holding(task: TaskHandle(slot: 0, generation: 0), digest: $0, type: "Int64", byteCount: 5000)
    }
    send(
      .toScheduler(
        .workerRegistered(
          workers[worker].id!,
          WorkerRegistration(
            name: "w\(worker)", address: "a\(worker)", host: "h", threads: UInt32(workers[worker].threads),
            memoryLimit: 0, functions: [FunctionName(name: "f", version: 1)], holdings: holdings)), link: nil),
      order: "scheduler", within: 1)
  }

  mutating func crash(_ worker: Int) {
    guard workers[worker].isAlive, workers.count(where: \.isAlive) > 1 else { return }
    workers[worker].isAlive = false
    workers[worker].values = [:]
    if workers[worker].isConnected {
      workers[worker].isConnected = false
      send(.toClient(.workerLost("a\(worker)"), link: nil), order: "from peer \(worker)", within: 100)
    }
    if let id = workers[worker].id {
      send(
        .toScheduler(
          .workerLost(id, WorkerDeath(worker: "w\(worker)", host: "h", cause: "signal 9"), started: []), link: nil),
        order: "scheduler", within: 50)
    }
    if random.chance(70) { addWorker() }
  }

  private mutating func say(_ worker: Int, _ message: WorkerToScheduler) {
    guard let id = workers[worker].id else { return }
    send(.toScheduler(.workerSaid(id, message), link: nil), order: "scheduler", within: 30)
  }

  private mutating func tell(_ worker: Int, _ message: SchedulerToWorker) {
    switch message {
    case .welcome(_, _, _, let keep):
      for holding in keep {
        digests[holding.task] = holding.digest
        workers[worker].values[holding.task] = workers[worker].brought[holding.digest]
      }
      workers[worker].brought = [:]
    case .compute(let tasks):
      for task in tasks { digests[task.task] = task.digest }
      workers[worker].queue += tasks
    case .cancel(let runs):
      for run in runs {
        workers[worker].queue.removeAll { $0.task == run.task && $0.run == run.run }
        if workers[worker].running[run.task]?.run == run.run { workers[worker].running[run.task] = nil }
      }
    case .release(let handles): for handle in handles { workers[worker].values[handle] = nil }
    case .fetch(let inputs):
      for input in inputs where obtain(input, worker) != nil { say(worker, .fetched([input.task])) }
    case .steal(let task, let run):
      let place = workers[worker].queue.firstIndex { $0.task == task && $0.run == run }
      if let place { workers[worker].queue.remove(at: place) }
      say(worker, .stealAnswer(task, run, gave: place != nil))
    case .holders(let task, let peers, let run):
      workers[worker].holders[task] = peers
      workers[worker].heldRuns[task] = run
    case .inputs(let inputs):
      for input in inputs where input.delivery != .expected { workers[worker].known[input.task] = input }
    // Nothing depends on a push.
    case .refused, .peerLost, .retired, .named, .coordinated, .heartbeat, .goodbye, .restart, .push: break
    }
    begin(worker)
  }

  private mutating func obtain(_ said: InputRef, _ worker: Int) -> UInt64? {
    var input = said
    // A handle may mean another task to another scheduler.
    if said.delivery == .expected, let known = workers[worker].known[said.task], known.digest == said.digest {
      input = known
    }
    if let value = workers[worker].values[input.task] { return value }
    if let bytes = input.inline { return Self.value(bytes) }
    for peer in workers[worker].holders[input.task] ?? input.holders {
      let holder = Int(peer.address.dropFirst())!
      if workers[holder].isAlive, let value = workers[holder].values[input.task] {
        workers[worker].values[input.task] = value
        say(worker, .fetched([input.task]))
        return value
      }
    }
    return nil
  }

  private mutating func begin(_ worker: Int) {
    var waiting: [ComputeTask] = []
    // What is expected is said when it has come; for everything else it is asked again.
    var asks = false
    let tasks = workers[worker].queue.sorted { ($0.priority, $0.task.slot) < ($1.priority, $1.task.slot) }
    workers[worker].queue = []
    for task in tasks {
      guard workers[worker].running.count < workers[worker].threads else {
        waiting.append(task)
        continue
      }
      let absent = task.inputs.filter { obtain($0, worker) == nil }
      guard absent.isEmpty else {
        for input in absent where input.delivery != .expected || workers[worker].known[input.task] != nil {
          asks = true
          let from = (workers[worker].holders[input.task] ?? input.holders).first?.worker ?? WorkerID(rawValue: 0)
          workers[worker].holders[input.task] = nil
          say(worker, .missing(input.task, from: from, run: workers[worker].heldRuns[input.task] ?? input.run))
        }
        waiting.append(task)
        continue
      }
      workers[worker].running[task.task] = task
      send(.ends(worker: worker, task.task, task.run, epoch: epoch), order: nil, within: 200)
    }
    workers[worker].queue += waiting
    if asks, workers[worker].running.isEmpty {
      send(.toWorker(worker, .heartbeat, epoch: epoch), order: nil, within: 400)
    }
  }

  private mutating func end(_ worker: Int, _ handle: TaskHandle, _ run: RunID) {
    guard let task = workers[worker].running[handle], task.run == run else { return }
    let number = jobsByDigest[task.digest]!
    workers[worker].running[handle] = nil
    defer { begin(worker) }
    if jobs[number].fails {
      return say(
        worker, .failed(handle, run, FailureRecord(.threw, key: task.digest, label: "job", message: "no \(number)")))
    }
    let inputs = task.inputs.map { obtain($0, worker) }
    guard !inputs.contains(nil) else {
      workers[worker].queue.append(task)
      return
    }
    let value = Self.value(of: number, inputs.map { $0! }, false)
    workers[worker].values[handle] = value
    let isSmall = number % 3 == 0
    say(
      worker,
      .finished([
        TaskEnd(
          task: handle, run: run, nanoseconds: 1000, byteCount: isSmall ? 8 : 5000, type: "Int64",
          inline: isSmall ? Self.bytes(value) : nil)
      ]))
  }

  // MARK: Fetches

  private mutating func serve(_ worker: Int, _ request: PeerRequest) {
    func reply(_ reply: PeerReply, value: UInt64? = nil) {
      send(
        .fromPeer(worker, reply, value: value, connection: workers[worker].connection), order: "from peer \(worker)",
        within: 30)
    }
    guard case .get(let number, let named) = request else { return }
    if isFaulty, random.chance(15) { return reply(.busy(request: number, retryAfterNanoseconds: 50)) }
    for task in named {
      if let value = workers[worker].values[task.task], digests[task.task] == task.digest,
        !(isFaulty && random.chance(3))
      {
        reply(.data(request: number, task: task.task, type: "Int64", byteCount: 5000), value: value)
      } else {
        // A damaged copy.
        if workers[worker].values[task.task] != nil { say(worker, .dropped([task.task])) }
        workers[worker].values[task.task] = nil
        reply(.missing(request: number, task: task.task))
      }
    }
    reply(.done(request: number))
  }

  /// A reply arrives; where the core takes a frame, the frame is whole a little later, before anything else comes.
  private mutating func hand(_ reply: PeerReply, _ value: UInt64?, from worker: Int) throws {
    var actions: [ClientAction] = []
    client.handle(.workerSaid("a\(worker)", reply), at: Timestamp(nanoseconds: now), &actions)
    if let broken = client.brokenInvariant() { throw Broken(description: "client, after \(reply): \(broken)") }
    var taken: FutureID?
    for case .value(let future, _, .frame) in actions { taken = future }
    try carryOut(actions)
    if case .data = reply, let future = taken {
      if isFaulty, random.chance(5) { return try hand(.valueDamaged(future, from: "a\(worker)")) }
      if client.slot(of: future) != nil { values[future] = value }
      failures[future] = nil
      try hand(.valueReceived(future, from: "a\(worker)"))
    }
  }

  /// The client's connection to a worker breaks; both live.
  mutating func cutPeer(_ worker: Int) {
    guard workers[worker].isConnected else { return }
    workers[worker].isConnected = false
    send(.toClient(.workerLost("a\(worker)"), link: nil), order: "from peer \(worker)", within: 50)
  }
}
