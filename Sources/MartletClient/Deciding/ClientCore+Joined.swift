import MartletBytes
import MartletProtocol

// Graphs that travel as one because they came at one time. What one of them lacks is no reason for the others to fail: where they
// are not taken together, they are taken, or refused, one by one.

extension ClientCore {
  mutating func submit(_ id: SubmissionID, _ piece: Submission, ends: [Int], _ actions: inout [ClientAction]) {
    let slot = insert(GraphRecord(submission: id))
    openSubmissions[id] = slot
    graphs[Int(slot)].partEnds = ends
    add(piece, to: slot, &actions)
  }

  /// Takes the graphs of a joined one, which was not taken, one by one.
  mutating func addParts(of piece: Submission, in slot: UInt32, _ actions: inout [ClientAction]) {
    let graph = graphs[Int(slot)]
    complete(slot)
    remove(slot)
    for part in piece.parts(graph.partEnds) {
      var own: [ClientAction] = []
      submit(graph.submission, part, &own)
      for action in own {
        guard case .refused(_, let failure) = action else {
          actions.append(action)
          continue
        }
        // Its futures are there, in their place among the others', and have failed.
        let wanted = part.wanted.map { use(part.tasks[Int($0)].digest, &actions) }
        actions.append(.submitted(graph.submission, wanted.map { self.id(of: $0) }))
        for future in wanted {
          let record = futures[Int(future)]
          // Unless somebody else has them from elsewhere.
          guard record.state == .waiting, record.task == nil, record.pending == 0 else { continue }
          fail(future, failure, &actions)
        }
      }
    }
  }

  /// Sends the graphs of a joined one, which the scheduler has refused, one by one.
  mutating func split(_ slot: UInt32, _ failure: FailureRecord, _ actions: inout [ClientAction]) {
    let graph = graphs[Int(slot)]
    let piece = graph.pieces[0]
    var wanted = graph.wanted[0][...]
    for part in piece.parts(graph.partEnds) {
      var record = GraphRecord(submission: graph.submission)
      record.pieces = [part]
      record.isComplete = true
      record.bytes = Self.bytes(of: part)
      record.wanted = [Array(wanted.prefix(part.wanted.count))]
      wanted = wanted.dropFirst(part.wanted.count)
      record.inputs = inputs(of: part, own: Set(part.tasks.lazy.map(\.digest)))
      graphBytes += record.bytes
      for future in record.wanted[0] + record.inputs {
        if let place = self.slot(of: future) { futures[Int(place)].pending += 1 }
      }
      for input in record.inputs { futures[Int(input.slot)].uses += 1 }
      _ = insert(record)
    }
    // They give now what it should have given.
    refuse(slot, failure, &actions)
    needsResend = true
  }
}

extension Submission {
  /// The graphs that it was joined of, which end at these places among its tasks.
  fileprivate func parts(_ ends: [Int]) -> [Submission] {
    var parts: [Submission] = []
    var first = 0
    var wanted = self.wanted[...]
    for end in ends {
      var part = self
      part.tasks = Array(tasks[first..<end])
      let own = wanted.prefix { $0 < UInt32(end) }
      wanted = wanted.dropFirst(own.count)
      part.wanted = own.map { $0 - UInt32(first) }
      parts.append(part)
      first = end
    }
    return parts
  }
}
