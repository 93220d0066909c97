import MartletProtocol

// Graphs that are kept while they can give something, and forgotten.

extension ClientCore {
  mutating func provide(_ future: UInt32, from graph: UInt32) {
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

  mutating func drop(_ graph: UInt32) {
    leaveProvided(graph)
    for future in graphs[Int(graph)].inputs { leaveInput(future) }
    graphBytes -= graphs[Int(graph)].bytes
    remove(graph)
  }

  /// Finds other graphs that give what this one should have given.
  mutating func handOver(_ graph: UInt32) {
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

  mutating func leaveInput(_ future: FutureID) {
    guard let slot = slot(of: future) else { return }
    futures[Int(slot)].uses -= 1
    if futures[Int(slot)].uses == 0 { unsettled.append(slot) }
  }

  /// What the scheduler tells of the graph under its last number is nobody's affair any more.
  mutating func stopWatching(_ slot: UInt32) {
    let wire = graphs[Int(slot)].wire
    if watchedGraphs[wire] == slot { watchedGraphs[wire] = nil }
  }

  mutating func insert(_ record: GraphRecord) -> UInt32 {
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

  mutating func remove(_ slot: UInt32) {
    let graph = graphs[Int(slot)]
    stopWatching(slot)
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
