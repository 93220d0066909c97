import MartletBytes
import MartletProtocol

// Data that a program brings.

extension ClientCore {
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
    } else if let wrong = values.first(where: { max($0.label.utf8.count, $0.type.utf8.count) > WireLimits.shortText }) {
      failure = FailureRecord(
        .unsendable, key: wrong.digest, label: "",
        message: "a label or the name of a type takes more than \(WireLimits.shortText) bytes", attempts: 0)
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
}
