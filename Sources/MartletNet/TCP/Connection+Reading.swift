import Glibc
import MartletSystem

extension Connection {
  /// Up to this length a partial message is copied in front of the next read, which then goes into the large buffer of the
  /// loop; a longer one grows in a buffer of its own.
  private static let forwardedBytes = 16 << 10

  // MARK: For the owner

  /// The next `memory.count` bytes, one or more, go straight into `memory`, without the delegate's `received`.
  ///
  /// Call it from `received`, which then returns how many bytes come before the payload. The owner checks the count
  /// before it allocates. `memory` must stay until `receivedDirectly` said that it is full, or `closed` was called;
  /// `owner` is kept alive until then.
  package func receive(into memory: UnsafeMutableRawBufferPointer, keeping owner: AnyObject? = nil) {
    receive(into: [memory], keeping: owner)
  }

  /// The next bytes go straight into each of `rooms` in turn, as many as they have room for; none of them is empty.
  package func receive(into rooms: [UnsafeMutableRawBufferPointer], keeping owner: AnyObject? = nil) {
    loop.requireOnLoop()
    guard phase == .open, !discardsInput else { return }
    if direct != nil || memoryInput != nil { misuse("\(peer): the payload before this one is not complete") }
    if rooms.isEmpty || rooms.contains(where: \.isEmpty) {
      misuse("\(peer): a payload without bytes cannot be received")
    }
    direct = DirectInput(rooms)
    directOwner = owner
    askForRedelivery()
  }

  /// Stops reading: the kernel's buffer fills up, then the other end has to wait.
  package func pauseReading() {
    loop.requireOnLoop()
    isReadingPaused = true
    updateInterest()
  }

  /// Reads again, what was left unconsumed first.
  package func resumeReading() {
    loop.requireOnLoop()
    guard isReadingPaused else { return }
    isReadingPaused = false
    updateInterest()
    askForRedelivery()
    if memoryInput != nil { loop.mark(self) }
  }

  /// Calls the delegate's `readIdle` each time that nothing was received for `limit`; nil for never.
  package func setReadIdleTimeout(_ limit: Duration?) {
    loop.requireOnLoop()
    guard let limit, phase == .open else {
      idleTimer?.disarm()
      return
    }
    idleNanoseconds = max(1, limit.nanoseconds)
    let timer = idleTimer ?? LoopTimer(loop: loop) { [weak self] in self?.idleTimerFired() }
    idleTimer = timer
    timer.arm(at: loop.now + idleNanoseconds)
  }

  private func idleTimerFired() {
    guard phase == .open, let timer = idleTimer else { return }
    // Reads do not move the timer, which would cost each of them; it looks when it fires.
    let due = lastReceived + idleNanoseconds
    if due > loop.now { return timer.arm(at: due) }
    timer.arm(at: loop.now + idleNanoseconds)
    delegate?.readIdle(self)
  }

  private func askForRedelivery() {
    if isDelivering || partial.count == 0 { return }
    redelivers = true
    loop.mark(self)
  }

  // MARK: For the loop

  /// Reads what is there, up to the budget of a turn. The kernel reports what is left again.
  func readReady() {
    var budget = settings.readBytesPerTurn
    // First what was left: behind it may be the end of the input, after which nobody would take it.
    if redelivers || direct != nil && partial.count > 0 { redeliver() }
    while budget > 0, phase == .open, wantsInput {
      let (asked, got) = discardsInput ? readToDiscard() : direct != nil ? readDirectly() : readMessages()
      if got > 0 {
        budget -= got
        if got < asked { break }
      } else if got == 0 {
        inputEnds()
        break
      } else if got == -Int(EINTR) {
        continue
      } else {
        if got != -Int(EAGAIN) { fail(Int32(-got), "read from") }
        break
      }
    }
  }

  private func note(_ got: Int) {
    lastReceived = loop.now
    receivedBytes &+= got
  }

  private func readToDiscard() -> (asked: Int, got: Int) {
    let room = loop.receiveBuffer
    return (room.count, martlet_receive(descriptor, room.baseAddress, room.count))
  }

  /// The payload, and what follows it, in one call.
  private func readDirectly() -> (asked: Int, got: Int) {
    let behind = loop.receiveBuffer
    let vector = loop.vector
    guard let (pieces, rest) = direct?.gather(into: vector, capacity: OutputQueue.vectorCapacity - 1) else {
      return (0, 0)
    }
    var asked = rest
    var count = pieces
    if rest == direct?.rest {
      vector[count] = iovec(iov_base: behind.baseAddress, iov_len: behind.count)
      count += 1
      asked += behind.count
    }
    let got = martlet_receive_vector(descriptor, vector, Int32(count))
    if got <= 0 { return (asked, got) }
    note(got)
    advanceDirect(min(got, rest))
    if got > rest { deliver(UnsafeRawBufferPointer(start: behind.baseAddress, count: got - rest), isStored: false) }
    return (asked, got)
  }

  private func readMessages() -> (asked: Int, got: Int) {
    let before = partial.count
    if before > Connection.forwardedBytes {
      let room = partial.room(min(loop.receiveBuffer.count, max(before, 64 << 10)))
      let got = martlet_receive(descriptor, room.baseAddress, room.count)
      if got > 0 {
        note(got)
        partial.grew(by: got)
        deliver(partial.bytes, isStored: true)
      }
      return (room.count, got)
    }
    let buffer = loop.receiveBuffer
    // The buffer has room for more than that; a very small one only has to make progress.
    let front = before < buffer.count / 2 ? before : 0
    let got = martlet_receive(descriptor, buffer.baseAddress! + front, buffer.count - front)
    if got > 0 {
      note(got)
      if front == before {
        if before > 0 {
          buffer.copyMemory(from: partial.bytes)
          partial.removeAll()
        }
        deliver(UnsafeRawBufferPointer(start: buffer.baseAddress, count: before + got), isStored: false)
      } else {
        partial.append(UnsafeRawBufferPointer(start: buffer.baseAddress, count: got))
        deliver(partial.bytes, isStored: true)
      }
    }
    return (buffer.count - front, got)
  }

  /// Offers again what was left.
  func redeliver() {
    redelivers = false
    if phase == .open, wantsInput || hasInputEnded, !isReadingPaused, partial.count > 0 {
      deliver(partial.bytes, isStored: true)
    }
  }

  /// Hands `bytes` to the delegate and to its payloads, and keeps what is left. `isStored` when they lie in `partial`.
  private func deliver(_ bytes: UnsafeRawBufferPointer, isStored: Bool) {
    var offset = 0
    var offered = 0
    isDelivering = true
    while offset < bytes.count, phase == .open, !discardsInput {
      if let rest = direct?.rest {
        let count = min(bytes.count - offset, rest)
        let source = bytes.baseAddress.map { $0 + offset }
        offset += count
        advanceDirect(count, from: source)
        continue
      }
      if isReadingPaused { break }
      offered = bytes.count - offset
      let used = delegate?.received(self, UnsafeRawBufferPointer(rebasing: bytes[offset...])) ?? offered
      if used < 0 || used > offered { misuse("\(peer): \(used) of \(offered) bytes were consumed") }
      offset += used
      if direct == nil { break }
      offered = 0
    }
    isDelivering = false
    // The owner closed it, or wants no more: there is nothing to keep.
    guard phase == .open, !discardsInput else { return }
    if isStored {
      partial.dropFirst(offset)
    } else {
      partial.append(UnsafeRawBufferPointer(rebasing: bytes[offset...]))
    }
    if partial.count >= settings.maximumPartialInputBytes, partial.count == offered, !isReadingPaused {
      close(.inputTooLong(peer, limitBytes: settings.maximumPartialInputBytes))
    }
  }

  private func advanceDirect(_ added: Int, from source: UnsafeRawPointer? = nil) {
    direct?.advance(added, from: source)
    guard let filled = direct?.filled, let count = direct?.count else { return }
    if filled == count {
      direct = nil
      directOwner = nil
    }
    delegate?.receivedDirectly(self, filled: filled, of: count)
  }

  private func inputEnds() {
    hasInputEnded = true
    memoryInput?.hasFailed = true
    updateInterest()
    if !discardsInput {
      delegate?.inputEnded(self, unconsumedBytes: partial.count + (direct?.filled ?? memoryInput?.rooms.filled ?? 0))
    }
    // Both directions ended: nothing can happen any more.
    if hasOutputEnded { close() }
  }
}
