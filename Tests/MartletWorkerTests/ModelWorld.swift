import MartletBytes
import MartletProtocol
import TestSupport

@testable import MartletWorker

/// What went wrong in a model.
struct Broken: Error, CustomStringConvertible { let description: String }

/// A worker's core with a shell, a scheduler and peers that are as simple as they can be, and that do what may happen at
/// random: late, twice, in vain, and sometimes wrongly. Keys are numbers; a value is the number of its key.
///
/// The shell checks what it is told to do: that a body's inputs are there and stay, that a value is what its key says, that
/// nothing is dropped, written or read twice.
struct ModelWorld {
  static let keys = 40

  /// What the scheduler believes of a key.
  struct Belief {
    var runs: UInt32 = 0
    /// The run that has no answer yet.
    var assigned: UInt32?
    /// The run that waits, as it has said.
    var suspended: UInt32?
    var isHeld = false
  }

  struct Peer {
    var isAlive = true
    var isConnected = false
    /// The request that it answers.
    var open: UInt32?
    /// What it answers, in order; a data frame's head was let in or not.
    var replies: [(reply: PeerReply, isBegun: Bool, isDamaged: Bool)] = []
    var holds: Set<Int> = []
  }

  struct Pair: Hashable {
    let request: UInt32
    let task: TaskHandle
  }

  struct Put: Hashable {
    let requester: UInt64
    let request: UInt32
  }

  struct Faults {
    /// Percent of what happens that is wrong, or goes wrong.
    var percent = 0
    var losesScheduler = false
    var memoryLimit: Int64 = 0
  }

  var core: WorkerCore
  var random: SeededGenerator
  let faults: Faults
  var now: Int64 = 0
  var isEnding = false

  // The scheduler.
  var beliefs = [Belief](repeating: Belief(), count: ModelWorld.keys)
  var epoch: UInt64 = 1
  var shift: UInt32 = 0
  var toWorker: [SchedulerToWorker] = []
  var toScheduler: [WorkerToScheduler] = []
  var isConnected = false
  var isWelcomed = false
  /// Messages of the scheduler that were sent, to be repeated.
  var lastMessages: [SchedulerToWorker] = []
  /// What the worker was told to expect, and what peers are about to push.
  var expected: Set<Int> = []
  var pushes: [Int] = []
  var worker: UInt32 = 100
  var answered = 0
  var suspensions = 0
  var isStopped = false

  // The shell.
  var memory: [UInt32: Int] = [:]
  var files: [UInt32: Int] = [:]
  var running: [UInt32: (task: ComputeTask, inputs: [UInt32])] = [:]
  /// Bodies that wait, and could go on.
  var awake: Set<UInt32> = []
  /// Ends of what goes on, in no order.
  var pending: [WorkerEvent] = []
  /// Those whose results wait for `hold` or `discard`.
  var results: [UInt32: Int] = [:]
  var received: [String: Int] = [:]
  var sending: [(requester: UInt64, request: UInt32, values: [ServedValue])] = []
  var requests: UInt32 = 0
  var putting: [Put: [Int]] = [:]
  var mostExecuting = 0

  // Peers.
  var peers: [Peer] = []
  /// What requests asked for.
  var asked: [Pair: Int] = [:]

  init(seed: UInt64, faults: Faults) {
    random = SeededGenerator(seed: seed)
    self.faults = faults
    var settings = WorkerSettings()
    settings.threads = 1 + random.below(3)
    settings.blockingTasks = 1 + random.below(2)
    settings.memoryLimit = faults.memoryLimit
    settings.leastSpillBytes = random.chance(50) ? 1 : 40
    settings.diskLimit = random.chance(20) ? 600 : 0
    settings.incomingBytes = random.chance(50) ? 300 : 1 << 20
    settings.requestBytes = 400
    settings.requestResults = 1 + random.below(6)
    settings.outgoingTransfers = 2
    settings.spillsAtOnce = 1 + random.below(2)
    settings.loadsAtOnce = 1 + random.below(2)
    settings.suspendedTasks = 2
    settings.sleepingThreads = 1 + random.below(2)
    settings.retryNanoseconds = 1_000_000
    settings.longestRetryNanoseconds = 20_000_000
    settings.askAgainNanoseconds = 10_000_000
    settings.giveBackNanoseconds = 400_000_000
    settings.unnamedNanoseconds = 60_000_000
    settings.unnamedValues = 5
    settings.spillRetryNanoseconds = 30_000_000
    core = WorkerCore(settings: settings)
    for _ in 0..<(2 + random.below(3)) { addPeer() }
  }

  // MARK: Names

  static func digest(_ key: Int) -> Digest128 { Digest128(low: 5, high: 6).member(UInt64(key)) }
  static let keysByDigest = Dictionary(uniqueKeysWithValues: (0..<keys).map { (digest($0), $0) })

  /// The handle of a key: each scheduler has others, and the same ones for other keys.
  func handle(_ key: Int) -> TaskHandle {
    TaskHandle(slot: (UInt32(key) &+ shift) % UInt32(Self.keys), generation: 0)
  }

  func key(_ handle: TaskHandle) -> Int? {
    guard handle.slot < UInt32(Self.keys), handle.generation == 0 else { return nil }
    return Int((handle.slot &+ UInt32(Self.keys) &- shift % UInt32(Self.keys)) % UInt32(Self.keys))
  }

  static func bytes(_ key: Int) -> Int64 { key % 5 == 0 ? 4 : Int64(20 + key * 37 % 180) }
  static func isSmall(_ key: Int) -> Bool { key % 5 == 0 }

  func reference(_ peer: Int) -> PeerRef { PeerRef(worker: WorkerID(rawValue: UInt32(peer)), address: "p\(peer)") }

  mutating func addPeer() {
    var peer = Peer()
    for key in 0..<Self.keys where random.chance(30) { peer.holds.insert(key) }
    peers.append(peer)
  }

  func holders(_ key: Int) -> [Int] { peers.indices.filter { peers[$0].isAlive && peers[$0].holds.contains(key) } }

  mutating func goesWrong() -> Bool { !isEnding && random.chance(faults.percent) }

  // MARK: Handing events to the core

  mutating func hand(_ event: WorkerEvent) throws {
    var actions: [WorkerAction] = []
    core.handle(event, at: Timestamp(nanoseconds: now), &actions)
    if isEnding || random.chance(60) { core.flush(&actions) }
    if let broken = core.brokenInvariant() { throw Broken(description: "after \(event): \(broken)") }
    do {
      for action in actions { try carryOut(action) }
    } catch let broken as Broken {
      throw Broken(description: "after \(event): \(broken)")
    }
    guard results.isEmpty, received.isEmpty else { throw Broken(description: "after \(event): a result is left over") }
    mostExecuting = max(mostExecuting, running.count)
  }

  private mutating func carryOut(_ action: WorkerAction) throws {
    func check(_ isRight: Bool, _ problem: String = "") throws {
      if !isRight { throw Broken(description: "\(action): \(problem)") }
    }
    switch action {
    case .tellScheduler(let message):
      try check(isWelcomed, "nobody listens")
      toScheduler.append(message)
    case .connectPeer(let reference):
      let peer = Int(reference.worker.rawValue)
      try check(!peers[peer].isConnected, "it is connected")
      let comes = peers[peer].isAlive && !goesWrong()
      pending.append(comes ? .peerConnected(reference.worker) : .peerLost(reference.worker))
    case .disconnectPeer(let worker):
      peers[Int(worker.rawValue)].isConnected = false
      peers[Int(worker.rawValue)].open = nil
      peers[Int(worker.rawValue)].replies = []
      pending.removeAll {
        switch $0 {
        case .peerConnected(worker), .peerLost(worker): true
        default: false
        }
      }
    case .askPeer(let worker, .get(let request, let named)):
      let peer = Int(worker.rawValue)
      try check(peers[peer].isConnected && peers[peer].open == nil, "it is asked already, or not connected")
      peers[peer].open = request
      try check(Set(named.map(\.task)).count == named.count, "twice the same")
      ask(peer, request, named)
    case .askPeer(let worker, .abandon(let request)):
      // What is on its way comes, the rest does not.
      let peer = Int(worker.rawValue)
      if let first = peers[peer].replies.first, first.isBegun {
        peers[peer].replies = [first]
      } else {
        peers[peer].replies = []
      }
      peers[peer].replies.append((.done(request: request), false, false))
    case .askPeer(_, .put): try check(false)
    case .askPeer(let worker, .push(let results)):
      try check(peers[Int(worker.rawValue)].isConnected && !results.isEmpty, "it is not connected")
    case .sendData(let requester, let request, let values, _):
      for served in values {
        let table = served.isFromFile ? files : memory
        let digest = core.tasks[Int(served.value.rawValue)].digest
        try check(table[served.value.rawValue] == Self.keysByDigest[digest], "it is something else")
      }
      sending.append((requester.rawValue, request, values))
      pending.append(.dataSent(requester, request: request))
    case .acceptData(let requester, let request, let values):
      for value in values {
        let key = Self.keysByDigest[value.digest]!
        pending.append(
          .dataPut(requester, request: request, value.digest, type: "T", byteCount: Self.bytes(key)))
      }
    case .holdPut(_, _, let digest, let value):
      try check(memory[value.rawValue] == nil && files[value.rawValue] == nil, "the place is taken")
      memory[value.rawValue] = Self.keysByDigest[digest]
    case .discardPut: break
    case .confirmData(let requester, let request):
      // The client announces what is held, or is gone.
      let values = putting.removeValue(forKey: Put(requester: requester.rawValue, request: request)) ?? []
      guard isWelcomed, random.chance(80) else { break }
      for key in values { beliefs[key].isHeld = true }
      say(.named(values.map { NamedTask(task: handle($0), digest: Self.digest($0)) }))
    case .move(let value, let target):
      try check(memory[target.rawValue] == nil && memory[value.rawValue] != nil, "the place is taken")
      memory[target.rawValue] = memory.removeValue(forKey: value.rawValue)
    case .stopSending(let requester, let request):
      sending.removeAll { $0.requester == requester.rawValue && $0.request == request }
    case .refuseData, .deliver, .log: break
    case .run(let execution, let task, let inputs, _):
      try check(running[execution.rawValue] == nil, "it runs already")
      try check(inputs.count == task.inputs.count, "inputs are missing")
      for (value, input) in zip(inputs, task.inputs) {
        try check(memory[value.rawValue] == Self.keysByDigest[input.digest], "\(value) is not \(input.task)")
      }
      running[execution.rawValue] = (task, inputs.map(\.rawValue))
      goOn(execution)
    case .resume(let execution):
      try check(awake.remove(execution.rawValue) != nil, "it does not wait, or still does")
      goOn(execution)
    case .cancelRunning(let execution): try check(running[execution.rawValue] != nil, "it does not run")
    case .hold(let execution, let value):
      let key = results.removeValue(forKey: execution.rawValue)
      try check(key != nil && memory[value.rawValue] == nil && files[value.rawValue] == nil, "no result, or no place")
      memory[value.rawValue] = key
    case .discard(let execution): try check(results.removeValue(forKey: execution.rawValue) != nil, "no result")
    case .holdReceived(let peer, let request, let task, let value):
      let key = received.removeValue(forKey: "\(peer) \(request) \(task)")
      try check(key != nil && memory[value.rawValue] == nil && files[value.rawValue] == nil, "no data, or no place")
      memory[value.rawValue] = key
    case .discardReceived(let peer, let request, let task):
      received["\(peer) \(request) \(task)"] = nil
    case .decode(let value, _, let bytes):
      try check(memory[value.rawValue] == nil && files[value.rawValue] == nil, "the place is taken")
      memory[value.rawValue] = Int(bytes[0])
    case .drop(let value):
      try checkUnused(value, "dropped")
      let isThere = memory.removeValue(forKey: value.rawValue) != nil
      try check(files.removeValue(forKey: value.rawValue) != nil || isThere, "it is not there")
    case .spill(let value):
      try check(memory[value.rawValue] != nil && files[value.rawValue] == nil, "it is not there, or has a file")
      let fails = goesWrong()
      if !fails { files[value.rawValue] = memory[value.rawValue] }
      pending.append(.spillEnded(value, fails ? .failed(reason: "disk full") : .done, bytesOnDisk: fails ? 0 : 7))
    case .unload(let value):
      try checkUnused(value, "unloaded")
      try check(files[value.rawValue] != nil, "it has no file")
      try check(memory.removeValue(forKey: value.rawValue) != nil, "it is not in memory")
    case .load(let value):
      try check(files[value.rawValue] != nil && memory[value.rawValue] == nil, "it has no file, or is in memory")
      let isDamaged = goesWrong()
      if !isDamaged { memory[value.rawValue] = files[value.rawValue] }
      pending.append(.loadEnded(value, isDamaged ? .failed(reason: "checksum") : .done))
    case .restart: try check(false, "nobody restarts it")
    case .stop: isStopped = true
    }
  }

  /// A body ends, or waits.
  private mutating func goOn(_ execution: ExecutionID) {
    if random.chance(25) {
      pending.append(.taskSuspended(execution, holdsThread: random.chance(50)))
    } else {
      pending.append(end(execution))
    }
  }

  private func checkUnused(_ value: ValueID, _ what: String) throws {
    if running.values.contains(where: { $0.inputs.contains(value.rawValue) }) {
      throw Broken(description: "\(value) is \(what) under a body")
    }
    if sending.contains(where: { $0.values.contains { $0.value == value && (!$0.isFromFile || what == "dropped") } }) {
      throw Broken(description: "\(value) is \(what) while it is sent")
    }
  }

  private mutating func end(_ execution: ExecutionID) -> WorkerEvent {
    let task = running[execution.rawValue]!.task
    if goesWrong() {
      return .taskFailed(
        execution, FailureRecord(.threw, key: task.digest, label: task.label, message: "no"))
    }
    let key = Self.keysByDigest[task.digest]!
    return .taskEnded(
      execution, nanoseconds: 1, byteCount: Self.bytes(key), type: "T",
      inline: Self.isSmall(key) ? [UInt8(key)] : nil)
  }

  // MARK: Peers

  private mutating func ask(_ peer: Int, _ request: UInt32, _ named: [NamedTask]) {
    for name in named { asked[Pair(request: request, task: name.task)] = Self.keysByDigest[name.digest] }
    if !isEnding, random.chance(10) {
      peers[peer].replies.append((.busy(request: request, retryAfterNanoseconds: 1000), false, false))
      return
    }
    for name in named {
      guard let key = Self.keysByDigest[name.digest], peers[peer].holds.contains(key), !goesWrong() else {
        // Now and then it says nothing of one.
        if !random.chance(20) {
          peers[peer].replies.append((.missing(request: request, task: name.task), false, false))
        }
        continue
      }
      let reply = PeerReply.data(request: request, task: name.task, type: "T", byteCount: Self.bytes(key))
      peers[peer].replies.append((reply, false, goesWrong()))
      if goesWrong() { peers[peer].replies.append((reply, false, false)) }
    }
    peers[peer].replies.append((.done(request: request), false, false))
    if goesWrong() { peers[peer].replies.append((.done(request: request &+ 1), false, false)) }
  }

  mutating func hearPeer(_ peer: Int) throws {
    let worker = WorkerID(rawValue: UInt32(peer))
    let item = peers[peer].replies[0]
    if case .data(let request, let task, _, let byteCount) = item.reply {
      if !item.isBegun {
        if core.mayReceive(worker, request: request, task, byteCount: byteCount) {
          peers[peer].replies[0].isBegun = true
        } else {
          peers[peer].replies.removeFirst()
        }
        return
      }
      peers[peer].replies.removeFirst()
      if item.isDamaged {
        return try hand(.peerSentNonsense(worker, request: request, task, reason: "checksum"))
      }
      received["\(worker) \(request) \(task)"] = asked[Pair(request: request, task: task)]
      return try hand(.peerSaid(worker, item.reply))
    }
    peers[peer].replies.removeFirst()
    switch item.reply {
    case .done(let request), .busy(let request, _): if peers[peer].open == request { peers[peer].open = nil }
    case .data, .missing, .rejected: break
    }
    try hand(.peerSaid(worker, item.reply))
  }

  mutating func cut(_ peer: Int) throws {
    guard peers[peer].isConnected else { return }
    peers[peer].isConnected = false
    peers[peer].open = nil
    peers[peer].replies = []
    try hand(.peerLost(WorkerID(rawValue: UInt32(peer))))
  }
}
