import MartletBytes
import MartletClient
import MartletProtocol
import MartletWorker

// What the programs do that use clients: graphs, futures as inputs of others, handles more and less, gathers, data that is
// brought along, and second thoughts. In the end each wants all that it has, and looks at it.

extension Simulation {
  /// A program does something.
  mutating func act(_ client: Int) throws(SimulationFailure) {
    guard clients[client].isAlive, !clients[client].isDone else { return }
    if clients[client].actsLeft == 0 { return }
    clients[client].actsLeft -= 1
    time.plan(.acts(client: client), at: time.now + chance.delay(20_000_000))
    let workload = workloads[clients[client].workload]
    let jobs = clients[client].handles.keys.sorted()
    guard let job = jobs.randomElement(using: &chance), !chance.oneIn(3) else { return try submit(client, workload) }
    let future = clients[client].handles[job]!.future
    let request = RequestID(rawValue: clients[client].nextRequest)
    clients[client].nextRequest += 1
    switch chance.below(9) {
    case 0: try tell(client: client, .want(future))
    case 1:
      // Data cannot be computed again: the program keeps it.
      if !workload.jobs[job].isData { try release(client, job) }
    case 2:
      let list = (0...chance.below(5)).map { _ in jobs[chance.below(jobs.count)] }
      clients[client].gathers[request] = list
      try tell(client: client, .request(request, .gather(list.map { clients[client].handles[$0]!.future })))
    case 3:
      if !workload.jobs[job].isData, options.faults.contains(.cancel) {
        let isForced = chance.oneIn(4)
        note("client \(client) cancels job \(job)\(isForced ? " for all" : "")")
        try tell(client: client, .cancel([future], force: isForced))
      }
    case 4: try retry(client, job)
    case 5:
      // A gather counts what was there.
      if clients[client].values.contains(future), clients[client].gathers.isEmpty {
        clients[client].values.remove(future)
        try tell(client: client, .valueDropped(future))
      }
    case 6: try tell(client: client, .request(request, .whoHas([future])))
    case 7:
      try tell(client: client, .request(request, .replicate([future], copies: UInt32(1 + chance.below(3)))))
      if chance.oneIn(4) { try tell(client: client, .abandon(request)) }
    default:
      if chance.oneIn(2) { return try tell(client: client, .request(request, .rebalance([]))) }
      guard clients[client].call == nil, clients[client].callFutures.isEmpty, let job = workload.simpleJob else {
        return
      }
      clients[client].call = request
      clients[client].callJob = job
      try tell(client: client, .request(request, .runOnWorkers(callOnWorkers(workload, job))))
    }
  }

  /// Sends a graph of some jobs with all that they need, or with futures in its place.
  private mutating func submit(_ client: Int, _ workload: Workload) throws(SimulationFailure) {
    var wanted = Set(workload.wanted)
    if options.shape == .random, !chance.oneIn(3) {
      wanted = Set((0...chance.below(4)).map { _ in chance.below(workload.jobs.count) })
    }
    for job in wanted.sorted() where workload.jobs[job].isData { try bring(client, workload, job) }
    wanted = wanted.filter { !workload.jobs[$0].isData }
    var included: Set<Int> = []
    var known: Set<Int> = []
    var stack = wanted.sorted()
    while let job = stack.popLast() {
      guard !included.contains(job), !known.contains(job) else { continue }
      if workload.jobs[job].isData {
        try bring(client, workload, job)
        // What it was put on may be gone; then nothing that needs it can be had either.
        if let future = clients[client].handles[job]?.future, clients[client].failures[future] != nil { return }
        known.insert(job)
        continue
      }
      if !wanted.contains(job), let had = clients[client].handles[job], clients[client].failures[had.future] == nil,
        chance.oneIn(2)
      {
        known.insert(job)
        continue
      }
      included.insert(job)
      stack += workload.jobs[job].inputs + workload.jobs[job].after
    }
    guard !included.isEmpty else { return }
    let id = SubmissionID(rawValue: clients[client].nextSubmission)
    clients[client].nextSubmission += 1
    let pieces = workload.pieces(graph: 0, included.sorted(), wanted: wanted, &chance)
    let isGivenUp = options.faults.contains(.cancel) && pieces.count > 1 && chance.oneIn(6)
    for piece in pieces {
      if isGivenUp, piece.isLast { return try tell(client: client, .giveUp(id)) }
      clients[client].submitted = []
      clients[client].refusal = nil
      let list = piece.wanted.map { piece.tasks[Int($0)].digest }
      try tell(client: client, .submit(id, piece))
      if let refusal = clients[client].refusal {
        throw failure("client \(client): a graph was refused: \(refusal.kind) \(refusal.message)")
      }
      guard clients[client].submitted.count == list.count else {
        throw failure("client \(client) has \(clients[client].submitted.count) futures for \(list.count) tasks")
      }
      for (digest, future) in zip(list, clients[client].submitted) {
        let job = included.first { workload.digest($0) == digest }!
        try hold(client, job, future)
      }
    }
  }

  private mutating func hold(_ client: Int, _ job: Int, _ future: FutureID) throws(SimulationFailure) {
    if let known = clients[client].handles[job], known.future != future {
      throw failure("client \(client) has two futures for job \(job)")
    }
    clients[client].handles[job] = (future, (clients[client].handles[job]?.count ?? 0) + 1)
    clients[client].jobs[future] = job
  }

  /// Brings a value along: to the scheduler, or, where it is large, to a worker.
  private mutating func bring(_ client: Int, _ workload: Workload, _ job: Int) throws(SimulationFailure) {
    guard clients[client].handles[job] == nil, let number = workload.expected[job] else { return }
    let id = SubmissionID(rawValue: clients[client].nextSubmission)
    clients[client].nextSubmission += 1
    clients[client].submitted = []
    clients[client].refusal = nil
    let isSmall = workload.jobs[job].bytes <= 8
    let open = workers.indices.filter { workers[$0].isAlive && workers[$0].core.worker != nil }
    if !isSmall, chance.oneIn(3), let worker = open.randomElement(using: &chance),
      let holder = workers[worker].core.worker
    {
      let value = ScatteredValue(
        digest: workload.digest(job), label: "data", type: "UInt64", byteCount: workload.jobs[job].bytes, holders: [],
        bytes: nil)
      placed.insert(workload.number)
      try tell(client: client, .scatter(id, [value], at: PeerRef(worker: holder, address: workers[worker].name)))
    }
    if clients[client].submitted.isEmpty {
      let value = ScatteredValue(
        digest: workload.digest(job), label: "data", type: "UInt64", byteCount: 8, holders: [],
        bytes: number.simulatedBytes)
      clients[client].refusal = nil
      try tell(client: client, .scatter(id, [value], at: nil))
    }
    guard let future = clients[client].submitted.first else {
      throw failure("client \(client): data was refused: \(clients[client].refusal as Any)")
    }
    try hold(client, job, future)
  }

  private mutating func release(_ client: Int, _ job: Int) throws(SimulationFailure) {
    guard let known = clients[client].handles[job] else { return }
    clients[client].handles[job] = known.count == 1 ? nil : (known.future, known.count - 1)
    try tell(client: client, .release(known.future))
  }

  private mutating func retry(_ client: Int, _ job: Int) throws(SimulationFailure) {
    guard let future = clients[client].handles[job]?.future, clients[client].failures[future] != nil,
      clients[client].core.canRetry(future), !workloads[clients[client].workload].jobs[job].isData
    else { return }
    clients[client].failures[future] = nil
    try tell(client: client, .retry([future]))
  }

  /// Whether a failure is one that there may be; else the cluster has done something wrong.
  func expect(_ client: Int, _ future: FutureID, _ failure: FailureRecord) throws(SimulationFailure) {
    guard let job = clients[client].jobs[future], !clients[client].callFutures.contains(future) else { return }
    let workload = workloads[clients[client].workload]
    let isPossible =
      switch failure.kind {
      case .threw: workload.expected[job] == nil
      // By this client, or by another one for all.
      case .cancelled: options.faults.contains(.cancel)
      // Data that lay on one worker: a graph that needs it is refused as a whole.
      // What is tried again after the cluster was restarted may need what nobody keeps any more.
      case .lost:
        clients[client].isClosed || placed.contains(workload.number) || options.faults.contains(.renew)
      case .restarted: options.faults.contains(.renew)
      case .timedOut, .killedWorkers, .cannotRun, .undecodable, .unsendable: false
      }
    if !isPossible { throw self.failure("client \(client), job \(job): \(failure.kind) \(failure.message)") }
  }

  mutating func answered(_ client: Int, _ request: RequestID, _ answer: ClientAnswer) throws(SimulationFailure) {
    if let list = clients[client].gathers.removeValue(forKey: request) {
      switch answer {
      case .gathered:
        for job in list {
          guard let future = clients[client].handles[job]?.future, !clients[client].values.contains(future) else {
            continue
          }
          throw failure("client \(client) has gathered job \(job), and has no value")
        }
      case .failed: break
      default: throw failure("client \(client): a gather was answered with \(answer)")
      }
    } else if clients[client].call == request {
      clients[client].call = nil
      guard case .holders(let held) = answer else { return }
      clients[client].callFutures = held.map(\.future)
      for one in held {
        clients[client].jobs[one.future] = clients[client].callJob
        try tell(client: client, .want(one.future))
      }
    }
  }

  /// A program that has done what it does waits for all that it has, tries again what was cancelled, and releases it.
  mutating func finish(_ client: Int) throws(SimulationFailure) {
    guard clients[client].actsLeft == 0, !clients[client].isDone else { return }
    let workload = workloads[clients[client].workload]
    var isThere = clients[client].gathers.isEmpty && clients[client].call == nil
    for job in clients[client].handles.keys.sorted() {
      let future = clients[client].handles[job]!.future
      if let failure = clients[client].failures[future] {
        if failure.kind != .cancelled, failure.kind != .restarted { continue }
        // What was given up before all of it was sent is nowhere any more, nor is data that lay on workers.
        if clients[client].core.canRetry(future), !workload.jobs[job].isData {
          try retry(client, job)
        } else {
          while clients[client].handles[job] != nil { try release(client, job) }
          continue
        }
      }
      if !clients[client].values.contains(future) {
        isThere = false
        try tell(client: client, .want(future))
      }
    }
    for future in clients[client].callFutures
    where !clients[client].values.contains(future) && clients[client].failures[future] == nil {
      isThere = false
      try tell(client: client, .want(future))
    }
    guard isThere else { return }
    for (job, known) in clients[client].handles
    where clients[client].failures[known.future] == nil && workload.expected[job] == nil {
      throw failure("client \(client), job \(job) should have failed")
    }
    for future in clients[client].callFutures { try tell(client: client, .release(future)) }
    clients[client].callFutures = []
    for job in clients[client].handles.keys.sorted() {
      while clients[client].handles[job] != nil { try release(client, job) }
    }
    clients[client].isDone = true
    if chance.oneIn(2) {
      clients[client].isClosed = true
      try tell(client: client, .close)
    }
  }
}
