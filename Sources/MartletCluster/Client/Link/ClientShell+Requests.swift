import MartletBytes
import MartletClient
import MartletProtocol

// Requests of the program, and their answers.

extension ClientShell {
  func request(_ reply: PendingReply, _ body: RequestBody) {
    let cells = body.cells
    var futures: [FutureID] = []
    futures.reserveCapacity(cells.count)
    for cell in cells {
      guard let future = cell.future else {
        reply.settle(.failed(cell.failureError ?? status.endError ?? .closed))
        return
      }
      futures.append(future)
    }
    let number = newRequest(.reply(reply, body))
    reply.number = number
    if case .gather = body {
      // What is here already is not announced again.
      for cell in cells {
        guard let future = cell.future, let slot = place(of: future), let value = entries[slot].value else { continue }
        cell.deliver(value, keptBytes: options.keptResultBytes)
      }
    }
    feed(.request(number, body.request(futures)))
  }

  func abandon(_ number: RequestID) {
    // An answer that has come in this turn is handed over first: what it gives would be nobody's.
    carryOut()
    guard replies.removeValue(forKey: number.rawValue) != nil else { return }
    feed(.abandon(number))
  }

  func answered(_ number: RequestID, _ answer: ClientAnswer) {
    guard let record = replies[number.rawValue] else { return }
    switch record {
    case .none: replies[number.rawValue] = nil
    case .topic(let topic): heard(topic, answer, number)
    case .run(let run):
      replies[number.rawValue] = nil
      run.request = nil
      switch answer {
      case .gathered: run.finish(.complete)
      case .failed(let future, let failure):
        if let error = fetchError(future, failure) { run.finish(.lost(error)) } else { finish(run, failure) }
      default: run.finish(.lost(status.endError ?? .denied("a run", "\(answer)")))
      }
    case .reply(let reply, let body):
      replies[number.rawValue] = nil
      settle(reply, body, answer)
    }
  }

  private func settle(_ reply: PendingReply, _ body: RequestBody, _ answer: ClientAnswer) {
    switch answer {
    case .futures(let list): reply.settle(.futures(list.compactMap { token($0) }))
    case .future(let future):
      if !reply.settle(.futures([future].compactMap { token($0) })) {
        putBack(.bytes(type: "", []), future, as: body)
      }
    case .failed(let future, let failure):
      let cell = body.cells.first { $0.future == future }
      reply.settle(.failed(cell?.failureError ?? fetchError(future, failure) ?? valueError(failure)))
    case .holders(let held):
      guard case .runOnWorkers = body else {
        reply.settle(.holders(held.map(\.holders)))
        return
      }
      reply.settle(
        .onWorkers(held.compactMap { held in token(held.future).map { (held.holders.first ?? "", $0) } }))
    case .lease(let number, let fence):
      guard case .coordinate(.acquire(let semaphore, _, _, _, _), _) = body else { return }
      let lease = LeaseState(semaphore: semaphore, number: number, fence: fence)
      leases[number] = lease
      // Who waited for it has given up in the same moment.
      if !reply.settle(.lease(lease)) { giveBack(lease) }
    case .value(let type, let bytes):
      if !reply.settle(.answer(answer)) { putBack(.bytes(type: type, bytes), nil, as: body) }
    case .denied, .done, .gathered, .message, .text, .timedOut: reply.settle(.answer(answer))
    }
  }

  /// Who was to take this from a queue has given up in the moment in which it came.
  private func putBack(_ value: SharedValue, _ future: FutureID?, as body: RequestBody) {
    guard case .coordinate(.take(let queue, _), _) = body else { return }
    let put = CoordinationRequest.put(queue: queue, value: value, limit: 0, timeoutNanoseconds: .max)
    feed(.request(newRequest(.none), .coordinate(put, future: future)))
  }

  /// A handle of the program on a future, on which the session counts one.
  private func token(_ future: FutureID) -> FutureToken? {
    guard let link, let digest = core.digest(of: future) else {
      feed(.release(future))
      return nil
    }
    let cell = ResultCell(digest: digest)
    bind(cell, future)
    return FutureToken(cell, link)
  }

  /// The error where a result is there and could not be brought here.
  private func fetchError(_ future: FutureID, _ failure: FailureRecord) -> ClusterError? {
    guard failure.kind == .lost, status.endError == nil, let slot = place(of: future), !entries[slot].isFailed else {
      return nil
    }
    return .notFetched(failure.message)
  }

  private func valueError(_ failure: FailureRecord) -> any Error {
    if failure.kind == .lost, let end = status.endError { return end }
    return failure.kind == .cancelled ? CancellationError() : ClusterTaskError(failure)
  }

  // MARK: Leases

  func giveBack(_ lease: LeaseState) {
    guard leases.removeValue(forKey: lease.number) != nil else { return }
    let number = newRequest(.none)
    feed(.request(number, .coordinate(.giveBack(semaphore: lease.semaphore, lease: lease.number), future: nil)))
  }

  func leaseLost(_ number: UInt64) { leases.removeValue(forKey: number)?.lose() }

  // MARK: Topics

  /// Who listens to a topic in this process, under one request: the scheduler knows one listener a client.
  struct TopicListeners {
    let request: RequestID
    var buffers: [MessageBuffer]
    /// Whether the scheduler knows of it.
    var hasBegun = false
  }

  func listen(_ topic: String, _ buffer: MessageBuffer) {
    if let here = listeners[topic] {
      listeners[topic]?.buffers.append(buffer)
      if here.hasBegun { buffer.begin() }
      return
    }
    let number = newRequest(.topic(topic))
    listeners[topic] = TopicListeners(request: number, buffers: [buffer])
    feed(.request(number, .coordinate(.listen(topic: topic, isListening: true), future: nil)))
  }

  func endListening(_ topic: String, _ buffer: MessageBuffer) {
    guard var here = listeners[topic] else { return }
    here.buffers.removeAll { $0 === buffer }
    listeners[topic] = here
    guard here.buffers.isEmpty else { return }
    listeners[topic] = nil
    abandon(here.request)
    feed(.request(newRequest(.none), .coordinate(.listen(topic: topic, isListening: false), future: nil)))
  }

  private func heard(_ topic: String, _ answer: ClientAnswer, _ number: RequestID) {
    guard let here = listeners[topic], here.request == number else { return }
    switch answer {
    case .message(_, let bytes): for buffer in here.buffers { buffer.add(bytes) }
    case .done:
      listeners[topic]?.hasBegun = true
      for buffer in here.buffers { buffer.begin() }
    default:
      replies[number.rawValue] = nil
      listeners[topic] = nil
      var error = status.endError
      if error == nil, case .denied(let reason) = answer { error = .denied("listening to the topic \(topic)", reason) }
      for buffer in here.buffers { buffer.end(error) }
    }
  }

  /// The client is closed: who listens hears no more.
  func endAllListening() {
    // The order in which they are told does not matter.
    for here in listeners.values { for buffer in here.buffers { buffer.end(nil) } }
    listeners = [:]
  }
}

extension RequestBody {
  fileprivate func request(_ futures: [FutureID]) -> ClientRequest {
    switch self {
    case .gather: .gather(futures)
    case .publish(let name, _, let overwrites): .publish(name: name, futures, overwrites: overwrites)
    case .unpublish(let name): .unpublish(name: name)
    case .subscribe(let name): .subscribe(name: name)
    case .whoHas: .whoHas(futures)
    case .ask(let question): .ask(question)
    case .replicate(_, let copies): .replicate(futures, copies: copies)
    case .rebalance: .rebalance(futures)
    case .runOnWorkers(let call): .runOnWorkers(call)
    case .retireWorkers(let names): .retireWorkers(names)
    case .restart(let name, let timeout): .restart(name: name, timeoutNanoseconds: timeout)
    case .coordinate(let operation, _): .coordinate(operation, future: futures.first)
    }
  }
}
