import MartletBytes
import MartletProtocol

extension ClientCore {
  /// What is wrong with the tables; nil when all of them agree. Recomputes what the fast paths keep up to date. O(all).
  package func brokenInvariant() -> String? {
    if isSettling || !unsettled.isEmpty { return "futures were not settled" }
    return brokenFuture() ?? brokenGraph() ?? brokenPeer() ?? brokenRequest()
  }

  private func brokenFuture() -> String? {
    var pending = [Int](repeating: 0, count: futures.count)
    var uses = [Int](repeating: 0, count: futures.count)
    for graph in graphs where graph.isUsed {
      let isPending = graph.phase == .unsent || graph.phase == .sent || graph.phase == .putting
      for list in graph.wanted + [graph.inputs] {
        for future in list {
          if isPending, let slot = slot(of: future) { pending[Int(slot)] += 1 }
        }
      }
      for future in graph.inputs {
        guard let slot = slot(of: future) else { return "an input of graph \(graph.submission.rawValue) is forgotten" }
        uses[Int(slot)] += 1
      }
    }
    for number in futures.indices where futures[number].isUsed {
      let record = futures[number]
      let slot = UInt32(number)
      let name = "\(id(of: slot)) in \(record.state)"
      if futuresByDigest[record.digest] != slot { return "\(name) is not found by its key" }
      if record.pending != pending[number] {
        return "\(name) is in \(pending[number]) open graphs, \(record.pending) counted"
      }
      if record.uses != uses[number] { return "\(name) is used \(uses[number]) times, \(record.uses) counted" }
      if record.handles == 0, record.pending == 0, record.uses == 0 { return "\(name) should be forgotten" }
      if record.handles == 0, record.pending == 0, record.task != nil { return "\(name) should be released" }
      if (record.handles == 0) != (record.state == .idle) { return "\(name) has \(record.handles) handles" }
      if let task = record.task {
        if futuresByTask[task] != slot { return "\(name) is not found by its handle" }
        if phase != .ready, phase != .resuming { return "\(name) has a handle without a connection" }
      }
      if record.state == .failed, record.failure == nil { return "\(name) has no reason" }
      if record.fetch != .none, record.state == .held || record.state == .failed || record.state == .idle {
        return "\(name) is fetched (\(record.fetch))"
      }
      if record.fetch == .queued || record.fetch == .delayed, record.state != .finished || !record.wantsValue {
        return "\(name) is fetched (\(record.fetch)) and not wanted"
      }
      if record.state == .finished, record.wantsValue, record.fetch == .none, record.task != nil {
        return "\(name) is wanted and not fetched"
      }
      if !record.gathers.isEmpty, record.state == .held || record.state == .failed {
        return "\(name) is gathered still"
      }
      if phase == .ready, record.state == .waiting, record.task == nil, record.pending == 0, !needsResend, !hasDeferred
      {
        return "\(name) waits for nothing"
      }
    }
    if futuresByDigest.count != futures.count(where: \.isUsed) { return "a key has no future" }
    if futuresByTask.count != futures.count(where: { $0.isUsed && $0.task != nil }) { return "a handle has no future" }
    return nil
  }

  private func brokenGraph() -> String? {
    var bytes = 0
    var count = 0
    var place = firstGraph
    while place != FutureRecord.none {
      let graph = graphs[Int(place)]
      let name = "graph \(graph.submission.rawValue) (\(graph.phase))"
      if !graph.isUsed { return "\(name) is in the list and not used" }
      count += 1
      bytes += graph.bytes
      let provided = futures.count { $0.isUsed && $0.provider == place }
      if provided != graph.provides { return "\(name) gives \(provided) results, \(graph.provides) counted" }
      if graph.phase == .accepted, provided == 0 { return "\(name) should be dropped" }
      let progress = graph.progress
      if progress.finished + progress.failed > progress.total || progress.finished < 0 || progress.failed < 0 {
        return "\(name) is at \(progress)"
      }
      if graph.phase == .sent || graph.phase == .unsent && graph.sentPieces > 0 {
        if phase != .ready, phase != .resuming { return "\(name) was sent nowhere" }
      }
      place = graph.next
    }
    if count != graphs.count(where: \.isUsed) { return "a graph is not in the list" }
    if bytes != graphBytes { return "\(bytes) bytes of graphs, \(graphBytes) counted" }
    return nil
  }

  private func brokenPeer() -> String? {
    var total: Int64 = 0
    for number in peers.indices where peers[number].isUsed {
      let record = peers[number]
      let name = "the peer \(record.address)"
      if peersByAddress[record.address] != UInt32(number) { return "\(name) is not found" }
      var slot = record.first
      var count = 0
      var bytes: Int64 = 0
      while slot != FutureRecord.none {
        let future = futures[Int(slot)]
        if future.fetch != .queued || future.peer != UInt32(number) { return "\(name) has a wrong value in its queue" }
        count += 1
        bytes += future.byteCount
        slot = future.next
      }
      if count != record.queuedCount || bytes != record.queuedBytes { return "\(name) has \(count) values to send" }
      let flying = record.flights.reduce(0) { $0 + $1.bytes }
      if flying != record.flightBytes { return "\(name) sends \(flying) bytes, \(record.flightBytes) counted" }
      if record.isReady != readyPeers.contains(UInt32(number)) { return "\(name) is in the line wrongly" }
      if record.request != nil, !record.isConnected { return "\(name) is asked and not connected" }
      total += flying
    }
    if total != bytesInFlight { return "\(total) bytes are in flight, \(bytesInFlight) counted" }
    if timers.count > 4 * futures.count + 64 { return "\(timers.count) timers" }
    return nil
  }

  private func brokenRequest() -> String? {
    for number in requests.indices where requests[number].isUsed {
      let record = requests[number]
      if requestsByID[record.id] != UInt32(number) { return "request \(record.id.rawValue) is not found" }
      if let wire = record.wire, wireUses[wire] != .request(UInt32(number)) {
        return "request \(record.id.rawValue) is not found by its number"
      }
      guard case .gather(let list) = record.body else { continue }
      let waiting = list.count { future in
        guard let slot = slot(of: future) else { return false }
        return futures[Int(slot)].gathers.contains(UInt32(number))
      }
      if waiting != record.remaining { return "a gather waits for \(waiting), \(record.remaining) counted" }
    }
    for number in requests.indices where requests[number].isUsed && requests[number].wire == nil {
      if case .gather = requests[number].body { continue }
      if !unsentRequests.contains(where: { $0.slot == UInt32(number) && $0.sequence == requests[number].sequence }) {
        return "request \(requests[number].id.rawValue) is never sent"
      }
    }
    for (wire, graph) in watchedGraphs where !graphs[Int(graph)].isUsed || graphs[Int(graph)].wire != wire {
      return "a graph that is gone is watched"
    }
    if requestsByID.count != requests.count(where: \.isUsed) { return "a request is over and still found" }
    return nil
  }
}
