import Glibc
import MartletBytes
import MartletGraph
import MartletNet
import MartletProtocol
import MartletSystem
import MartletWorker
import Synchronization

/// What runs on the worker's loop: messages, ends of bodies and of files go into the core, its actions are carried out. No
/// decision about tasks is made here.
final class WorkerShell: @unchecked Sendable {
  // Sendable: the loop's thread alone uses it, but for what is constant and `places`.
  let loop: EventLoop
  let settings: WorkerServerSettings
  let registry: TaskFunctionRegistry
  let log: Log
  let scheduler: HostAndPort
  let name: String

  /// What other threads may ask.
  struct Places {
    var address = ""
    var httpPort: Int?
    var end = WorkerEnd.stopped
  }
  let places = Guarded(Places())

  /// What is looked at several times for each task.
  let tables: UnsafeMutablePointer<WorkerTables>
  @exclusivity(unchecked) private var isCarryingOut = false
  @exclusivity(unchecked) private var turnEnd: TurnEnd?
  private var tickTimer: LoopTimer?
  private(set) var listener: TCPListener?
  private var http: HTTPServer?
  @exclusivity(unchecked) private(set) var isEnding = false
  let startedAt: UInt64

  // Values, bodies, files.
  /// The value that has just come, until the core says what becomes of it.
  private var arrived: HeldValue?
  private let bodies: BodyThreads
  private var news: [BodyNews] = []
  /// The cluster as bodies see it.
  let inside: InsideCluster
  private let bodyLimits: BodyRun.Limits
  private(set) var files: SpillFiles?
  private var lastFile: UInt64 = 0
  /// Encodes and decodes what would take the loop too long.
  let codec = JobThread(name: "codec")
  /// Values that are being sent, as bytes, while a transfer of them lasts.
  var encodings: [ValueID: Encoding] = [:]

  // Connections.
  @exclusivity(unchecked) var link: SchedulerLink?
  var reconnectTimer: LoopTimer?
  var reconnectDelay: Duration = .milliseconds(50)
  /// Since when there is no scheduler.
  var lostAt: UInt64
  var lastProblem = ""
  // Only looked up, but for ends and looks at silence, whose order does not matter.
  var peers: [WorkerID: PeerLink] = [:]
  var requesters: [RequesterID: Requester] = [:]
  var lastRequester: UInt64 = 0

  var usage = ProcessUsage()
  /// Memory of large results that came from others.
  let kept: KeptArrays
  static let tickInterval = Duration.milliseconds(50)
  /// Memory for results that are to come is kept for so long after it was used, in nanoseconds, and so much of it at most, or a
  /// sixteenth of the memory limit.
  static let keptNanoseconds: UInt64 = 10_000_000_000
  static let keptBytes = 256 << 20
  /// Larger values are encoded and decoded on a thread of their own.
  static let loopCodecBytes = 64 << 10

  init(
    loop: EventLoop, settings: WorkerServerSettings, scheduler: HostAndPort, registry: TaskFunctionRegistry
  ) {
    self.loop = loop
    self.settings = settings
    self.scheduler = scheduler
    self.registry = registry
    log = settings.log
    name = settings.name
    var decisions = settings.core
    decisions.threads = max(1, settings.threads)
    decisions.memoryLimit = max(0, settings.memoryLimit)
    let share = settings.memoryLimit > 0 ? Int(settings.memoryLimit) / 16 : Int.max
    kept = KeptArrays(limitBytes: min(WorkerShell.keptBytes, share))
    tables = .allocate(capacity: 1)
    tables.initialize(to: WorkerTables(core: WorkerCore(settings: decisions)))
    bodies = BodyThreads(
      count: decisions.threads, registry: registry)
    bodyLimits = BodyRun.Limits(
      inlineBytes: decisions.inlineBytes, maximumBytes: settings.maximumResultBytes, page: settings.page)
    inside = InsideCluster(scheduler: scheduler, secret: settings.secret, registry: registry)
    startedAt = martlet_monotonic_nanoseconds()
    lostAt = startedAt
    turnEnd = TurnEnd(loop: loop) { [weak self] in self?.endOfTurn() }
  }

  deinit {
    for place in values.indices { values[place].slot.clear() }
    tables.deinitialize(count: 1)
    tables.deallocate()
  }

  /// Notes where it listens; on the thread that starts it.
  func setListening(_ listener: TCPListener, _ http: HTTPServer?) {
    let port = listener.address.port
    let place: HostAndPort =
      if settings.advertise.isEmpty {
        HostAndPort(host: listener.address.host, port: port)
      } else {
        HostAndPort(settings.advertise, defaultPort: port) ?? HostAndPort(host: listener.address.host, port: port)
      }
    places.withLock {
      $0.address = "\(place)"
      $0.httpPort = http?.address.port
    }
  }

  /// Begins; on the loop's thread.
  func start(listener: TCPListener, http: HTTPServer?, files: SpillFiles?) {
    self.listener = listener
    self.http = http
    self.files = files
    bodies.start(LoopSignal(loop: loop) { [weak self] in self?.takeEnds() })
    let timer = LoopTimer(loop: loop) { [weak self] in self?.tick() }
    tickTimer = timer
    timer.arm(after: WorkerShell.tickInterval)
    lostAt = martlet_monotonic_nanoseconds()
    connectToScheduler()
  }

  // MARK: Events and actions

  private var timestamp: Timestamp { Timestamp(nanoseconds: Int64(truncatingIfNeeded: loop.now)) }

  /// Tells the core something; what it wants is done at the end of the turn at the latest.
  func feed(_ event: WorkerEvent) {
    if isEnding { return }
    core.handle(event, at: timestamp, &actions)
    if actions.count >= 1024 { carryOut() }
    turnEnd?.request()
  }

  /// Tells the core that a value has come, and does at once what it wants with it.
  func feed(_ event: WorkerEvent, arrived value: HeldValue) {
    if isEnding {
      var value = value
      value.slot.clear()
      return
    }
    carryOut()
    arrived = value
    core.handle(event, at: timestamp, &actions)
    carryOut()
    arrived?.slot.clear()
    arrived = nil
    turnEnd?.request()
  }

  private func endOfTurn() {
    if isEnding { return }
    core.flush(&actions)
    carryOut()
  }

  /// Does what the core has asked for so far.
  func settle() { carryOut() }

  private func carryOut() {
    // What is done may end the worker or lead to events, never to this function.
    guard !isCarryingOut else { return }
    isCarryingOut = true
    defer { isCarryingOut = false }
    while !actions.isEmpty, !isEnding {
      swap(&due, &actions)
      for place in due.indices {
        // Moved out: a copy would be counted and let go of.
        var action = WorkerAction.log("")
        swap(&due[place], &action)
        carryOut(action)
      }
      due.removeAll(keepingCapacity: true)
    }
    bodies.submit(&pendingRuns)
  }

  private func carryOut(_ action: consuming WorkerAction) {
    switch consume action {
    case .tellScheduler(let message): tellScheduler(message)
    case .connectPeer(let peer): connect(peer)
    case .disconnectPeer(let peer): disconnect(peer)
    case .askPeer(let peer, let request): peers[peer]?.ask(request)
    case .sendData(let requester, let request, let values, let missing):
      requesters[requester]?.send(request, values, missing)
    case .refuseData(let requester, let request, let refusal): requesters[requester]?.refuse(request, refusal)
    case .acceptData(let requester, let request, _): requesters[requester]?.accept(request)
    case .holdPut(_, _, _, let value), .holdReceived(_, _, _, let value):
      if let arrived { put(value, arrived) }
      arrived = nil
    case .discardPut, .discardReceived:
      arrived?.slot.clear()
      arrived = nil
    case .confirmData(let requester, let request): requesters[requester]?.confirm(request)
    case .stopSending(let requester, let request): requesters[requester]?.stopSending(request)
    case .run(let execution, let task, let inputs, let isAwaited): run(execution, task, inputs, isAwaited)
    case .cancelRunning(let execution):
      runs[Int(execution.rawValue)]?.cancel()
    case .resume(let execution): if let run = runs[Int(execution.rawValue)] { bodies.resume(run) }
    case .hold(let execution, let value):
      if let run = runs[Int(execution.rawValue)] { put(value, run.take()) }
    case .discard(let execution): runs[Int(execution.rawValue)]?.discard()
    case .decode(let value, let type, let bytes): decode(value, type, bytes)
    case .drop(let value): drop(value)
    case .move(let value, let other):
      let moved = values[Int(value.rawValue)]
      values[Int(value.rawValue)] = HeldValue()
      encodings[value] = nil
      put(other, moved)
    case .spill(let value): spill(value)
    case .unload(let value): unload(value)
    case .load(let value): load(value)
    // No body has asked for anything.
    case .deliver: break
    case .log(let line): log.info(line)
    case .restart(let reason):
      log.info("the worker starts anew: \(reason)")
      if settings.page != nil { end(.restarted) }
    case .stop(let reason):
      if core.isRetiring {
        log.info("the worker may end: \(reason)")
        end(.retired)
      } else {
        log.error(reason)
        end(.refused(reason))
      }
    }
  }

  // MARK: Values

  /// Looks at a value of the table.
  func held(_ value: ValueID) -> HeldValue {
    Int(value.rawValue) < values.count ? values[Int(value.rawValue)] : HeldValue()
  }

  private func put(_ value: ValueID, _ held: HeldValue) {
    let place = Int(value.rawValue)
    while place >= values.count { values.append(HeldValue()) }
    values[place].slot.clear()
    values[place] = held
  }

  private func decode(_ value: ValueID, _ type: String, _ bytes: [UInt8]) {
    guard let found = registry.valueType(named: type) else {
      return put(value, HeldValue(problem: "the type \(type) is not registered on this worker"))
    }
    do throws(ByteError) {
      put(value, HeldValue(try found.slot(of: bytes), found, encodedBytes: bytes.count))
    } catch {
      put(value, HeldValue(problem: "it cannot be decoded as \(type): \(error)"))
    }
  }

  private func drop(_ value: ValueID) {
    let place = Int(value.rawValue)
    if values[place].file != 0 { files?.remove(values[place].file) }
    values[place].slot.clear()
    values[place] = HeldValue()
    if !encodings.isEmpty { encodings[value] = nil }
  }

  private func unload(_ value: ValueID) {
    values[Int(value.rawValue)].slot.clear()
    encodings[value] = nil
  }

  private func spill(_ value: ValueID) {
    let held = values[Int(value.rawValue)]
    guard let files, let type = held.type else {
      return later(.spillEnded(value, .failed(reason: held.problem ?? "no directory"), bytesOnDisk: 0))
    }
    lastFile += 1
    let file = lastFile
    var copy = Slot()
    copy.fill(from: held.slot)
    files.write(copy, type, to: file) { [loop, self] result in
      loop.execute { self.spilled(value, file, result) }
    }
  }

  private func spilled(_ value: ValueID, _ file: UInt64, _ result: Result<Int64, SpillFiles.Failure>) {
    if isEnding { return }
    switch result {
    case .success(let bytes):
      counters.spilledValues += 1
      counters.spilledBytes += bytes
      values[Int(value.rawValue)].file = file
      feed(.spillEnded(value, .done, bytesOnDisk: bytes))
    case .failure(let failure):
      feed(.spillEnded(value, .failed(reason: failure.description), bytesOnDisk: 0))
    }
  }

  private func load(_ value: ValueID) {
    let held = values[Int(value.rawValue)]
    guard let files, let type = held.type, held.file != 0 else {
      return later(.loadEnded(value, .failed(reason: "it has no file")))
    }
    files.read(held.file, type) { [loop, self] result in
      loop.execute { self.loaded(value, result) }
    }
  }

  private func loaded(_ value: ValueID, _ result: Result<OwnedSlot, SpillFiles.Failure>) {
    if isEnding { return }
    switch result {
    case .success(let owned):
      counters.loadedValues += 1
      values[Int(value.rawValue)].slot.clear()
      values[Int(value.rawValue)].slot = owned.take()
      feed(.loadEnded(value, .done))
    case .failure(let failure): feed(.loadEnded(value, .failed(reason: failure.description)))
    }
  }

  /// An answer that the core gets after it has asked.
  private func later(_ event: WorkerEvent) {
    loop.execute { self.feed(event) }
  }

  // MARK: Bodies

  private func run(_ execution: ExecutionID, _ task: ComputeTask, _ inputs: [ValueID], _ isAwaited: Bool) {
    let place = Int(execution.rawValue)
    while place >= runs.count { runs.append(nil) }
    let run = runs[place] ?? BodyRun(execution, bodyLimits, inside)
    runs[place] = run
    run.prepare(task, inputCount: inputs.count, isAwaited: isAwaited)
    for input in inputs { run.add(values[Int(input.rawValue)]) }
    pendingRuns.append(run)
  }

  private func takeEnds() {
    bodies.takeNews(&news)
    for item in news {
      switch item {
      case .waits(let execution, let holdsThread): feed(.taskSuspended(execution, holdsThread: holdsThread))
      case .awake(let execution): feed(.taskAwake(execution))
      }
    }
    news.removeAll(keepingCapacity: true)
    bodies.takeEnds(&ended)
    for run in ended { averageNanoseconds += (min(run.nanoseconds, WorkerTables.longBody) - averageNanoseconds) / 8 }
    core.handAhead(bodiesOf: averageNanoseconds)
    for run in ended {
      if let failure = run.failure {
        counters.failedTasks += 1
        feed(.taskFailed(run.execution, failure))
      } else {
        counters.finishedTasks += 1
        feed(
          .taskEnded(
            run.execution, nanoseconds: run.nanoseconds, byteCount: run.byteCount, type: run.type?.name ?? "",
            inline: run.inline))
      }
    }
    ended.removeAll(keepingCapacity: true)
  }

  /// Gives back what waits for threads that are busy with longer bodies than was thought.
  private func returnStuckRuns() {
    let stuck = bodies.withdrawStuck()
    if stuck.isEmpty { return }
    averageNanoseconds = WorkerTables.longBody
    core.ahead = 0
    for run in stuck {
      run.abandon()
      feed(.taskReturned(run.execution))
    }
  }

  // MARK: Time

  private func tick() {
    guard !isEnding else { return }
    tickTimer?.arm(after: WorkerShell.tickInterval)
    if bodies.hasEnds { takeEnds() }
    returnStuckRuns()
    if usage.measure(at: loop.now) {
      kept.sweep(at: loop.now, after: WorkerShell.keptNanoseconds)
      // What is only kept is no reason to write results to files: it goes first.
      let free = Int64(kept.freeBytes)
      feed(
        .memory(
          residentBytes: settings.measuresProcess ? max(0, usage.residentBytes - free) : 0,
          processorPercent: usage.processorPercent))
      lookForSilence()
      giveMemoryBack()
    }
    feed(.tick)
  }

  /// Lets the system have what the C library keeps of freed memory, when the process takes much more than its results do:
  /// what it keeps counts against the limit. Takes some milliseconds, on another thread.
  private func giveMemoryBack() {
    let limit = Double(core.settings.memoryLimit)
    guard limit > 0, settings.measuresProcess, Double(usage.residentBytes) > limit * core.settings.spillShare else {
      return
    }
    kept.removeAll()
    guard Double(usage.residentBytes - core.metrics.resultBytes) > limit / 10 else { return }
    codec.submit { martlet_return_freed_memory() }
  }

  // MARK: The end

  func retire() {
    guard !isEnding, !core.isRetiring else { return }
    guard link?.isRegistered == true else {
      log.info("there is no scheduler to hand over to: the worker ends")
      return end(.stopped)
    }
    log.info("the worker retires: it hands over what it holds")
    feed(.retireRequested)
    if let patience = settings.retirePatience {
      loop.schedule(after: patience) { [weak self] in
        guard let self, !isEnding else { return }
        log.warning("what it holds could not be handed over within \(patience): the worker ends")
        end(.stopped)
      }
    }
  }

  /// Says goodbye, closes everything, and shuts the loop down when bodies and connections have ended or the time for it
  /// is over.
  func end(_ end: WorkerEnd) {
    if isEnding { return }
    isEnding = true
    places.withLock { $0.end = end }
    tickTimer?.disarm()
    reconnectTimer?.disarm()
    listener?.close()
    http?.close()
    link?.leave(within: settings.farewell)
    link = nil
    // The order in which they are told does not matter.
    for peer in peers.values { peer.close() }
    for requester in requesters.values { requester.close(within: settings.farewell) }
    peers = [:]
    requesters = [:]
    encodings = [:]
    actions = []
    pendingRuns = []
    kept.removeAll()
    bodies.close()
    inside.close()
    for run in runs { if let run { bodies.release(run) } }
    codec.close()
    files?.close()
    let now = martlet_monotonic_nanoseconds()
    waitForOthers(
      farewellAt: now &+ UInt64(max(0, settings.farewell / .nanoseconds(1))),
      // Bodies that are stuck may be why it is started anew: they end with the process.
      until: now &+ UInt64(max(0, (end == .restarted ? settings.farewell : settings.stopPatience) / .nanoseconds(1))))
  }

  private func waitForOthers(farewellAt: UInt64, until deadline: UInt64) {
    let now = martlet_monotonic_nanoseconds()
    let hasFarewell = now >= farewellAt || loop.channelCount == 0
    let areThreadsDone = bodies.isDone && codec.isDone && (files?.isDone ?? true)
    if now < deadline, !hasFarewell || !areThreadsDone {
      loop.schedule(after: .milliseconds(2)) { self.waitForOthers(farewellAt: farewellAt, until: deadline) }
      return
    }
    if !bodies.isDone { log.warning("bodies run on although they were cancelled: their threads are left alone") }
    bodies.takeEnds(&ended)
    ended = []
    runs = []
    for place in values.indices { values[place].slot.clear() }
    values = []
    turnEnd = nil
    tickTimer = nil
    reconnectTimer = nil
    // They refer to this object.
    listener = nil
    http = nil
    loop.shutdown()
  }
}
