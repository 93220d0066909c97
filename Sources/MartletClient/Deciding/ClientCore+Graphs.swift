import MartletBytes
import MartletProtocol

extension ClientCore {
  // MARK: From the program

  mutating func submit(_ id: SubmissionID, _ piece: Submission, _ actions: inout [ClientAction]) {
    if let known = openSubmissions[id] {
      add(piece, to: known, &actions)
      return
    }
    let slot = insert(GraphRecord(submission: id))
    openSubmissions[id] = slot
    add(piece, to: slot, &actions)
  }

  mutating func add(_ piece: Submission, to slot: UInt32, _ actions: inout [ClientAction]) {
    let id = graphs[Int(slot)].submission
    if graphs[Int(slot)].phase == .refused {
      if piece.isLast { closeRefused(slot, &actions) }
      return
    }
    let bytes = Self.bytes(of: piece)
    let namesOthers =
      !piece.layers.isEmpty
      || piece.tasks.contains { task in
        task.dependencies.contains { if case .known = $0 { true } else { false } }
      }
    if !piece.layers.isEmpty { graphs[Int(slot)].hasLayers = true }
    if namesOthers || !piece.isLast || !graphs[Int(slot)].pieces.isEmpty {
      for task in piece.tasks { graphs[Int(slot)].ownDigests.insert(task.digest) }
    }
    if let problem = problem(in: piece, bytes, for: slot) {
      if !graphs[Int(slot)].partEnds.isEmpty, phase != .ended { return addParts(of: piece, in: slot, &actions) }
      actions.append(.refused(id, problem))
      abort(slot, problem, &actions)
      if !piece.isLast {
        // What still comes of it is ignored.
        let rest = insert(GraphRecord(submission: id))
        graphs[Int(rest)].phase = .refused
        openSubmissions[id] = rest
      }
      return
    }
    let inputs = inputs(of: piece, own: graphs[Int(slot)].ownDigests)
    var wanted: [FutureID] = []
    func want(_ digest: Digest128) {
      let future = use(digest, &actions)
      provide(future, from: slot)
      futures[Int(future)].pending += 1
      wanted.append(self.id(of: future))
    }
    for place in piece.wanted { want(piece.tasks[Int(place)].digest) }
    for layer in piece.layers { for place in 0..<layer.wantedCount { want(layer.wantedDigest(place)) } }
    for input in inputs {
      futures[Int(input.slot)].pending += 1
      futures[Int(input.slot)].uses += 1
    }
    graphs[Int(slot)].pieces.append(piece)
    graphs[Int(slot)].wanted.append(wanted)
    graphs[Int(slot)].inputs += inputs
    graphs[Int(slot)].bytes += bytes
    graphBytes += bytes
    if piece.isLast { complete(slot) }
    actions.append(.submitted(id, wanted))
    // An input that the scheduler does not have has to go first.
    if inputs.contains(where: { !isUnderWay($0.slot) }) { needsResend = true }
    if phase == .ready, !needsResend { send(slot, &actions) }
  }

  /// The futures that a piece needs.
  func inputs(of piece: Submission, own: Set<Digest128>) -> [FutureID] {
    var inputs: [FutureID] = []
    for task in piece.tasks {
      for case .known(let digest) in task.dependencies where !own.contains(digest) {
        if let input = futuresByDigest[digest] { inputs.append(self.id(of: input)) }
      }
    }
    for layer in piece.layers {
      for case .shared(let digest) in layer.inputs where !own.contains(digest) {
        if let input = futuresByDigest[digest] { inputs.append(self.id(of: input)) }
      }
    }
    return inputs
  }

  /// Whether the scheduler knows the future, or a graph that gives it is on its way there.
  private func isUnderWay(_ future: UInt32) -> Bool {
    futures[Int(future)].task != nil || futures[Int(future)].expected > 0
  }

  /// Whether an input can be had from a graph that is not sent again before it is answered.
  func hasToWait(_ graph: UInt32) -> Bool {
    graphs[Int(graph)].inputs.contains { future in
      guard let slot = slot(of: future), !isUnderWay(slot) else { return false }
      let provider = futures[Int(slot)].provider
      return provider != FutureRecord.none && provider != graph && graphs[Int(provider)].phase != .accepted
    }
  }

  /// Why an input of a graph cannot be had, where that is known here: data that no worker took, for one. The scheduler would only
  /// say that it does not know it.
  func inputFailure(_ graph: UInt32) -> FailureRecord? {
    for future in graphs[Int(graph)].inputs {
      guard let slot = slot(of: future) else { continue }
      let record = futures[Int(slot)]
      if record.state == .failed, record.task == nil, record.provider == FutureRecord.none, let failure = record.failure
      {
        return failure
      }
    }
    return nil
  }

  mutating func expect(_ list: [FutureID], from graph: UInt32) {
    graphs[Int(graph)].expected += list
    for future in list {
      if let slot = slot(of: future) { futures[Int(slot)].expected += 1 }
    }
  }

  mutating func clearExpected(_ graph: UInt32) {
    for future in graphs[Int(graph)].expected {
      if let slot = slot(of: future), futures[Int(slot)].expected > 0 { futures[Int(slot)].expected -= 1 }
    }
    graphs[Int(graph)].expected = []
    graphs[Int(graph)].named = 0
    if hasDeferred {
      hasDeferred = false
      needsResend = true
    }
  }

  mutating func complete(_ slot: UInt32) {
    graphs[Int(slot)].isComplete = true
    graphs[Int(slot)].ownDigests = []
    openSubmissions[graphs[Int(slot)].submission] = nil
  }

  /// Why a piece cannot be taken; nil when it can.
  private mutating func problem(in piece: Submission, _ bytes: Int, for slot: UInt32) -> FailureRecord? {
    func refusal(_ kind: FailureRecord.Kind, _ digest: Digest128?, _ message: String) -> FailureRecord {
      FailureRecord(kind, key: digest ?? Digest128(low: 0, high: 0), label: "", message: message, attempts: 0)
    }
    if phase == .ended { return refusal(.lost, nil, "the session is over: \(endReason)") }
    if let inconsistency = piece.inconsistency() { return refusal(.cannotRun, nil, inconsistency) }
    if bytes > WireLimits.messageBytes {
      return refusal(
        .unsendable, piece.tasks.first?.digest,
        "a piece of a graph of \(bytes) bytes, a frame holds \(WireLimits.messageBytes): scatter large data")
    }
    for task in piece.tasks {
      for case .known(let digest) in task.dependencies {
        if graphs[Int(slot)].ownDigests.contains(digest) { continue }
        guard let input = futuresByDigest[digest] else {
          // It may be a block of a layer: the scheduler knows.
          if graphs[Int(slot)].hasLayers { continue }
          return refusal(
            .lost, digest, "it needs the task \(digest), which is no future of this session: keep a handle on it")
        }
        let record = futures[Int(input)]
        // A graph on its way may give it all the same, but not when it was cancelled since that was sent.
        if record.state == .failed, record.task == nil, record.pending == 0 || record.isCancelled,
          let failure = record.failure
        {
          return failure
        }
      }
    }
    return makeRoom(bytes)
  }

  mutating func makeRoom(_ bytes: Int) -> FailureRecord? {
    var graph = firstGraph
    while graphBytes + bytes > settings.graphBudgetBytes, graph != FutureRecord.none {
      let next = graphs[Int(graph)].next
      if graphs[Int(graph)].phase == .accepted, !isNeeded(graph) { drop(graph) }
      graph = next
    }
    guard graphBytes + bytes > settings.graphBudgetBytes else { return nil }
    return FailureRecord(
      .cannotRun, key: Digest128(low: 0, high: 0), label: "",
      message:
        "graphs of \(graphBytes) bytes are not done, and \(settings.graphBudgetBytes) may be kept: wait for results",
      attempts: 0)
  }

  /// Whether results of the graph could not be had after the loss of the scheduler, if it were not kept.
  private func isNeeded(_ graph: UInt32) -> Bool {
    graphs[Int(graph)].wanted.contains { list in
      list.contains { future in
        guard let slot = slot(of: future), futures[Int(slot)].provider == graph else { return false }
        let record = futures[Int(slot)]
        return record.uses > 0 || (record.handles > 0 && record.state != .held && record.state != .failed)
      }
    }
  }

  /// What a piece takes, a little more than its message.
  static func bytes(of piece: Submission) -> Int {
    var bytes = 64
    for task in piece.tasks {
      bytes += 48
      switch task.work {
      case .call(_, let content), .literal(_, let content): bytes += content.count
      case .gather, .alias, .signal: break
      }
      for case .known in task.dependencies { bytes += 12 }
      bytes += 5 * task.dependencies.count
    }
    for label in piece.labels { bytes += label.utf8.count + 4 }
    for type in piece.types { bytes += type.utf8.count + 4 }
    for function in piece.functions { bytes += function.name.utf8.count + 14 }
    bytes += 128 * piece.traits.count + 4 * piece.wanted.count
    for layer in piece.layers { bytes += 48 + layer.arguments.count + 28 * layer.inputs.count + 4 * layer.wanted.count }
    return bytes
  }

  /// The program has lost interest, or lost its way, before the last piece.
  mutating func giveUp(_ id: SubmissionID, _ actions: inout [ClientAction]) {
    guard let slot = openSubmissions[id] else { return }
    if graphs[Int(slot)].phase == .refused { return closeRefused(slot, &actions) }
    let failure = FailureRecord(
      .cancelled, key: Digest128(low: 0, high: 0), label: "", message: "the graph was given up before its last piece",
      attempts: 0)
    abort(slot, failure, &actions)
  }

  /// Ends a graph before its last piece. Where the scheduler has pieces, it gets an empty last one, and what it names then
  /// is cancelled.
  private mutating func abort(_ slot: UInt32, _ failure: FailureRecord, _ actions: inout [ClientAction]) {
    handOver(slot)
    for list in graphs[Int(slot)].wanted {
      for future in list {
        guard let place = self.slot(of: future), futures[Int(place)].provider == slot else { continue }
        guard futures[Int(place)].task == nil else { continue }
        fail(place, failure, &actions)
        futures[Int(place)].isCancelled = true
      }
    }
    complete(slot)
    guard graphs[Int(slot)].sentPieces > 0, phase == .ready else { return refuse(slot, failure, &actions) }
    graphs[Int(slot)].pieces.append(Submission(graph: 0, isLast: true))
    graphs[Int(slot)].wanted.append([])
    if !needsResend { send(slot, &actions) }
  }

  // MARK: From the scheduler

  /// The scheduler has a graph and names its wanted tasks, or some of them, and others in messages that follow. False when
  /// that cannot be.
  mutating func accepted(_ slot: UInt32, _ tasks: [TaskHandle], _ actions: inout [ClientAction]) -> Bool {
    let named = graphs[Int(slot)].named
    let expected = graphs[Int(slot)].expected.count
    guard graphs[Int(slot)].phase == .sent, tasks.count <= expected - named, !tasks.isEmpty || named == expected else {
      return false
    }
    graphs[Int(slot)].named = named + tasks.count
    for (future, task) in zip(graphs[Int(slot)].expected[named...], tasks) {
      guard let place = self.slot(of: future) else { continue }
      guard bind(place, task, unwants: graphs[Int(slot)].unwantsSaid, &actions) else { return false }
    }
    if named + tasks.count < expected { return true }
    wireUses[graphs[Int(slot)].wire] = nil
    graphs[Int(slot)].phase = .accepted
    clearExpected(slot)
    removePending(slot)
    // What was cancelled when the graph was sent, and is wanted again.
    if lacksResult(slot) { needsResend = true }
    settle(&actions)
    if graphs[Int(slot)].isUsed { dropIfUseless(slot) }
    return true
  }

  /// The scheduler has some of the scattered values.
  mutating func scattered(_ slot: UInt32, _ named: [NamedTask], _ actions: inout [ClientAction]) -> Bool {
    guard graphs[Int(slot)].phase == .sent, graphs[Int(slot)].pieces.isEmpty else { return false }
    for task in named {
      guard let place = futuresByDigest[task.digest], futures[Int(place)].pending > 0 else { return false }
      guard bind(place, task.task, unwants: graphs[Int(slot)].unwantsSaid, &actions) else { return false }
    }
    clearExpected(slot)
    let isPlaced = graphs[Int(slot)].place != nil
    guard accepted(slot, [], &actions) else { return false }
    // Data that lies on a worker cannot be brought again.
    if isPlaced, graphs[Int(slot)].isUsed { drop(slot) }
    return true
  }

  /// The scheduler, or the core itself, does not take a graph.
  mutating func refuse(_ slot: UInt32, _ failure: FailureRecord, _ actions: inout [ClientAction]) {
    if case .graph(slot)? = wireUses[graphs[Int(slot)].wire] { wireUses[graphs[Int(slot)].wire] = nil }
    let isPending = graphs[Int(slot)].phase != .accepted && graphs[Int(slot)].phase != .refused
    if graphs[Int(slot)].phase == .putting {
      for number in peers.indices { peers[number].puts.removeAll { $0.graph == slot } }
    }
    graphs[Int(slot)].phase = .refused
    clearExpected(slot)
    handOver(slot)
    for list in graphs[Int(slot)].wanted {
      for future in list {
        guard let place = self.slot(of: future), futures[Int(place)].provider == slot else { continue }
        if futures[Int(place)].task == nil { fail(place, failure, &actions) }
      }
    }
    if isPending { removePending(slot) }
    leaveProvided(slot)
    for future in graphs[Int(slot)].inputs { leaveInput(future) }
    graphs[Int(slot)].inputs = []
    graphs[Int(slot)].wanted = []
    graphs[Int(slot)].pieces = []
    graphs[Int(slot)].values = []
    graphBytes -= graphs[Int(slot)].bytes
    graphs[Int(slot)].bytes = 0
    if graphs[Int(slot)].isComplete { closeRefused(slot, &actions) }
    settle(&actions)
  }

  /// The last piece of a refused graph has come from the program: the scheduler, which may wait for it, gets an empty one.
  private mutating func closeRefused(_ slot: UInt32, _ actions: inout [ClientAction]) {
    let graph = graphs[Int(slot)]
    if graph.sentPieces > 0, phase == .ready, openSubmissions[graph.submission] == slot {
      tell(.submit(Submission(graph: graph.wire, isLast: true)), &actions)
    }
    if openSubmissions[graph.submission] == slot { openSubmissions[graph.submission] = nil }
    remove(slot)
  }
}
