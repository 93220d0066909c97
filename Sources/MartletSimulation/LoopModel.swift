import MartletBytes
import MartletProtocol
package import MartletScheduler
import MartletWorker

/// A cluster on paper: the real cores of the scheduler and of workers with one thread each, whose loops, messages and bodies take
/// the time that they are said to take. Nothing is left to chance and nothing fails; so what a decision costs or saves can
/// be told where a measurement on a machine is lost in its noise.
///
/// A body's end is a turn of its worker's loop, whichever thread takes it. Processors are not modelled: each loop and each body
/// has one of its own. `Report.busyNanoseconds` says what they would take of real ones.
package struct LoopModel: ~Copyable {
  /// What things take, in nanoseconds.
  package struct Costs: Sendable {
    /// A turn of a loop: being woken, reading, writing.
    package var turn: Int64 = 16_000
    /// Each event in it.
    package var event: Int64 = 1000
    /// A message on its way.
    package var message: Int64 = 8000
    /// From a loop to its body's thread, or back.
    package var handOver: Int64 = 3000
    package var body: Int64 = 25_000

    package init() {}
  }

  /// What a graph took.
  package struct Report: Sendable {
    /// From its arrival until the scheduler has heard of all that was wanted.
    package var nanoseconds: Int64 = 0
    package var schedulerTurns = 0
    package var workerTurns = 0
    /// Those between scheduler and workers, and those between workers.
    package var messages = 0
    /// Inputs that another worker has computed than the one that needed them.
    package var movedInputs = 0
    /// All turns of all loops together.
    package var busyNanoseconds: Int64 = 0
  }

  private enum Arrival: Sendable {
    case atScheduler(SchedulerEvent)
    case atWorker(Int, WorkerEvent)

    /// The number of the loop: 0 is the scheduler's.
    var loop: Int {
      switch self {
      case .atScheduler: 0
      case .atWorker(let worker, _): worker + 1
      }
    }
  }

  private enum Moment: Sendable {
    case arrives(Arrival)
    case turn(loop: Int)
  }

  private struct Loop {
    var inbox: [Arrival] = []
    var isPlanned = false
    var freeAt: Int64 = 0
  }

  private let costs: Costs
  private var time = VirtualTime<Moment>()
  private var loops: [Loop]
  private var scheduler: SchedulerCore
  private var workers: [WorkerCore]
  private var threadFreeAt: [Int64]
  private var report = Report()
  private var graphs: UInt32 = 0
  // Of the graph that runs.
  private var inputs: [[Int]] = []
  private var places: [Digest128: Int] = [:]
  private var runners: [Int] = []
  private var missing = 0

  private static let function = FunctionName(name: "modelled", version: 1)

  package init(workers count: Int, costs: Costs, _ settings: SchedulerSettings = SchedulerSettings()) {
    self.costs = costs
    scheduler = SchedulerCore(settings: settings)
    workers = (0..<count).map { _ in WorkerCore(settings: WorkerSettings()) }
    loops = Array(repeating: Loop(), count: count + 1)
    threadFreeAt = Array(repeating: 0, count: count)
    for worker in 0..<count { workers[worker].handAhead(bodiesOf: costs.body) }
    time.plan(.arrives(.atScheduler(.clientConnected(ClientID(rawValue: 0)))), at: 0)
    for worker in 0..<count {
      let name = "w\(worker)"
      let base = WorkerRegistration(
        name: name, address: name, host: "host", threads: 1, memoryLimit: 0, resources: [],
        functions: [LoopModel.function])
      let registration = workers[worker].registration(base: base)
      time.plan(.arrives(.atWorker(worker, .schedulerConnected)), at: 0)
      time.plan(.arrives(.atScheduler(.workerRegistered(LoopModel.id(worker), registration))), at: 0)
    }
    settle()
  }

  private static func id(_ worker: Int) -> WorkerID { WorkerID(rawValue: UInt32(worker)) }

  /// Runs a graph to its end.
  ///
  /// - Parameters:
  ///   - inputs: Of each task the places of those that it needs, which stand before it.
  ///   - wanted: The places of tasks whose results somebody waits for.
  package mutating func run(_ inputs: [[Int]], wanted: [Int]) -> Report {
    graphs += 1
    report = Report()
    self.inputs = inputs
    runners = Array(repeating: -1, count: inputs.count)
    places = [:]
    var piece = Submission(graph: graphs, isLast: true)
    piece.functions = [LoopModel.function]
    piece.labels = ["task"]
    let family = Digest128(low: UInt64(graphs), high: 1)
    for (place, row) in inputs.enumerated() {
      let digest = family.member(UInt64(place))
      places[digest] = place
      piece.tasks.append(
        SubmittedTask(
          digest: digest, label: 0, traits: 0, work: .call(function: 0, arguments: []),
          dependencies: row.map { .back(UInt32(place - $0)) }))
    }
    piece.wanted = wanted.map { UInt32($0) }
    missing = wanted.count
    let start = time.now
    time.plan(.arrives(.atScheduler(.clientSaid(ClientID(rawValue: 0), .submit(piece)))), at: start)
    while missing > 0, step() {}
    var result = report
    result.nanoseconds = loops[0].freeAt - start
    settle()
    return result
  }

  private mutating func settle() {
    while step() {}
  }

  /// What happens next; false when nothing does.
  private mutating func step() -> Bool {
    switch time.next() {
    case nil: return false
    case .arrives(let arrival):
      let number = arrival.loop
      loops[number].inbox.append(arrival)
      guard !loops[number].isPlanned else { break }
      loops[number].isPlanned = true
      time.plan(.turn(loop: number), at: max(time.now, loops[number].freeAt))
    case .turn(let number):
      let arrivals = loops[number].inbox
      loops[number].inbox = []
      loops[number].isPlanned = false
      let took = costs.turn + costs.event * Int64(arrivals.count)
      loops[number].freeAt = time.now + took
      report.busyNanoseconds += took
      if number == 0 { schedulerTurn(arrivals) } else { workerTurn(number - 1, arrivals) }
    }
    return true
  }

  private mutating func schedulerTurn(_ arrivals: [Arrival]) {
    report.schedulerTurns += 1
    let end = loops[0].freeAt
    var actions: [SchedulerAction] = []
    for case .atScheduler(let event) in arrivals {
      scheduler.handle(event, at: Timestamp(nanoseconds: time.now), &actions)
    }
    scheduler.flush(&actions)
    for action in actions {
      switch action {
      case .tellWorker(let worker, let message):
        send(.atWorker(Int(worker.rawValue), .schedulerSaid(message)), at: end)
      case .tellClient(_, .finished(let results)): missing -= results.count
      default: break
      }
    }
  }

  private mutating func workerTurn(_ worker: Int, _ arrivals: [Arrival]) {
    report.workerTurns += 1
    let end = loops[worker + 1].freeAt
    var actions: [WorkerAction] = []
    for case .atWorker(_, let event) in arrivals {
      workers[worker].handle(event, at: Timestamp(nanoseconds: time.now), &actions)
    }
    workers[worker].flush(&actions)
    for action in actions { carryOut(action, of: worker, at: end) }
  }

  private mutating func send(_ arrival: Arrival, at now: Int64) {
    report.messages += 1
    time.plan(.arrives(arrival), at: now + costs.message)
  }

  private mutating func carryOut(_ action: WorkerAction, of worker: Int, at now: Int64) {
    let id = LoopModel.id(worker)
    switch action {
    case .tellScheduler(let message): send(.atScheduler(.workerSaid(id, message)), at: now)
    case .connectPeer(let peer):
      time.plan(.arrives(.atWorker(worker, .peerConnected(peer.worker))), at: now + costs.message)
    case .askPeer(let peer, let request):
      send(.atWorker(Int(peer.rawValue), .dataRequested(RequesterID(rawValue: UInt64(worker)), request)), at: now)
    case .sendData(let requester, let request, let values, let absent):
      let peer = Int(requester.rawValue)
      for value in values {
        let data = PeerReply.data(request: request, task: value.task, type: value.type, byteCount: 8)
        send(.atWorker(peer, .peerSaid(id, data)), at: now)
      }
      for task in absent {
        send(.atWorker(peer, .peerSaid(id, .missing(request: request, task: task))), at: now)
      }
      send(.atWorker(peer, .peerSaid(id, .done(request: request))), at: now)
      time.plan(.arrives(.atWorker(worker, .dataSent(requester, request: request))), at: now)
    case .run(let execution, let task, _, _): run(execution, task, on: worker, at: now)
    default: break
    }
  }

  private mutating func run(_ execution: ExecutionID, _ task: ComputeTask, on worker: Int, at now: Int64) {
    if let place = places[task.digest] {
      runners[place] = worker
      report.movedInputs += inputs[place].count { runners[$0] != worker }
    }
    let end = max(now + costs.handOver, threadFreeAt[worker]) + costs.body
    threadFreeAt[worker] = end
    let event = WorkerEvent.taskEnded(
      execution, nanoseconds: costs.body, byteCount: 8, type: "Int", inline: Array(repeating: 1, count: 8))
    time.plan(.arrives(.atWorker(worker, event)), at: end + costs.handOver)
  }
}
