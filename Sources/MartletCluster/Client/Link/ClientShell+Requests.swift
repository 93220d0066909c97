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
        return reply.settle(.failed(cell.failureError ?? status.endError ?? .closed))
      }
      futures.append(future)
    }
    let number = newRequest(.reply(reply, cells))
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
    guard let record = replies.removeValue(forKey: number.rawValue) else { return }
    if case .reply(let reply, _) = record { reply.onEnd?() }
    feed(.abandon(number))
  }

  func answered(_ number: RequestID, _ answer: ClientAnswer) {
    guard let record = replies[number.rawValue] else { return }
    switch record {
    case .run(let run):
      replies[number.rawValue] = nil
      run.request = nil
      switch answer {
      case .gathered: run.finish(.complete)
      case .failed(_, let failure): finish(run, failure)
      default: run.finish(.lost(status.endError ?? .denied("a run", "\(answer)")))
      }
    case .reply(let reply, let cells):
      switch answer {
      case .message(_, let bytes):
        reply.onMessage?(bytes)
        return
      case .done where reply.onMessage != nil:
        // It listens from now on.
        reply.settle(.answer(.done))
        return
      case .futures(let list):
        let tokens = list.map { future in
          let cell = ResultCell(digest: Digest128(low: 0, high: 0))
          bind(cell, future)
          return cell
        }
        reply.settle(.cells(tokens))
      case .future(let future):
        let cell = ResultCell(digest: Digest128(low: 0, high: 0))
        bind(cell, future)
        reply.settle(.cells([cell]))
      case .failed(let future, let failure):
        let cell = cells.first { $0.future == future }
        reply.settle(.failed(cell?.failureError ?? valueError(failure)))
      case .holders(let held): reply.settle(.holders(held.map(\.holders)))
      case .denied, .done, .gathered, .lease, .text, .timedOut, .value: reply.settle(.answer(answer))
      }
      replies[number.rawValue] = nil
      reply.onEnd?()
    }
  }

  private func valueError(_ failure: FailureRecord) -> any Error {
    if failure.kind == .lost, let end = status.endError { return end }
    return failure.kind == .cancelled ? CancellationError() : ClusterTaskError(failure)
  }

  func leaseLost(_ lease: UInt64) {}
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
    case .coordinate(let operation, _): .coordinate(operation, future: futures.first)
    }
  }
}
