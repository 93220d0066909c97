import MartletBytes
import MartletClient
import MartletProtocol

// Futures between the session's core and those who wait for them.

extension ClientShell {
  // MARK: From the program

  func submit(_ graph: SubmittedGraph) {
    let id = newSubmission(.graph(graph))
    if let piece = graph.pieces.first, !graph.partEnds.isEmpty {
      feed(.submitJoined(id, piece, ends: graph.partEnds))
      graph.pieces = []
    }
    for (place, var piece) in graph.pieces.enumerated() {
      piece.isLast = place == graph.pieces.count - 1
      feed(.submit(id, piece))
    }
    graph.pieces = []
    // The cells have their futures after this, as later commands expect.
    carryOut()
    submitters[id.rawValue] = nil
  }

  func submit(_ piece: Submission, of run: GraphRun) {
    if run.isOver { return }
    let id = run.submission ?? newSubmission(.run(run))
    run.submission = id
    run.isComplete = piece.isLast
    feed(.submit(id, piece))
    carryOut()
    guard piece.isLast, !run.isOver else { return }
    let number = newRequest(.run(run))
    run.request = number
    feed(.request(number, .gather(run.futures)))
  }

  /// Nobody waits for the run any more: what it wanted is released.
  func endRun(_ run: GraphRun) {
    run.isOver = true
    if let id = run.submission {
      if !run.isComplete { feed(.giveUp(id)) }
      carryOut()
      submitters[id.rawValue] = nil
    }
    if let number = run.request { abandon(number) }
    run.request = nil
    for future in run.futures {
      entry(of: future)?.remove(run)
      feed(.release(future))
    }
    run.futures = []
    run.fresh = []
  }

  func want(_ cell: ResultCell) {
    guard let future = cell.future, let slot = place(of: future) else { return }
    if let value = entries[slot].value {
      cell.deliver(value, keptBytes: options.keptResultBytes)
      dropIfUnread(future)
    } else {
      feed(.want(future))
    }
  }

  func wasRead(_ cell: ResultCell) {
    guard let future = cell.future, let slot = place(of: future), let value = entries[slot].value else { return }
    // Somebody may have begun to read it since.
    if cell.isRead { cell.deliver(value, keptBytes: options.keptResultBytes) }
    dropIfUnread(future)
  }

  func release(_ cell: ResultCell) {
    guard let future = cell.future else { return }
    entry(of: future)?.remove(cell)
    cell.future = nil
    feed(.release(future))
  }

  func retry(_ cells: [ResultCell]) {
    for cell in cells {
      guard let future = cell.future, let slot = place(of: future), entries[slot].isFailed else {
        cell.refuseRetry()
        continue
      }
      recomputing(future)
      feed(.retry([future]))
    }
  }

  // MARK: From the core

  func submitted(_ id: SubmissionID, _ futures: [FutureID]) {
    switch submitters[id.rawValue] {
    case .graph(let graph):
      for future in futures {
        guard graph.bound < graph.cells.count else { break }
        bind(graph.cells[graph.bound], future)
        graph.bound += 1
      }
    case .run(let run):
      for future in futures {
        let slot = makeEntry(future)
        entries[slot].add(run, run.futures.count)
        if let value = entries[slot].value { arrived(value, run.futures.count, in: run) }
        run.futures.append(future)
      }
    case .values(let order):
      for future in futures {
        guard order.bound < order.cells.count else { break }
        bind(order.cells[order.bound], future)
        order.bound += 1
      }
    case nil: break
    }
  }

  func refused(_ id: SubmissionID, _ failure: FailureRecord) {
    switch submitters[id.rawValue] {
    case .graph(let graph):
      for cell in graph.cells[graph.bound...] { cell.fail(failure, status.endError) }
    case .run(let run): finish(run, failure)
    case .values(let order):
      for cell in order.cells[order.bound...] { cell.fail(failure, status.endError) }
    case nil: break
    }
  }

  /// Lets a cell be told of a future, on which the session counts a handle for it.
  func bind(_ cell: ResultCell, _ future: FutureID) {
    let slot = makeEntry(future)
    cell.future = future
    entries[slot].add(cell)
    if let value = entries[slot].value {
      cell.deliver(value, keptBytes: options.keptResultBytes)
    } else if let failure = entries[slot].failure {
      cell.fail(failure, status.endError)
    } else if entries[slot].isResolved {
      cell.resolved()
    }
  }

  private func makeEntry(_ future: FutureID) -> Int {
    let slot = Int(future.slot)
    while entries.count <= slot { entries.append(FutureEntry()) }
    if !entries[slot].isUsed || entries[slot].generation != future.generation {
      entries[slot] = FutureEntry()
      entries[slot].generation = future.generation
      entries[slot].isUsed = true
    }
    return slot
  }

  /// The place of an entry that still means this future.
  func place(of future: FutureID) -> Int? {
    let slot = Int(future.slot)
    guard slot < entries.count, entries[slot].isUsed, entries[slot].generation == future.generation else { return nil }
    return slot
  }

  private func entry(of future: FutureID) -> EntryPlace? { place(of: future).map { EntryPlace(shell: self, slot: $0) } }

  /// An entry that exists, for changing it in place.
  private struct EntryPlace {
    let shell: ClientShell
    let slot: Int
    func remove(_ cell: ResultCell) { shell.entries[slot].remove(cell) }
    func remove(_ run: GraphRun) { shell.entries[slot].remove(run) }
  }

  func resolved(_ future: FutureID) {
    guard let slot = place(of: future) else { return }
    entries[slot].isResolved = true
    entries[slot].isFailed = false
    entries[slot].failure = nil
    entries[slot].cell?.resolved()
    for cell in entries[slot].otherCells { cell.resolved() }
  }

  func recomputing(_ future: FutureID) {
    guard let slot = place(of: future) else { return }
    entries[slot].isResolved = false
    entries[slot].isFailed = false
    entries[slot].failure = nil
    entries[slot].cell?.recomputing()
    for cell in entries[slot].otherCells { cell.recomputing() }
  }

  /// The value is here.
  func deliver(_ future: FutureID, _ value: ClientValue) {
    guard let slot = place(of: future) else { return }
    entries[slot].value = value
    entries[slot].isResolved = true
    let kept = options.keptResultBytes
    entries[slot].cell?.deliver(value, keptBytes: kept)
    for cell in entries[slot].otherCells { cell.deliver(value, keptBytes: kept) }
    if let run = entries[slot].run { arrived(value, entries[slot].place, in: run) }
    for other in entries[slot].otherRuns { arrived(value, other.place, in: other.run) }
  }

  private func arrived(_ value: ClientValue, _ place: Int, in run: GraphRun) {
    if run.isOver { return }
    run.fresh.append(GraphRun.Arrival(place: place, value: value))
    if run.isTouched { return }
    run.isTouched = true
    touchedRuns.append(run)
  }

  /// A large value that nobody reads (any more) is not kept here.
  func dropIfUnread(_ future: FutureID) {
    guard let slot = place(of: future), let value = entries[slot].value,
      value.byteCount > options.keptResultBytes
    else { return }
    if entries[slot].cell?.holdsValue == true || entries[slot].otherCells.contains(where: \.holdsValue) { return }
    entries[slot].value = nil
    feed(.valueDropped(future))
  }

  func failed(_ future: FutureID, _ failure: FailureRecord) {
    guard let slot = place(of: future) else { return }
    entries[slot].isFailed = true
    entries[slot].isResolved = false
    entries[slot].failure = failure
    let end = failure.kind == .lost ? status.endError : nil
    entries[slot].cell?.fail(failure, end)
    for cell in entries[slot].otherCells { cell.fail(failure, end) }
  }

  func valueFailed(_ future: FutureID, _ failure: FailureRecord) {
    guard let slot = place(of: future) else { return }
    entries[slot].cell?.fetchFailed(failure)
    for cell in entries[slot].otherCells { cell.fetchFailed(failure) }
  }

  /// The last handle is gone.
  func forgotten(_ future: FutureID) {
    guard let slot = place(of: future) else { return }
    entries[slot] = FutureEntry()
  }

  func finish(_ run: GraphRun, _ failure: FailureRecord) {
    if failure.kind == .lost, let end = status.endError { return run.finish(.lost(end)) }
    run.finish(.failed(failure))
  }
}
