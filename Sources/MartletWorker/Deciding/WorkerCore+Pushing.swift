import MartletProtocol

// Small results that go from worker to worker without being asked for: to those that were given a task before its inputs were
// there. The scheduler says the same a little later, so that nothing depends on a push.

extension WorkerCore {
  // MARK: Sending

  /// Another worker waits for a result that is to be computed here.
  mutating func notePush(_ order: PushOrder, _ actions: inout [WorkerAction]) {
    // One that is there already was told, and the scheduler passes it on.
    guard order.to.worker != worker, let slot = slots[order.task], tasks[Int(slot)].phase != .unassigned,
      !tasks[Int(slot)].pushTo.contains(order.to.worker)
    else { return }
    tasks[Int(slot)].pushTo.append(order.to.worker)
    let number = peer(for: order.to)
    if peers[Int(number)].link == .none, peers[Int(number)].retryAt <= now {
      peers[Int(number)].link = .connecting
      actions.append(.connectPeer(order.to))
    }
  }

  /// Sends a result to those that wait for it. Whether all of them get it.
  mutating func push(_ slot: UInt32, _ bytes: [UInt8]?) -> Bool {
    let waiting = tasks[Int(slot)].pushTo
    if waiting.isEmpty { return false }
    tasks[Int(slot)].pushTo = []
    guard let bytes, tasks[Int(slot)].hasHandle else { return false }
    var isToAll = true
    for worker in waiting {
      guard let number = peerNumbers[worker], peers[Int(number)].link == .connected else {
        isToAll = false
        continue
      }
      if peers[Int(number)].pushes.isEmpty { pushedTo.append(number) }
      peers[Int(number)].pushes.append(
        PushedResult(
          task: tasks[Int(slot)].handle, digest: tasks[Int(slot)].digest, type: tasks[Int(slot)].type,
          byteCount: tasks[Int(slot)].byteCount, bytes: bytes))
    }
    return isToAll
  }

  mutating func sendPushes(_ actions: inout [WorkerAction]) {
    for number in pushedTo where !peers[Int(number)].pushes.isEmpty {
      let results = peers[Int(number)].pushes
      peers[Int(number)].pushes = []
      if peers[Int(number)].link == .connected {
        actions.append(.askPeer(peers[Int(number)].worker, .push(results)))
      }
    }
    pushedTo.removeAll(keepingCapacity: true)
  }

  // MARK: Receiving

  /// A small result that a task here may wait for.
  mutating func take(_ result: PushedResult, _ actions: inout [WorkerAction]) {
    guard let slot = slots[result.task], tasks[Int(slot)].digest == result.digest, tasks[Int(slot)].isExpected,
      tasks[Int(slot)].data == .absent, result.bytes.count <= settings.inlineBytes
    else { return }
    setByteCount(slot, result.byteCount)
    tasks[Int(slot)].type = result.type
    actions.append(.decode(ValueID(rawValue: slot), type: result.type, bytes: result.bytes))
    enterMemory(slot, &actions)
  }

  /// A result that was expected is there, as the scheduler says.
  mutating func hasCome(_ input: InputRef, _ actions: inout [WorkerAction]) {
    guard let slot = slots[input.task], tasks[Int(slot)].digest == input.digest, tasks[Int(slot)].isWanted else {
      return
    }
    know(slot, input, priority: tasks[Int(slot)].fetchPriority, &actions)
    locate(slot, &actions)
  }
}
