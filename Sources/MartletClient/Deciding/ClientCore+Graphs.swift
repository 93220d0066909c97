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

  private mutating func add(_ piece: Submission, to slot: UInt32, _ actions: inout [ClientAction]) {
    let id = graphs[Int(slot)].submission
    if graphs[Int(slot)].phase == .refused {
      if piece.isLast { closeRefused(slot, &actions) }
      return
    }
    let bytes = Self.bytes(of: piece)
    let namesOthers = piece.tasks.contains { task in
      task.dependencies.contains { if case .known = $0 { true } else { false } }
    }
    if namesOthers || !piece.isLast || !graphs[Int(slot)].pieces.isEmpty {
      for task in piece.tasks { graphs[Int(slot)].ownDigests.insert(task.digest) }
    }
    if let problem = problem(in: piece, bytes, for: slot) {
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
    var inputs: [FutureID] = []
    for task in piece.tasks {
      for case .known(let digest) in task.dependencies where !graphs[Int(slot)].ownDigests.contains(digest) {
        if let input = futuresByDigest[digest] { inputs.append(self.id(of: input)) }
      }
    }
    var wanted: [FutureID] = []
    for place in piece.wanted {
      let future = use(piece.tasks[Int(place)].digest, &actions)
      provide(future, from: slot)
      futures[Int(future)].pending += 1
      wanted.append(self.id(of: future))
    }
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

  /// Whether the scheduler knows the future, or a graph that gives it is on its way there.
  private func isUnderWay(_ future: UInt32) -> Bool {
    futures[Int(future)].task != nil || futures[Int(future)].expected > 0
  }

  /// Whether an input can be had from a graph that is not sent again before it is answered.
  private func hasToWait(_ graph: UInt32) -> Bool {
    graphs[Int(graph)].inputs.contains { future in
      guard let slot = slot(of: future), !isUnderWay(slot) else { return false }
      let provider = futures[Int(slot)].provider
      return provider != FutureRecord.none && provider != graph && graphs[Int(provider)].phase != .accepted
    }
  }

  private mutating func expect(_ list: [FutureID], from graph: UInt32) {
    graphs[Int(graph)].expected += list
    for future in list {
      if let slot = slot(of: future) { futures[Int(slot)].expected += 1 }
    }
  }

  private mutating func clearExpected(_ graph: UInt32) {
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

  private mutating func complete(_ slot: UInt32) {
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
          return refusal(
            .lost, digest, "it needs the task \(digest), which is no future of this session: keep a handle on it")
        }
        let record = futures[Int(input)]
        if record.state == .failed, record.task == nil, record.pending == 0, let failure = record.failure {
          return failure
        }
      }
    }
    return makeRoom(bytes)
  }

  private mutating func makeRoom(_ bytes: Int) -> FailureRecord? {
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

  // MARK: Scattered data

  mutating func scatter(
    _ id: SubmissionID, _ values: [ScatteredValue], at place: PeerRef?, _ actions: inout [ClientAction]
  ) {
    var bytes = 64
    for value in values { bytes += 64 + value.label.utf8.count + value.type.utf8.count + (value.bytes?.count ?? 0) }
    let tooLarge = values.first { ($0.bytes?.count ?? 0) > WireLimits.inlineResultBytes }
    let withoutBytes = values.first { $0.bytes == nil && place == nil }
    var failure: FailureRecord?
    if phase == .ended {
      failure = FailureRecord(
        .lost, key: Digest128(low: 0, high: 0), label: "", message: "the session is over: \(endReason)", attempts: 0)
    } else if let wrong = tooLarge ?? withoutBytes {
      failure = FailureRecord(
        .unsendable, key: wrong.digest, label: wrong.label,
        message: "a value of \(wrong.byteCount) bytes has to go to a worker; the scheduler keeps up to "
          + "\(WireLimits.inlineResultBytes)", attempts: 0)
    } else if place != nil, phase != .ready {
      failure = FailureRecord(
        .lost, key: Digest128(low: 0, high: 0), label: "", message: "there is no connection to the scheduler",
        attempts: 0)
    } else if bytes > WireLimits.messageBytes {
      failure = FailureRecord(
        .unsendable, key: Digest128(low: 0, high: 0), label: "",
        message: "values of \(bytes) bytes: send several times",
        attempts: 0)
    } else {
      failure = makeRoom(bytes)
    }
    if let failure { return actions.append(.refused(id, failure)) }
    var graph = GraphRecord(submission: id)
    graph.values = values
    graph.isComplete = true
    graph.bytes = bytes
    graph.place = place
    graphBytes += bytes
    let slot = insert(graph)
    var wanted: [FutureID] = []
    for value in values {
      let future = use(value.digest, &actions)
      provide(future, from: slot)
      futures[Int(future)].pending += 1
      wanted.append(self.id(of: future))
    }
    graphs[Int(slot)].wanted = [wanted]
    actions.append(.submitted(id, wanted))
    if let place {
      graphs[Int(slot)].phase = .putting
      put(slot, at: place.address, &actions)
    } else if phase == .ready, !needsResend {
      send(slot, &actions)
    }
  }

  // MARK: To the scheduler

  /// Sends what the scheduler does not have of a graph.
  mutating func send(_ slot: UInt32, _ actions: inout [ClientAction]) {
    if graphs[Int(slot)].sentPieces == 0 {
      graphs[Int(slot)].wire = wireNumber(for: .graph(slot))
      clearExpected(slot)
    }
    let wire = graphs[Int(slot)].wire
    if graphs[Int(slot)].pieces.isEmpty {
      let wanted = graphs[Int(slot)].wanted.first ?? []
      var values = graphs[Int(slot)].values
      if let place = graphs[Int(slot)].place {
        for number in values.indices { values[number].holders = [place.worker] }
      }
      // Inline data goes to a new scheduler as it went to the old one; what lay on a worker is known there or lost.
      values = zip(values, wanted).filter { isExpected($0.1) }.map(\.0)
      expect(wanted.filter { isExpected($0) }, from: slot)
      tell(.scatter(values), &actions)
      tell(.want(request: wire, values.map(\.digest)), &actions)
      graphs[Int(slot)].phase = .sent
      graphs[Int(slot)].sentPieces = 1
      return
    }
    while graphs[Int(slot)].sentPieces < graphs[Int(slot)].pieces.count {
      let place = graphs[Int(slot)].sentPieces
      var piece = graphs[Int(slot)].pieces[place]
      piece.graph = wire
      let wanted = graphs[Int(slot)].wanted[place]
      if wanted.allSatisfy({ isExpected($0) }) {
        expect(wanted, from: slot)
      } else {
        piece.wanted = zip(piece.wanted, wanted).filter { isExpected($0.1) }.map(\.0)
        expect(wanted.filter { isExpected($0) }, from: slot)
      }
      graphs[Int(slot)].sentPieces += 1
      tell(.submit(piece), &actions)
    }
    if graphs[Int(slot)].isComplete { graphs[Int(slot)].phase = .sent }
  }

  /// Whether the scheduler has to be told that this future is wanted, where its graph is sent.
  private func isExpected(_ future: FutureID) -> Bool {
    guard let slot = slot(of: future) else { return false }
    let record = futures[Int(slot)]
    return record.isNeededAsInput || (record.handles > 0 && record.state != .held && record.state != .failed)
  }

  /// Sends what the scheduler does not have: graphs that it never had, and graphs of whose results it knows nothing any
  /// more, with those that give their inputs.
  mutating func resend(_ actions: inout [ClientAction]) {
    needsResend = false
    // A graph's inputs come from earlier graphs, so one walk from the newest to the oldest finds all.
    var graph = lastGraph
    while graph != FutureRecord.none {
      defer { graph = graphs[Int(graph)].previous }
      switch graphs[Int(graph)].phase {
      case .refused, .sent, .putting: continue
      case .unsent: graphs[Int(graph)].isMarked = true
      case .accepted: break
      }
      if !graphs[Int(graph)].isMarked { graphs[Int(graph)].isMarked = lacksResult(graph) }
      guard graphs[Int(graph)].isMarked else { continue }
      for future in graphs[Int(graph)].inputs {
        guard let slot = slot(of: future), futures[Int(slot)].task == nil else { continue }
        let provider = futures[Int(slot)].provider
        guard provider != FutureRecord.none, provider != graph else { continue }
        futures[Int(slot)].isNeededAsInput = true
        graphs[Int(provider)].isMarked = true
      }
    }
    graph = firstGraph
    while graph != FutureRecord.none {
      defer { graph = graphs[Int(graph)].next }
      guard graphs[Int(graph)].isMarked else { continue }
      graphs[Int(graph)].isMarked = false
      if hasToWait(graph) {
        hasDeferred = true
        continue
      }
      switch graphs[Int(graph)].phase {
      case .refused, .sent, .putting: continue
      case .accepted:
        addPending(graph)
        graphs[Int(graph)].phase = .unsent
        graphs[Int(graph)].sentPieces = 0
      case .unsent: break
      }
      send(graph, &actions)
      for list in graphs[Int(graph)].wanted {
        for future in list {
          if let slot = slot(of: future) { futures[Int(slot)].isNeededAsInput = false }
        }
      }
    }
    failWithoutProvider(&actions)
  }

  /// Sends all scattered data that is kept here, to a scheduler that may have dropped it.
  mutating func sendData(_ actions: inout [ClientAction]) {
    var graph = firstGraph
    while graph != FutureRecord.none {
      defer { graph = graphs[Int(graph)].next }
      guard !graphs[Int(graph)].values.isEmpty, graphs[Int(graph)].place == nil else { continue }
      if graphs[Int(graph)].phase == .accepted { addPending(graph) }
      graphs[Int(graph)].phase = .unsent
      graphs[Int(graph)].sentPieces = 0
      let wanted = graphs[Int(graph)].wanted.first ?? []
      for future in wanted {
        if let slot = slot(of: future) { futures[Int(slot)].isNeededAsInput = true }
      }
      send(graph, &actions)
      for future in wanted {
        if let slot = slot(of: future) { futures[Int(slot)].isNeededAsInput = false }
      }
    }
  }

  private func lacksResult(_ graph: UInt32) -> Bool {
    graphs[Int(graph)].wanted.contains { list in
      list.contains { future in
        guard let slot = slot(of: future), futures[Int(slot)].provider == graph else { return false }
        return isLacking(slot)
      }
    }
  }

  /// Whether the program waits for it and the scheduler does not know of it.
  private func isLacking(_ slot: UInt32) -> Bool {
    let record = futures[Int(slot)]
    return record.isUsed && record.handles > 0 && record.task == nil
      && (record.state == .waiting || record.state == .finished)
  }

  /// Futures that the scheduler does not know, and that nothing here can give again.
  private mutating func failWithoutProvider(_ actions: inout [ClientAction]) {
    for number in futures.indices where futures[number].provider == FutureRecord.none && futures[number].pending == 0 {
      let slot = UInt32(number)
      if isLacking(slot) {
        fail(
          slot, lostRecord(slot, "the scheduler does not know it any more, and its graph is no longer kept here"),
          &actions)
      }
    }
  }

  private mutating func addPending(_ graph: UInt32) {
    for list in graphs[Int(graph)].wanted + [graphs[Int(graph)].inputs] {
      for future in list {
        if let slot = slot(of: future) { futures[Int(slot)].pending += 1 }
      }
    }
  }

  private mutating func removePending(_ graph: UInt32) {
    for list in graphs[Int(graph)].wanted + [graphs[Int(graph)].inputs] {
      for future in list {
        guard let slot = slot(of: future), futures[Int(slot)].pending > 0 else { continue }
        futures[Int(slot)].pending -= 1
        unsettled.append(slot)
      }
    }
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
      guard bind(place, task, &actions) else { return false }
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
      guard bind(place, task.task, &actions) else { return false }
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

  // MARK: Keeping

  private mutating func provide(_ future: UInt32, from graph: UInt32) {
    guard futures[Int(future)].provider == FutureRecord.none else { return }
    futures[Int(future)].provider = graph
    graphs[Int(graph)].provides += 1
    graphs[Int(graph)].progress.total += 1
    count(futures[Int(future)].told, 1, in: graph)
  }

  /// Drops a graph when none of its results could be needed again.
  mutating func dropIfUseless(_ graph: UInt32) {
    guard graphs[Int(graph)].isUsed, graphs[Int(graph)].phase == .accepted, graphs[Int(graph)].provides == 0 else {
      return
    }
    drop(graph)
  }

  private mutating func drop(_ graph: UInt32) {
    leaveProvided(graph)
    for future in graphs[Int(graph)].inputs { leaveInput(future) }
    graphBytes -= graphs[Int(graph)].bytes
    remove(graph)
  }

  /// Finds other graphs that give what this one should have given.
  private mutating func handOver(_ graph: UInt32) {
    guard graphs[Int(graph)].provides > 0 else { return }
    var other = firstGraph
    while other != FutureRecord.none, graphs[Int(graph)].provides > 0 {
      defer { other = graphs[Int(other)].next }
      guard other != graph, graphs[Int(other)].phase != .refused else { continue }
      for list in graphs[Int(other)].wanted {
        for future in list {
          guard let slot = slot(of: future), futures[Int(slot)].provider == graph else { continue }
          futures[Int(slot)].provider = FutureRecord.none
          graphs[Int(graph)].provides -= 1
          provide(slot, from: other)
        }
      }
    }
  }

  mutating func leaveProvided(_ graph: UInt32) {
    for list in graphs[Int(graph)].wanted {
      for future in list {
        guard let slot = slot(of: future), futures[Int(slot)].provider == graph else { continue }
        futures[Int(slot)].provider = FutureRecord.none
        graphs[Int(graph)].provides -= 1
      }
    }
  }

  private mutating func leaveInput(_ future: FutureID) {
    guard let slot = slot(of: future) else { return }
    futures[Int(slot)].uses -= 1
    if futures[Int(slot)].uses == 0 { unsettled.append(slot) }
  }

  private mutating func insert(_ record: GraphRecord) -> UInt32 {
    let slot: UInt32
    if let old = freeGraphs.popLast() {
      slot = old
      graphs[Int(slot)] = record
    } else {
      slot = UInt32(graphs.count)
      graphs.append(record)
    }
    graphs[Int(slot)].previous = lastGraph
    if lastGraph == FutureRecord.none { firstGraph = slot } else { graphs[Int(lastGraph)].next = slot }
    lastGraph = slot
    return slot
  }

  private mutating func remove(_ slot: UInt32) {
    let graph = graphs[Int(slot)]
    if graph.previous == FutureRecord.none {
      firstGraph = graph.next
    } else {
      graphs[Int(graph.previous)].next = graph.next
    }
    if graph.next == FutureRecord.none {
      lastGraph = graph.previous
    } else {
      graphs[Int(graph.next)].previous = graph.previous
    }
    graphs[Int(slot)] = GraphRecord(submission: graph.submission)
    graphs[Int(slot)].isUsed = false
    freeGraphs.append(slot)
  }
}
