package import MartletBytes
import MartletProtocol

extension WorkerCore {
  // MARK: Data that clients bring

  /// Lets values in as far as there is room. The client announces them to the scheduler when they are held; it then names
  /// them. Nobody names what comes without a scheduler.
  mutating func accept(
    _ requester: RequesterID, _ request: UInt32, _ values: [PutValue], _ actions: inout [WorkerAction]
  ) {
    if receptions.contains(where: { $0.requester == requester && $0.request == request }) { return }
    let reception = Reception(requester: requester, request: request, values: values)
    let expected = receptions.reduce(puts.count + values.count) { $0 + $1.values.count }
    let problem: String? =
      if !isRegistered || isRetiring {
        "this worker takes no data now"
      } else if expected > settings.unnamedValues {
        "it holds \(puts.count) values that were not announced to the scheduler, \(settings.unnamedValues) are allowed"
      } else if !hasRoom(for: reception.bytes) {
        "\(reception.bytes) bytes have no room: it holds \(claimedBytes), its limit is \(settings.memoryLimit)"
      } else {
        nil
      }
    if let problem {
      actions.append(.refuseData(requester, request: request, .rejected(reason: problem)))
      return
    }
    actions.append(.acceptData(requester, request: request, values))
    if values.isEmpty {
      actions.append(.confirmData(requester, request: request))
    } else {
      receptions.append(reception)
      receivingBytes &+= reception.bytes
    }
  }

  /// Whether a value that a client sends was let in, with so many bytes.
  package func mayReceive(_ requester: RequesterID, request: UInt32, _ digest: Digest128, byteCount: Int64) -> Bool {
    receptions.contains { reception in
      reception.requester == requester && reception.request == request
        && reception.values.contains {
          $0.digest == digest && byteCount >= 0 && byteCount <= 2 &* min(max(0, $0.byteCount), mostBytes) &+ 1 << 20
        }
    }
  }

  mutating func received(
    _ requester: RequesterID, _ request: UInt32, _ digest: Digest128, _ type: String, _ byteCount: Int64,
    _ actions: inout [WorkerAction]
  ) {
    guard let place = receptions.firstIndex(where: { $0.requester == requester && $0.request == request }),
      let which = receptions[place].values.firstIndex(where: { $0.digest == digest })
    else {
      actions.append(.discardPut(requester, request: request, digest))
      return
    }
    receivingBytes &-= receptions[place].bytes
    receptions[place].values.remove(at: which)
    receivingBytes &+= receptions[place].bytes
    let slot = newSlot(digest)
    tasks[Int(slot)].isPut = true
    tasks[Int(slot)].putUntil = now + settings.unnamedNanoseconds
    tasks[Int(slot)].type = type
    setByteCount(slot, byteCount)
    moveData(slot, to: .memory)
    puts.append(slot)
    actions.append(.holdPut(requester, request: request, digest, ValueID(rawValue: slot)))
    if receptions[place].values.isEmpty {
      receptions.remove(at: place)
      actions.append(.confirmData(requester, request: request))
    }
  }

  mutating func endReceptions(where isOver: (Reception) -> Bool) {
    for reception in receptions where isOver(reception) { receivingBytes &-= reception.bytes }
    receptions.removeAll(where: isOver)
  }

  /// The scheduler knows a value that a client has put here, and counts on it.
  mutating func named(_ name: NamedTask, _ actions: inout [WorkerAction]) {
    let place = puts.firstIndex { tasks[Int($0)].digest == name.digest }
    let known = slots[name.task]
    if let known, tasks[Int(known)].digest == name.digest, tasks[Int(known)].data.isHere {
      // It was here already: one is enough.
      tasks[Int(known)].isKept = true
      if let place { unput(at: place, &actions) }
      return
    }
    guard let place, known == nil || tasks[Int(known ?? 0)].digest == name.digest else {
      // It came too late, or not at all.
      flush(&actions)
      outbox.dropped.append(name.task)
      return
    }
    let slot = puts.remove(at: place)
    tasks[Int(slot)].isPut = false
    tasks[Int(slot)].isKept = true
    if let known {
      // Somebody waits for it under this name.
      setByteCount(known, tasks[Int(slot)].byteCount)
      tasks[Int(known)].type = tasks[Int(slot)].type
      moveData(slot, to: .absent)
      forget(slot)
      actions.append(.move(ValueID(rawValue: slot), to: ValueID(rawValue: known)))
      tasks[Int(known)].isFetchWanted = false
      enterMemory(known, &actions)
      tasks[Int(known)].isKept = true
    } else {
      self.name(slot, name.task)
      relist(slot)
    }
  }

  /// A client that has put something and never announced it is gone.
  mutating func forgetUnnamed(_ actions: inout [WorkerAction]) {
    while let first = puts.first, tasks[Int(first)].putUntil <= now { unput(at: 0, &actions) }
  }

  private mutating func unput(at place: Int, _ actions: inout [WorkerAction]) {
    let slot = puts.remove(at: place)
    tasks[Int(slot)].isPut = false
    settle(slot, &actions)
  }
}
