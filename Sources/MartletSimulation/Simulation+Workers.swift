import MartletBytes
import MartletProtocol
import MartletWorker

// The workers' shells: values, files, bodies, connections.

extension Simulation {
  /// A new worker comes; `lastDeath`: what the one ended of in whose place it comes.
  mutating func addWorker(within delay: Int, named name: String? = nil, lastDeath: PastDeath? = nil) {
    let number = workers.count
    let memory: Int64 = chance.oneIn(2) ? 0 : Int64(300_000 + chance.below(1_500_000))
    workers.append(
      SimulatedWorker(
        name: name ?? "w\(number)", threads: 1 + chance.below(3), memoryLimit: memory, isSupervised: chance.oneIn(2),
        lastDeath: lastDeath))
    time.plan(.starts(.worker(number)), at: time.now + Int64(chance.below(delay)))
  }

  /// A worker ends without a word. A supervisor starts it again, under its old address.
  mutating func crash(_ worker: Int) {
    let old = workers[worker]
    end(worker)
    guard options.replacesWorkers else { return }
    if old.isSupervised, let id = old.core.worker {
      let running = old.running.values.map { TaskRun(task: $0.task.task, run: $0.task.run) }
      let death = WorkerDeath(worker: old.name, host: "host", cause: "signal 9")
      let report = PastDeath(
        worker: id, epoch: old.core.epoch, death: death,
        running: chance.oneIn(4) ? nil : running.sorted { $0.task.slot < $1.task.slot })
      addWorker(within: 200_000_000, named: old.name, lastDeath: report)
    } else if !chance.oneIn(4) {
      addWorker(within: 50_000_000)
    }
  }

  /// Hands a worker's core an event, and does what it wants.
  mutating func tell(_ worker: Int, _ event: WorkerEvent) throws(SimulationFailure) {
    var actions: [WorkerAction] = []
    workers[worker].core.handle(event, at: Timestamp(nanoseconds: time.now), &actions)
    if !chance.oneIn(4) || isTick(event) { workers[worker].core.flush(&actions) }
    if options.checksEveryEvent, let problem = workers[worker].core.brokenInvariant() {
      throw failure("worker \(worker) after \(event): \(problem)")
    }
    for action in actions { try act(worker, action) }
  }

  private func isTick(_ event: WorkerEvent) -> Bool { if case .tick = event { true } else { false } }

  private mutating func act(_ worker: Int, _ action: WorkerAction) throws(SimulationFailure) {
    let place = Place.worker(worker)
    switch action {
    case .tellScheduler(let message):
      say(.workerToScheduler(message), from: place)
      if workers[worker].twiceUntil > time.now, message.isAnswer { say(.workerToScheduler(message), from: place) }
    case .connectPeer(let peer): connectPeer(worker, peer)
    case .askPeer(let peer, let request):
      if let connection = workers[worker].peers[peer] { say(.request(request), on: connection, from: place) }
    case .disconnectPeer(let peer):
      if let connection = workers[worker].peers.removeValue(forKey: peer) { hangUp(connection, from: place) }
    case .sendData(let requester, let request, let served, let missing):
      try send(worker, requester, request, served, missing)
    case .refuseData(let requester, let request, .busy(let again)):
      reply(worker, requester, .busy(request: request, retryAfterNanoseconds: again))
    case .refuseData(let requester, let request, .rejected(let reason)):
      reply(worker, requester, .rejected(request: request, reason: reason))
    case .stopSending(let requester, let request):
      time.plan(.sent(worker: worker, requester, request: request), at: time.now + 1000)
    case .run(let execution, let task, let inputs, _): try begin(worker, execution, task, inputs)
    // No simulated body waits.
    case .cancelRunning, .resume: break
    case .hold(_, let value), .holdReceived(_, _, _, let value):
      workers[worker].values[value] = workers[worker].given
      workers[worker].undecodable.remove(value)
    case .holdPut(_, _, _, let value):
      workers[worker].values[value] = workers[worker].given
      workers[worker].undecodable.remove(value)
    case .discard, .discardReceived, .discardPut: workers[worker].given = nil
    case .confirmData(let requester, let request): reply(worker, requester, .done(request: request))
    case .decode(let value, _, let bytes):
      workers[worker].values[value] = SimulatedValue(number: (try? UInt64(simulated: bytes)) ?? 0, bytes: 8)
    case .drop(let value):
      workers[worker].values[value] = nil
      workers[worker].files[value] = nil
    case .unload(let value):
      guard workers[worker].files[value] != nil else {
        throw failure("worker \(worker) unloads \(value), without a file")
      }
      workers[worker].values[value] = nil
    case .spill(let value):
      report.spills += 1
      time.plan(.spilled(worker: worker, value), at: time.now + chance.delay(2_000_000))
    case .load(let value): time.plan(.loaded(worker: worker, value), at: time.now + chance.delay(2_000_000))
    case .move(let value, let other):
      workers[worker].values[other] = workers[worker].values.removeValue(forKey: value)
      workers[worker].files[other] = workers[worker].files.removeValue(forKey: value)
    case .acceptData, .deliver: break
    case .log(let line): note("worker \(worker): \(line)")
    case .restart:
      note("worker \(worker) starts anew")
      guard workers[worker].isSupervised else { return }
      end(worker)
      addWorker(within: 50_000_000, named: workers[worker].name)
    case .stop(let reason):
      note("worker \(worker) ends: \(reason)")
      end(worker)
    }
  }

  // MARK: Bodies

  private mutating func begin(
    _ worker: Int, _ execution: ExecutionID, _ task: ComputeTask, _ inputs: [ValueID]
  ) throws(SimulationFailure) {
    report.runs += 1
    var values: [SimulatedValue] = []
    for input in inputs {
      guard let value = workers[worker].values[input] else {
        throw failure("worker \(worker) begins \(task.task), and \(input) is not in memory")
      }
      values.append(value)
    }
    guard workers[worker].running[execution] == nil else { throw failure("\(execution) runs already") }
    workers[worker].running[execution] = SimulatedWorker.Body(task: task, inputs: values)
    time.plan(.bodyEnds(worker: worker, execution), at: time.now + chance.delay(options.taskNanoseconds))
  }

  mutating func endBody(_ worker: Int, _ execution: ExecutionID) throws(SimulationFailure) {
    guard let body = workers[worker].running.removeValue(forKey: execution), let (workload, number) = job(of: body.task)
    else { return }
    let job = workloads[workload].jobs[number]
    if job.alwaysThrows || thrown[body.task.digest, default: 0] < job.throwsTimes {
      thrown[body.task.digest, default: 0] += 1
      report.thrown += 1
      let record = FailureRecord(
        .threw, key: body.task.digest, label: body.task.label, message: "job \(number) throws")
      return try tell(worker, .taskFailed(execution, record))
    }
    let value = Workload.value(of: number, body.inputs.map(\.number))
    if let expected = workloads[workload].expected[number], expected != value {
      throw failure("worker \(worker): job \(number) of workload \(workload) gave \(value), not \(expected)")
    }
    workers[worker].given = SimulatedValue(number: value, bytes: job.bytes)
    let inline = job.bytes <= 8 && !chance.oneIn(4) ? value.simulatedBytes : nil
    try tell(
      worker,
      .taskEnded(execution, nanoseconds: 1_000_000, byteCount: job.bytes, type: "UInt64", inline: inline))
  }

  /// Which job a task is: its arguments say so.
  private func job(of task: ComputeTask) -> (workload: Int, job: Int)? {
    guard case .call(_, let arguments) = task.work else { return nil }
    var reader = ByteReader(arguments)
    guard let workload = try? Int(from: &reader), let job = try? Int(from: &reader) else { return nil }
    // A block of a layer: behind the layer's first job comes its number.
    return (workload, job + ((try? Int(from: &reader)) ?? 0))
  }

  // MARK: Files

  mutating func endSpill(_ worker: Int, _ value: ValueID) throws(SimulationFailure) {
    guard let held = workers[worker].values[value] else { return }
    if workers[worker].diskIsFullUntil > time.now {
      return try tell(worker, .spillEnded(value, .failed(reason: "no space left"), bytesOnDisk: 0))
    }
    workers[worker].files[value] = held
    try tell(worker, .spillEnded(value, .done, bytesOnDisk: held.bytes))
  }

  mutating func endLoad(_ worker: Int, _ value: ValueID) throws(SimulationFailure) {
    let isDamaged = options.faults.contains(.damagedFile) && time.now < options.calmNanoseconds && chance.oneIn(20)
    guard let file = workers[worker].files[value], !isDamaged else {
      workers[worker].files[value] = nil
      return try tell(worker, .loadEnded(value, .failed(reason: "the checksum is wrong")))
    }
    workers[worker].values[value] = file
    try tell(worker, .loadEnded(value, .done))
  }

  // MARK: Peers

  private mutating func connectPeer(_ worker: Int, _ peer: PeerRef) {
    let found = workers.firstIndex { $0.isAlive && $0.name == peer.address }
    guard let found, found != worker, let connection = connect(.worker(worker), .worker(found)) else {
      note("worker \(worker) cannot reach \(peer.worker) at \(peer.address)")
      time.plan(.unreachable(worker: worker, peer.worker), at: time.now + chance.delay(5_000_000))
      return
    }
    workers[worker].peers[peer.worker] = connection
    // The connection is there when the other side has answered.
    time.plan(
      .arrives(.reply(.done(request: 0), nil), connection: connection, to: .worker(worker)),
      at: time.now + chance.delay(400_000))
  }

  private mutating func reply(_ worker: Int, _ requester: RequesterID, _ reply: PeerReply) {
    say(.reply(reply, nil), on: Int(requester.rawValue), from: .worker(worker))
  }

  private mutating func send(
    _ worker: Int, _ requester: RequesterID, _ request: UInt32, _ served: [ServedValue], _ missing: [TaskHandle]
  ) throws(SimulationFailure) {
    let connection = Int(requester.rawValue)
    var bytes: Int64 = 0
    for one in served {
      let source = one.isFromFile ? workers[worker].files[one.value] : workers[worker].values[one.value]
      guard let value = source else {
        throw failure("worker \(worker) should send \(one.value), which it does not have")
      }
      bytes += value.bytes
      report.transfers += 1
      let data = PeerReply.data(request: request, task: one.task, type: one.type, byteCount: value.bytes)
      if case .client = connections[connection].opener {
        say(.reply(data, nil), on: connection, from: .worker(worker))
        say(.body(value), on: connection, from: .worker(worker), takes: bytes)
      } else {
        say(.reply(data, value), on: connection, from: .worker(worker), takes: bytes)
      }
    }
    for task in missing {
      note("worker \(worker) does not have \(task)")
      reply(worker, requester, .missing(request: request, task: task))
    }
    reply(worker, requester, .done(request: request))
    time.plan(.sent(worker: worker, requester, request: request), at: time.now + bytes)
  }

  /// A worker is told something.
  mutating func arriveAtWorker(_ said: Said, _ connection: Int, _ worker: Int) throws(SimulationFailure) {
    switch said {
    case .schedulerToWorker(let message):
      if workers[worker].session == connection { try tell(worker, .schedulerSaid(message)) }
    case .request(let request): try tell(worker, .dataRequested(RequesterID(rawValue: UInt64(connection)), request))
    case .put(let request, let value, let content):
      let requester = RequesterID(rawValue: UInt64(connection))
      guard workers[worker].core.mayReceive(requester, request: request, value.digest, byteCount: content.bytes) else {
        return
      }
      workers[worker].given = content
      try tell(
        worker,
        .dataPut(requester, request: request, value.digest, type: value.type, byteCount: content.bytes))
    case .reply(let reply, let value):
      guard let peer = workers[worker].peers.first(where: { $0.value == connection })?.key else { return }
      if case .done(0) = reply { return try tell(worker, .peerConnected(peer)) }
      try receive(worker, peer, reply, value)
    case .toScheduler, .fromClientsScheduler, .workerToScheduler, .body: break
    }
  }

  private mutating func receive(
    _ worker: Int, _ peer: WorkerID, _ reply: PeerReply, _ value: SimulatedValue?
  ) throws(SimulationFailure) {
    guard case .data(let request, let task, let type, let bytes) = reply, let value else {
      return try tell(worker, .peerSaid(peer, reply))
    }
    guard workers[worker].core.mayReceive(peer, request: request, task, byteCount: bytes) else { return }
    if options.faults.contains(.damagedData), time.now < options.calmNanoseconds, chance.oneIn(40) {
      return try tell(
        worker, .peerSentNonsense(peer, request: request, task, reason: "the checksum is wrong"))
    }
    workers[worker].given = value
    try tell(worker, .peerSaid(peer, .data(request: request, task: task, type: type, byteCount: value.bytes)))
  }

  /// A connection of a worker is gone.
  mutating func closeAtWorker(_ connection: Int, _ worker: Int) throws(SimulationFailure) {
    if workers[worker].session == connection {
      workers[worker].session = nil
      try tell(worker, .schedulerLost)
      time.plan(.starts(.worker(worker)), at: time.now + chance.delay(20_000_000))
    } else if let peer = workers[worker].peers.first(where: { $0.value == connection })?.key {
      workers[worker].peers[peer] = nil
      try tell(worker, .peerLost(peer))
    } else {
      try tell(worker, .requesterLost(RequesterID(rawValue: UInt64(connection))))
    }
  }

  /// A worker is no more: its connections break, its values are lost.
  mutating func end(_ worker: Int) {
    workers[worker].isAlive = false
    for number in connections.indices
    where connections[number].opener == .worker(worker) || connections[number].accepter == .worker(worker) {
      hangUp(number, from: .worker(worker))
    }
  }
}

extension WorkerToScheduler {
  /// Whether it answers something, and could come twice from a worker that is not sure.
  var isAnswer: Bool {
    switch self {
    case .finished, .failed, .fetched, .missing, .stealAnswer: true
    case .register, .heartbeat, .dropped, .paused, .retire, .coordinate, .abandon, .goodbye, .suspended, .resumed: false
    }
  }
}

extension UInt64 {
  /// As an inline result has it.
  var simulatedBytes: [UInt8] { Int64(bitPattern: self).portableBytes() }

  init(simulated bytes: [UInt8]) throws(ByteError) { self = UInt64(bitPattern: try Int64(portableBytes: bytes)) }
}
