import MartletBytes
import MartletProtocol

extension ClientCore {
  /// The cluster was started anew by a client, perhaps by this one. Whatever the scheduler had named means nothing any more: it
  /// fails, unless its value is here. What it has not answered yet comes behind this, and is taken by the new cluster.
  mutating func restarted(_ by: String, _ actions: inout [ClientAction]) {
    actions.append(.restarted(by: by))
    futuresByTask.removeAll(keepingCapacity: true)
    releases.removeAll(keepingCapacity: true)
    retries.removeAll(keepingCapacity: true)
    missing.removeAll(keepingCapacity: true)
    for number in futures.indices where futures[number].isUsed && futures[number].task != nil {
      let slot = UInt32(number)
      futures[number].task = nil
      switch futures[number].state {
      case .held, .failed: break
      case .idle: unsettled.append(slot)
      case .waiting, .finished:
        // A graph that is on its way gives it again.
        if futures[number].pending > 0 {
          stopFetch(slot, &actions)
          wait(slot)
          actions.append(.recomputing(id(of: slot)))
          continue
        }
        let failure = FailureRecord(
          .restarted, key: futures[number].digest, label: "",
          message: "the cluster was restarted by \(by): submit it again, or retry it", attempts: 0)
        fail(slot, failure, &actions)
        // Who submits it again wants it computed, and not to hear of this.
        futures[number].isCancelled = true
        futures[number].isForced = false
      }
    }
    var graph = firstGraph
    while graph != FutureRecord.none {
      if graphs[Int(graph)].phase == .sent, !graphs[Int(graph)].inputs.isEmpty { graphs[Int(graph)].restartedBy = by }
      graph = graphs[Int(graph)].next
    }
    settle(&actions)
  }

  /// Why a graph was refused, for people: that the scheduler does not know an input says less than why it does not.
  func reason(of failure: FailureRecord, refusing graph: UInt32) -> FailureRecord {
    guard failure.kind == .lost, let by = graphs[Int(graph)].restartedBy else { return failure }
    return FailureRecord(
      .restarted, key: failure.key, label: failure.label,
      message: "the cluster was restarted by \(by), and what it needs was forgotten: submit it again", attempts: 0)
  }
}
