import MartletBytes
import MartletProtocol

extension Simulation {
  /// Opens a connection; nil when the other side cannot be reached.
  mutating func connect(_ opener: Place, _ accepter: Place) -> Int? {
    if isApart(opener, accepter) { return nil }
    if case .worker(let worker) = accepter, !workers[worker].isAlive { return nil }
    connections.append(Connection(opener: opener, accepter: accepter, epoch: epoch))
    return connections.count - 1
  }

  /// Whether the network lets nothing through between the two.
  func isApart(_ left: Place, _ right: Place) -> Bool {
    guard time.now < partitionEnds else { return false }
    return partition.contains(left) != partition.contains(right)
  }

  /// Says something on a place's session with the scheduler.
  mutating func say(_ said: Said, from place: Place) {
    let session: Int? =
      switch place {
      case .scheduler: nil
      case .worker(let worker): workers[worker].session
      case .client(let client): clients[client].session
      case .plainClient(let client): plainClients[client].session
      }
    if let session { say(said, on: session, from: place) }
  }

  mutating func say(_ said: Said, on number: Int, from place: Place, takes: Int64 = 0) {
    guard connections[number][keyPath: connections[number].end(of: place)], !connections[number].isSilent else {
      return
    }
    let target = connections[number].other(place)
    var arrival = time.now + chance.delay(200_000) + takes
    if case .worker(let worker) = place, workers[worker].lateUntil > time.now { arrival += chance.delay(20_000_000) }
    // What is said across a partition comes when it is over, if nobody hangs up before.
    if isApart(place, target) { arrival = max(arrival, partitionEnds) }
    if target == connections[number].accepter {
      arrival = max(arrival, connections[number].lastTime.toAccepter + 1)
      connections[number].lastTime.toAccepter = arrival
    } else {
      arrival = max(arrival, connections[number].lastTime.toOpener + 1)
      connections[number].lastTime.toOpener = arrival
    }
    time.plan(.arrives(chance.oneIn(8) ? said.throughBytes : said, connection: number, to: target), at: arrival)
  }

  /// A connection ends: both sides learn of it in their time.
  mutating func cut(_ number: Int, within delay: Int64) {
    connections[number].isSilent = true
    for place in [connections[number].opener, connections[number].accepter] {
      let last =
        place == connections[number].accepter
        ? connections[number].lastTime.toAccepter : connections[number].lastTime.toOpener
      time.plan(
        .closes(connection: number, at: place), at: max(last + 1, time.now + 1 + Int64(chance.below(Int(delay)))))
    }
  }

  /// One side hangs up; the other one learns of it.
  mutating func hangUp(_ number: Int, from place: Place) {
    let end = connections[number].end(of: place)
    guard connections[number][keyPath: end] else { return }
    connections[number][keyPath: end] = false
    let other = connections[number].other(place)
    let last =
      other == connections[number].accepter
      ? connections[number].lastTime.toAccepter : connections[number].lastTime.toOpener
    // Through a silent connection nothing comes, not even its end; time tells.
    let delay = connections[number].isSilent ? 4_000_000_000 : chance.delay(200_000)
    time.plan(.closes(connection: number, at: other), at: max(last + 1, time.now + delay))
  }
}

extension Said {
  /// The same, after it was bytes.
  var throughBytes: Said {
    do {
      switch self {
      case .toScheduler(let message): return .toScheduler(try Said.copy(message))
      case .fromClientsScheduler(let message): return .fromClientsScheduler(try Said.copy(message))
      case .workerToScheduler(let message): return .workerToScheduler(try Said.copy(message))
      case .schedulerToWorker(let message): return .schedulerToWorker(try Said.copy(message))
      case .request(let message): return .request(try Said.copy(message))
      case .reply(let message, let value): return .reply(try Said.copy(message), value)
      case .body, .put: return self
      }
    } catch {
      // The cluster's own messages: that they cannot be read is a mistake of ours.
      fatalError("a message cannot be read back: \(error)")
    }
  }

  private static func copy<Message: PortableValue & Equatable>(_ message: Message) throws(ByteError) -> Message {
    let copy = try Message(portableBytes: message.portableBytes())
    precondition(copy == message, "a message is not the same after it was bytes")
    return copy
  }
}
