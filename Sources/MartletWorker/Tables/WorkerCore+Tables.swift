import MartletBytes
import MartletProtocol

/// No result is larger; what a scheduler or a peer announces is cut to this, so that sums cannot overflow.
let mostBytes: Int64 = 1 << 44

extension WorkerCore {
  // MARK: Tasks

  /// The place of a task, which gets one if it has none; nil when the handle is known for another key.
  ///
  /// A body that began under an older session goes on: its task has a place, and no handle any more, until somebody names its
  /// key again.
  mutating func slot(for handle: TaskHandle, _ digest: Digest128) -> UInt32? {
    if let slot = slots[handle] { return tasks[Int(slot)].digest == digest ? slot : nil }
    let slot: UInt32
    if mayHaveOrphans, let orphan = orphan(digest) {
      slot = orphan
    } else {
      slot = newSlot(digest)
    }
    name(slot, handle)
    return slot
  }

  /// The task with that key whose body began under an older session, and which nobody has named in this one.
  private mutating func orphan(_ digest: Digest128) -> UInt32? {
    mayHaveOrphans = false
    for number in executions.indices where executions[number].isUsed && executions[number].slot != TaskRecord.none {
      let slot = executions[number].slot
      if tasks[Int(slot)].hasHandle { continue }
      mayHaveOrphans = true
      if tasks[Int(slot)].digest == digest { return slot }
    }
    return nil
  }

  /// A place for a task without a handle.
  mutating func newSlot(_ digest: Digest128) -> UInt32 {
    let slot = freeSlots.popLast() ?? UInt32(tasks.count)
    if Int(slot) == tasks.count {
      tasks.append(TaskRecord())
      work.append(nil)
    }
    tasks[Int(slot)].isUsed = true
    tasks[Int(slot)].digest = digest
    return slot
  }

  mutating func name(_ slot: UInt32, _ handle: TaskHandle) {
    tasks[Int(slot)].handle = handle
    tasks[Int(slot)].hasHandle = true
    slots[handle] = slot
  }

  /// Decides, alone, what is still needed of a task: drops its result, forgets it. O(1) but for its holders.
  mutating func settle(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    let place = Int(slot)
    guard tasks[place].isUsed, tasks[place].phase == .unassigned, tasks[place].execution == TaskRecord.none,
      !tasks[place].isWanted, !tasks[place].isKept, !tasks[place].isPut, tasks[place].uses == 0, tasks[place].reads == 0
    else { return }
    switch tasks[place].data {
    // The end of what goes on settles it.
    case .fetching, .spilling, .loading: return
    case .memory, .spilled:
      moveData(slot, to: .absent)
      actions.append(.drop(ValueID(rawValue: slot)))
    case .absent: break
    }
    forget(slot)
  }

  mutating func forget(_ slot: UInt32) {
    for peer in tasks[Int(slot)].holders { leave(peer: peer) }
    if tasks[Int(slot)].hasHandle { slots[tasks[Int(slot)].handle] = nil }
    if tasks[Int(slot)].isUnlocated { unlocated.removeAll { $0 == slot } }
    let oldMark = tasks[Int(slot)].mark
    tasks[Int(slot)] = TaskRecord()
    tasks[Int(slot)].mark = oldMark
    work[Int(slot)] = nil
    freeSlots.append(slot)
  }

  // MARK: The ledger

  /// Moves a result to another phase, and its bytes to the other column.
  mutating func moveData(_ slot: UInt32, to phase: DataPhase) {
    count(slot, -1)
    tasks[Int(slot)].data = phase
    if phase == .absent, tasks[Int(slot)].hasFile {
      tasks[Int(slot)].hasFile = false
      diskBytes &-= tasks[Int(slot)].diskBytes
      tasks[Int(slot)].diskBytes = 0
    }
    count(slot, 1)
    relist(slot)
  }

  /// Notes what a result takes in fact.
  mutating func setByteCount(_ slot: UInt32, _ bytes: Int64) {
    count(slot, -1)
    tasks[Int(slot)].byteCount = min(max(0, bytes), mostBytes)
    count(slot, 1)
  }

  private mutating func count(_ slot: UInt32, _ sign: Int64) {
    let bytes = tasks[Int(slot)].byteCount &* sign
    switch tasks[Int(slot)].data {
    case .absent, .spilled: break
    case .fetching:
      fetchingBytes &+= bytes
      fetchingCount += Int(sign)
    case .memory: memoryBytes &+= bytes
    case .spilling:
      memoryBytes &+= bytes
      spillingBytes &+= bytes
      spillingCount += Int(sign)
    case .loading:
      loadingBytes &+= bytes
      loadingCount += Int(sign)
    }
  }

  // MARK: Uses

  /// Somebody uses the value in memory: it stays there.
  mutating func use(_ slot: UInt32) {
    tasks[Int(slot)].uses += 1
    if tasks[Int(slot)].uses == 1 { relist(slot) }
  }

  /// A use has ended; the last one makes the value the most recently used one, or the end of it.
  mutating func unuse(_ slot: UInt32, _ actions: inout [WorkerAction]) {
    tasks[Int(slot)].uses -= 1
    guard tasks[Int(slot)].uses == 0 else { return }
    relist(slot)
    settle(slot, &actions)
  }

  /// Puts a result at the end of the list of those that may be spilled, or takes it out.
  mutating func relist(_ slot: UInt32) {
    let place = Int(slot)
    let belongs =
      settings.memoryLimit > 0 && tasks[place].data == .memory && tasks[place].uses == 0 && !tasks[place].isPut
      && tasks[place].byteCount >= settings.leastSpillBytes
    guard belongs != tasks[place].isListed else { return }
    tasks[place].isListed = belongs
    if belongs {
      tasks[place].earlier = newest
      tasks[place].later = TaskRecord.none
      if newest != TaskRecord.none { tasks[Int(newest)].later = slot } else { oldest = slot }
      newest = slot
    } else {
      let earlier = tasks[place].earlier
      let later = tasks[place].later
      if earlier != TaskRecord.none { tasks[Int(earlier)].later = later } else { oldest = later }
      if later != TaskRecord.none { tasks[Int(later)].earlier = earlier } else { newest = earlier }
    }
  }

  // MARK: Peers

  /// The place of a peer, which gets one if it has none.
  mutating func peer(for reference: PeerRef) -> UInt32 {
    if let number = peerNumbers[reference.worker] { return number }
    let number: UInt32
    if let free = freePeers.popLast() {
      number = free
    } else {
      number = UInt32(peers.count)
      peers.append(PeerRecord())
    }
    peers[Int(number)].isUsed = true
    peers[Int(number)].worker = reference.worker
    peers[Int(number)].address = reference.address
    peerNumbers[reference.worker] = number
    return number
  }

  /// A task no longer names the peer as a holder.
  mutating func leave(peer number: UInt32) {
    peers[Int(number)].uses -= 1
    forgetPeer(number)
  }

  /// Forgets a peer that nobody names and that there is no connection to.
  mutating func forgetPeer(_ number: UInt32) {
    let peer = peers[Int(number)]
    guard peer.isUsed, peer.uses == 0, peer.request == 0, peer.link == .none else { return }
    queuedFetches -= peer.queue.count
    peerNumbers[peer.worker] = nil
    peers[Int(number)] = PeerRecord()
    freePeers.append(number)
  }

  mutating func addHolders(_ slot: UInt32, _ references: [PeerRef], _ run: RunID) {
    tasks[Int(slot)].heldRun = run.rawValue
    for reference in references where reference.worker != worker {
      let number = peer(for: reference)
      guard !tasks[Int(slot)].holders.contains(number) else { continue }
      tasks[Int(slot)].holders.append(number)
      peers[Int(number)].uses += 1
    }
  }

  mutating func removeHolder(_ slot: UInt32, _ number: UInt32) {
    guard let place = tasks[Int(slot)].holders.firstIndex(of: number) else { return }
    tasks[Int(slot)].holders.remove(at: place)
    leave(peer: number)
  }
}
