import MartletBytes
import MartletProtocol
import TestSupport

@testable import MartletScheduler

/// A scheduler's core with workers and clients that are as simple as they can be: a worker runs what it is given, one task a
/// thread, and gets inputs from where it is told, if they are there. Time is a queue of deliveries; connections keep their
/// order, and everything else may come in any order.
struct ModelCluster: ~Copyable {
  /// A task: its number is its value's seed, its inputs are earlier tasks.
  struct Job {
    var inputs: [Int]
    var failsTimes = 0
    var retries = 0
    var kills = false
    var resource: String?
    var isSignal = false
  }

  /// Somebody who is connected.
  enum Peer: Hashable { case worker(Int), client(Int) }

  enum Delivery {
    case toScheduler(SchedulerEvent)
    case toWorker(Int, SchedulerToWorker)
    case toClient(Int, SchedulerToClient)
    case ends(worker: Int, TaskHandle, RunID)
    case crash(Int)
    case arrive
  }

  struct Worker {
    var isAlive = true
    var threads: Int
    var values: [TaskHandle: UInt64] = [:]
    var queue: [ComputeTask] = []
    var running: [TaskHandle: ComputeTask] = [:]
    /// Inputs that were asked for again.
    var holders: [TaskHandle: [PeerRef]] = [:]
    /// The run whose result those have.
    var heldRuns: [TaskHandle: RunID] = [:]
    /// What was said of inputs that were expected.
    var known: [TaskHandle: InputRef] = [:]
  }

  struct Client {
    var isAlive = true
    var jobs: [Job] = []
    var wanted: [Int] = []
    var handles: [TaskHandle: Int] = [:]
    var results: [Int: UInt64] = [:]
    var failures: [Int: FailureRecord] = [:]
    var refusal: FailureRecord?
  }

  var core: SchedulerCore
  var random: SeededGenerator
  var now: Int64 = 0
  private var queue: [(time: Int64, sequence: Int, delivery: Delivery)] = []
  private var sequence = 0
  private var lastTimes: [String: Int64] = [:]
  var workers: [Worker] = []
  var clients: [Client] = []
  /// What supervisors have to tell, and have not.
  private var reports: [PastDeath] = []
  var runs = 0
  var events = 0
  /// Jobs of all clients by their digests.
  private var jobs: [Digest128: (client: Int, job: Int)] = [:]
  private var failed: [Digest128: Int] = [:]

  init(seed: UInt64, settings: SchedulerSettings = SchedulerSettings()) {
    var settings = settings
    settings.reportNanoseconds = 150
    core = SchedulerCore(settings: settings)
    random = SeededGenerator(seed: seed)
  }

  static func digest(_ client: Int, _ job: Int) -> Digest128 {
    Digest128(low: UInt64(client) &* 0x1_0001 &+ 7, high: 99).member(UInt64(job))
  }

  /// The value of each job, computed one after the other.
  static func expected(_ jobs: [Job]) -> [UInt64] {
    var values: [UInt64] = []
    for (number, job) in jobs.enumerated() {
      // A signal gives no value to those that come after it.
      values.append(value(of: number, job.inputs.filter { !jobs[$0].isSignal }.map { values[$0] }, job.isSignal))
    }
    return values
  }

  static func value(of job: Int, _ inputs: [UInt64], _ isSignal: Bool) -> UInt64 {
    isSignal ? 0 : inputs.reduce(UInt64(job) &* 0x9e37_79b9) { $0 &* 31 &+ $1 &+ 1 }
  }

  // MARK: Time

  /// Delivers later; deliveries with one `order` keep it.
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

  /// Delivers the next; false when there is none.
  mutating func step() throws -> Bool {
    guard let next = queue.popLast() else { return false }
    now = next.time
    switch next.delivery {
    case .toScheduler(let event): try hand(event)
    case .toWorker(let worker, let message): if workers[worker].isAlive { tell(worker, message) }
    case .toClient(let client, let message): if clients[client].isAlive { tell(client: client, message) }
    case .ends(let worker, let task, let run): if workers[worker].isAlive { end(worker, task, run) }
    case .crash(let worker): crash(worker)
    case .arrive: addWorker(threads: 1 + random.below(3))
    }
    return true
  }

  private mutating func hand(_ event: SchedulerEvent) throws {
    events += 1
    var actions: [SchedulerAction] = []
    core.handle(event, at: Timestamp(nanoseconds: now), &actions)
    if random.chance(70) || queue.isEmpty { core.flush(&actions) }
    if let broken = core.brokenInvariant() { throw Broken(description: "after \(event): \(broken)") }
    for action in actions {
      switch action {
      case .tellClient(let client, let message):
        send(.toClient(Int(client.rawValue), message), order: "c\(client.rawValue)", within: 50)
      case .tellWorker(let worker, let message):
        send(.toWorker(Int(worker.rawValue), message), order: "w\(worker.rawValue)", within: 50)
      case .closeClient, .closeWorker, .log: break
      }
    }
  }

  mutating func flush() throws { try hand(.tick) }

  var isIdle: Bool { queue.isEmpty }

  // MARK: Workers

  mutating func addWorker(threads: Int, holdings: [Holding] = []) {
    let number = workers.count
    workers.append(Worker(threads: threads))
    send(
      .toScheduler(
        .workerRegistered(
          WorkerID(rawValue: UInt32(number)),
          WorkerRegistration(
            name: "w\(number)", address: "a\(number)", host: "h", threads: UInt32(threads), memoryLimit: 0,
            resources: number % 2 == 0 ? [ResourceAmount(name: "gpu", amount: 1)] : [],
            functions: [FunctionName(name: "f", version: 1)], isSupervised: random.chance(70),
            lastDeath: reports.isEmpty || random.chance(20) ? nil : reports.removeFirst()))), order: "arrivals",
      within: 1)
  }

  mutating func say(_ worker: Int, _ message: WorkerToScheduler) {
    send(.toScheduler(.workerSaid(WorkerID(rawValue: UInt32(worker)), message)), order: "from w\(worker)", within: 50)
  }

  mutating func crash(_ worker: Int) {
    guard workers[worker].isAlive, workers.count(where: \.isAlive) > 1 || !queue.isEmpty else { return }
    workers[worker].isAlive = false
    let started = workers[worker].running.keys.sorted { $0.slot < $1.slot }
    // Of a worker without a supervisor as well: the scheduler has to bear that.
    reports.append(
      PastDeath(
        worker: WorkerID(rawValue: UInt32(worker)), epoch: core.settings.epoch,
        death: WorkerDeath(worker: "w\(worker)", host: "h", cause: "signal 9, told by its supervisor"),
        running: random.chance(80)
          ? started.map { TaskRun(task: $0, run: workers[worker].running[$0]?.run ?? RunID(rawValue: 0)) } : nil))
    send(
      .toScheduler(
        .workerLost(
          WorkerID(rawValue: UInt32(worker)), WorkerDeath(worker: "w\(worker)", host: "h", cause: "signal 9"),
          started: random.chance(70) ? started : nil)), order: "from w\(worker)", within: 50)
    if workers.count(where: \.isAlive) == 0 || random.chance(60) { send(.arrive, order: nil, within: 200) }
  }

  private mutating func tell(_ worker: Int, _ message: SchedulerToWorker) {
    switch message {
    case .compute(let tasks):
      workers[worker].queue += tasks
    case .cancel(let runs):
      for run in runs {
        workers[worker].queue.removeAll { $0.task == run.task && $0.run == run.run }
        if workers[worker].running[run.task]?.run == run.run { workers[worker].running[run.task] = nil }
      }
    case .release(let handles):
      for handle in handles { workers[worker].values[handle] = nil }
    case .fetch(let inputs):
      for input in inputs {
        if obtain(input, worker) != nil { say(worker, .fetched([input.task])) }
      }
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
    case .welcome, .refused, .peerLost, .retired, .coordinated, .heartbeat, .goodbye, .named, .push, .restart: break
    }
    begin(worker)
  }

  /// The value of an input: here, inline, or from a holder, if it is there.
  private mutating func obtain(_ said: InputRef, _ worker: Int) -> UInt64? {
    var input = said
    // A handle may mean another task to another scheduler.
    if said.delivery == .expected, let known = workers[worker].known[said.task], known.digest == said.digest {
      input = known
    }
    if let value = workers[worker].values[input.task] { return value }
    if let bytes = input.inline { return bytes.isEmpty ? 0 : try? UInt64(bitPattern: Int64(portableBytes: bytes)) }
    for peer in workers[worker].holders[input.task] ?? input.holders {
      let holder = Int(peer.worker.rawValue)
      if workers[holder].isAlive, let value = workers[holder].values[input.task], !random.chance(3) {
        workers[worker].values[input.task] = value
        say(worker, .fetched([input.task]))
        return value
      }
    }
    return nil
  }

  /// Begins what has a thread and its inputs.
  private mutating func begin(_ worker: Int) {
    var waiting: [ComputeTask] = []
    let tasks = workers[worker].queue.sorted { $0.priority < $1.priority }
    workers[worker].queue = []
    for task in tasks {
      guard workers[worker].running.count < workers[worker].threads else {
        waiting.append(task)
        continue
      }
      let absent = task.inputs.filter { obtain($0, worker) == nil }
      guard absent.isEmpty else {
        for input in absent where input.delivery != .expected || workers[worker].known[input.task] != nil {
          let from = (workers[worker].holders[input.task] ?? input.holders).first?.worker ?? WorkerID(rawValue: 0)
          workers[worker].holders[input.task] = nil
          say(worker, .missing(input.task, from: from, run: workers[worker].heldRuns[input.task] ?? input.run))
        }
        waiting.append(task)
        continue
      }
      workers[worker].running[task.task] = task
      // Some bodies wait; some of those end without a word that they go on.
      let run = [TaskRun(task: task.task, run: task.run)]
      if random.chance(20) { say(worker, .suspended(run)) }
      if random.chance(15) { say(worker, .resumed(run)) }
      send(.ends(worker: worker, task.task, task.run), order: nil, within: 300)
    }
    workers[worker].queue += waiting
    // Looks again after a while: what was missing may be there.
    if !waiting.isEmpty, workers[worker].running.isEmpty {
      send(.toWorker(worker, .heartbeat), order: nil, within: 400)
    }
  }

  private mutating func end(_ worker: Int, _ handle: TaskHandle, _ run: RunID) {
    guard let task = workers[worker].running[handle], task.run == run else { return }
    let (client, number) = jobs[task.digest]!
    let job = clients[client].jobs[number]
    runs += 1
    if job.kills { return crash(worker) }
    workers[worker].running[handle] = nil
    defer { begin(worker) }
    if failed[task.digest, default: 0] < job.failsTimes {
      failed[task.digest, default: 0] += 1
      say(
        worker,
        .failed(handle, run, FailureRecord(.threw, key: task.digest, label: task.label, message: "no \(number)")))
      return
    }
    // An input may have been released under it: it is looked for again.
    let inputs = task.inputs.map { obtain($0, worker) }
    guard !inputs.contains(nil) else {
      runs -= 1
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
          inline: isSmall ? Int64(bitPattern: value).portableBytes() : nil)
      ]))
  }

  // MARK: Clients

  /// A client that submits its jobs in pieces and wants some of them.
  mutating func addClient(_ jobs: [Job], wanted: [Int]) {
    let number = clients.count
    clients.append(Client(jobs: jobs, wanted: wanted))
    let client = ClientID(rawValue: UInt32(number))
    send(.toScheduler(.clientConnected(client)), order: "from c\(number)", within: 20)
    var begin = 0
    repeat {
      let end = min(jobs.count, begin + 1 + random.below(40))
      var piece = Submission(graph: 1, isLast: end == jobs.count)
      piece.functions = [FunctionName(name: "f", version: 1)]
      piece.labels = ["job"]
      for job in jobs[begin..<end] where job.retries > 0 || job.resource != nil {
        var traits = WorkTraits()
        traits.retries = UInt16(job.retries)
        traits.retryDelayNanoseconds = random.chance(50) ? 100 : 0
        if let resource = job.resource { traits.resources = [ResourceAmount(name: resource, amount: 1)] }
        piece.traits.append(traits)
      }
      var traits: UInt32 = 0
      for place in begin..<end {
        let job = jobs[place]
        if job.retries > 0 || job.resource != nil { traits += 1 }
        self.jobs[Self.digest(number, place)] = (number, place)
        piece.tasks.append(
          SubmittedTask(
            digest: Self.digest(number, place), label: 0, traits: job.retries > 0 || job.resource != nil ? traits : 0,
            work: job.isSignal ? .signal : .call(function: 0, arguments: [UInt8(truncatingIfNeeded: place)]),
            dependencies: job.inputs.map {
              $0 >= begin ? .back(UInt32(place - $0)) : .known(Self.digest(number, $0))
            }, orderOnlyCount: job.isSignal ? 0 : UInt32(job.inputs.reversed().prefix { jobs[$0].isSignal }.count)))
        if wanted.contains(place) { piece.wanted.append(UInt32(place - begin)) }
      }
      send(.toScheduler(.clientSaid(client, .submit(piece))), order: "from c\(number)", within: 20)
      begin = end
    } while begin < jobs.count
  }

  mutating func say(client: Int, _ message: ClientToScheduler) {
    send(
      .toScheduler(.clientSaid(ClientID(rawValue: UInt32(client)), message)), order: "from c\(client)", within: 20)
  }

  mutating func vanish(client: Int) {
    guard clients[client].isAlive else { return }
    clients[client].isAlive = false
    send(.toScheduler(.clientLost(ClientID(rawValue: UInt32(client)))), order: "from c\(client)", within: 20)
  }

  private mutating func tell(client: Int, _ message: SchedulerToClient) {
    switch message {
    case .accepted(_, let handles):
      for (handle, job) in zip(handles, clients[client].wanted) { clients[client].handles[handle] = job }
    case .finished(let results):
      for result in results {
        guard let job = clients[client].handles[result.task] else { continue }
        if let bytes = result.inline {
          clients[client].results[job] = bytes.isEmpty ? 0 : (try? UInt64(bitPattern: Int64(portableBytes: bytes)))
          continue
        }
        if clients[client].jobs[job].isSignal { clients[client].results[job] = 0 }
        for address in result.holders {
          let worker = Int(address.dropFirst())!
          if workers[worker].isAlive, let value = workers[worker].values[result.task] {
            clients[client].results[job] = value
          }
        }
      }
    case .failed(let handle, let failure):
      if let job = clients[client].handles[handle] { clients[client].failures[job] = failure }
    case .refused(_, let failure): clients[client].refusal = failure
    case .recomputing, .holders, .answer, .named, .coordinated, .onWorkers, .progress, .restarted, .stranded, .denied,
      .heartbeat, .goodbye:
      break
    }
  }
}

struct Broken: Error, CustomStringConvertible { let description: String }
