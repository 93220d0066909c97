import MartletBytes
import MartletProtocol

// What the scheduler is sent, and sent again.

extension ClientCore {
  /// Sends what the scheduler does not have of a graph.
  mutating func send(_ slot: UInt32, _ actions: inout [ClientAction]) {
    if graphs[Int(slot)].sentPieces == 0 {
      stopWatching(slot)
      let wire = wireNumber(for: .graph(slot))
      graphs[Int(slot)].wire = wire
      if graphs[Int(slot)].pieces.first?.isWatched == true { watchedGraphs[wire] = slot }
      clearExpected(slot)
      graphs[Int(slot)].restartedBy = nil
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
      graphs[Int(slot)].unwantsSaid = unwantsSaid
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
        let ofTasks = wanted.prefix(piece.wanted.count)
        piece.wanted = zip(piece.wanted, ofTasks).filter { isExpected($0.1) }.map(\.0)
        expect(ofTasks.filter { isExpected($0) }, from: slot)
        expectBlocks(of: &piece, place, from: slot)
      }
      graphs[Int(slot)].sentPieces += 1
      tell(.submit(piece), &actions)
      graphs[Int(slot)].unwantsSaid = unwantsSaid
    }
    if graphs[Int(slot)].isComplete { graphs[Int(slot)].phase = .sent }
  }

  /// A layer is wanted as the program wanted it, or not at all. Of one that is, the scheduler names those blocks, also such that nobody
  /// has a handle on any more: they get records until then, and are released.
  private mutating func expectBlocks(of piece: inout Submission, _ place: Int, from slot: UInt32) {
    var first = graphs[Int(slot)].wanted[place].count
    for number in piece.layers.indices.reversed() where piece.layers[number].wantedCount > 0 {
      let layer = piece.layers[number]
      first -= layer.wantedCount
      let blocks = first..<first + layer.wantedCount
      guard graphs[Int(slot)].wanted[place][blocks].contains(where: { isExpected($0) }) else {
        piece.layers[number].isWanted = false
        piece.layers[number].wanted = []
        continue
      }
      for block in blocks where self.slot(of: graphs[Int(slot)].wanted[place][block]) == nil {
        let future = record(for: layer.wantedDigest(block - first))
        if futures[Int(future)].handles == 0 { futures[Int(future)].state = .idle }
        futures[Int(future)].pending += 1
        graphs[Int(slot)].wanted[place][block] = id(of: future)
      }
    }
    var end = graphs[Int(slot)].wanted[place].count
    var expected: [FutureID] = []
    for layer in graphs[Int(slot)].pieces[place].layers.reversed() where layer.wantedCount > 0 {
      end -= layer.wantedCount
      guard piece.layers.contains(where: { $0.digest == layer.digest && $0.wantedCount > 0 }) else { continue }
      expected = graphs[Int(slot)].wanted[place][end..<end + layer.wantedCount] + expected
    }
    expect(expected, from: slot)
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
    let wasSettling = beginWalk()
    defer { endWalk(wasSettling, &actions) }
    while graph != FutureRecord.none {
      // It may be refused, and gone, before the next one is looked at.
      let next = graphs[Int(graph)].next
      defer { graph = next }
      guard graphs[Int(graph)].isMarked else { continue }
      graphs[Int(graph)].isMarked = false
      if graphs[Int(graph)].phase == .unsent, graphs[Int(graph)].sentPieces == 0, let failure = inputFailure(graph) {
        actions.append(.refused(graphs[Int(graph)].submission, failure))
        refuse(graph, failure, &actions)
        continue
      }
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

  func lacksResult(_ graph: UInt32) -> Bool {
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

  mutating func removePending(_ graph: UInt32) {
    for list in graphs[Int(graph)].wanted + [graphs[Int(graph)].inputs] {
      for future in list {
        guard let slot = slot(of: future), futures[Int(slot)].pending > 0 else { continue }
        futures[Int(slot)].pending -= 1
        unsettled.append(slot)
        // It was not asked for itself while a graph was on its way that needs it.
        if futures[Int(slot)].pending == 0, isLacking(slot) { needsResend = true }
      }
    }
  }
}
