import MartletProtocol

extension WorkerCore {
  /// Somebody asks for results. They stay as they are until they were sent.
  mutating func serve(_ requester: RequesterID, _ request: PeerRequest, _ actions: inout [WorkerAction]) {
    switch request {
    case .get(let number, let named): send(requester, number, named, &actions)
    case .put(let number, let values): accept(requester, number, values, &actions)
    case .abandon(let number):
      if transfers.contains(where: { $0.requester == requester && $0.request == number }) {
        actions.append(.stopSending(requester, request: number))
      }
      endReceptions { $0.requester == requester && $0.request == number }
    case .push(let results):
      for result in results { take(result, &actions) }
    }
  }

  private mutating func send(
    _ requester: RequesterID, _ request: UInt32, _ named: [NamedTask], _ actions: inout [WorkerAction]
  ) {
    if transfers.contains(where: { $0.requester == requester && $0.request == request }) { return }
    guard transfers.count < settings.outgoingTransfers else {
      actions.append(
        .refuseData(requester, request: request, .busy(retryAfterNanoseconds: settings.busyNanoseconds)))
      return
    }
    var transfer = Transfer(requester: requester, request: request, values: [], files: [])
    var served: [ServedValue] = []
    var missing: [TaskHandle] = []
    for name in named {
      guard let slot = slots[name.task], tasks[Int(slot)].digest == name.digest, tasks[Int(slot)].data.isHere else {
        missing.append(name.task)
        continue
      }
      let isFromFile = !tasks[Int(slot)].data.isInMemory
      if isFromFile {
        tasks[Int(slot)].reads += 1
        transfer.files.append(slot)
      } else {
        use(slot)
        transfer.values.append(slot)
      }
      served.append(
        ServedValue(
          task: name.task, value: ValueID(rawValue: slot), type: tasks[Int(slot)].type, isFromFile: isFromFile))
    }
    transfers.append(transfer)
    actions.append(.sendData(requester, request: request, served, missing: missing))
  }

  mutating func sent(_ requester: RequesterID, _ request: UInt32, _ actions: inout [WorkerAction]) {
    guard let place = transfers.firstIndex(where: { $0.requester == requester && $0.request == request }) else {
      return
    }
    end(transfers.remove(at: place), &actions)
  }

  mutating func lose(_ requester: RequesterID, _ actions: inout [WorkerAction]) {
    endReceptions { $0.requester == requester }
    while let place = transfers.firstIndex(where: { $0.requester == requester }) {
      end(transfers.remove(at: place), &actions)
    }
  }

  private mutating func end(_ transfer: Transfer, _ actions: inout [WorkerAction]) {
    for slot in transfer.values { unuse(slot, &actions) }
    for slot in transfer.files {
      tasks[Int(slot)].reads -= 1
      settle(slot, &actions)
    }
  }
}
