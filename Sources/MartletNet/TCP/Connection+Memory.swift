import Glibc
import MartletSystem

/// Payloads that are not sent: the other side, a process of the same user on this machine, reads them where they lie
/// (`process_vm_readv`). README.md section 6 has the rules. What both say to each other about it is their owners' affair.
extension Connection {
  /// Whether the other side may be offered memory, and offer it: the connection does not go through the network, and the
  /// kernel says which process is at its other end.
  package var sharesMachine: Bool { peerProcess > 0 }

  // MARK: Offering

  /// Random bytes of this connection and where they lie, while it exists: who reads them there reads from this process.
  package var memoryToken: (address: UInt64, bytes: [UInt8]) {
    loop.requireOnLoop()
    let token = ownToken ?? PeerMemory.makeToken()
    ownToken = token
    return (UInt64(UInt(bitPattern: token.baseAddress)), [UInt8](token))
  }

  /// Queues all of `pieces`, none of them empty, as a payload that the other side will read where it lies. What is sent behind it
  /// waits for `offerTaken` or `offerRefused`.
  ///
  /// - Parameter released: As for a payload that is sent: also, when the connection closes, not before the other side can
  ///   see that.
  /// - Returns: As `send` does.
  package func send(
    offering pieces: [UnsafeRawBufferPointer], keeping owner: AnyObject?, released: ((Bool) -> Void)? = nil
  ) -> Bool {
    if pieces.isEmpty || pieces.contains(where: \.isEmpty) { misuse("\(peer): a payload without bytes is offered") }
    guard mayQueue(), settings.maximumSegments - output.pointee.segmentCount >= 2 * pieces.count else { return false }
    for (place, piece) in pieces.enumerated() {
      let isLast = place == pieces.count - 1
      output.pointee.append(
        offering: piece, holder: OutputQueue.Holder(owner: owner, released: isLast ? released : nil))
    }
    loop.mark(self)
    return true
  }

  /// Sends `bytes` before any offer that has not been taken, so that two sides which offer something to each other can answer.
  /// They come between what was sent in whole calls: a call sends a whole message then.
  @discardableResult
  package func sendBeforeOffers(_ bytes: [UInt8]) -> Bool {
    guard mayQueue(), output.pointee.copiedBytes &+ bytes.count <= settings.maximumCopiedBytes else { return false }
    bytes.withUnsafeBytes { _ = output.pointee.insert(copying: $0) }
    notePressure()
    if !isBlocked { loop.mark(self) }
    return true
  }

  /// The other side has read so much of the offered payload.
  /// - Returns: False when nothing is offered, or less than that, or less than it said before.
  package func offerTaken(upTo count: Int) -> Bool {
    loop.requireOnLoop()
    guard output.pointee.isHeldUp, count >= takenBytes, count <= output.pointee.offeredBytes else { return false }
    sentBytes &+= count - takenBytes
    takenBytes = count
    lastSent = loop.now
    return true
  }

  /// The other side is through with the offered payload, whether it has read it or not.
  /// - Returns: False when nothing is offered.
  package func offerDone() -> Bool {
    loop.requireOnLoop()
    guard output.pointee.isHeldUp else { return false }
    let count = output.pointee.offeredBytes
    output.pointee.advance(count, released: &released)
    sentBytes &+= count - takenBytes
    offerEnded()
    return true
  }

  /// The other side cannot read the offered payload and wants it sent from `place` on, behind what `prefix` gives for the count of
  /// bytes that follow.
  /// - Returns: False when nothing is offered, or no more than that.
  package func offerRefused(at place: Int, prefix: (Int) -> [UInt8]) -> Bool {
    loop.requireOnLoop()
    guard output.pointee.isHeldUp, place >= takenBytes, place < output.pointee.offeredBytes else { return false }
    output.pointee.advance(place, released: &released)
    sentBytes &+= place - takenBytes
    prefix(output.pointee.offeredBytes).withUnsafeBytes { output.pointee.sendOffered(behind: $0) }
    offerEnded()
    return true
  }

  private func offerEnded() {
    takenBytes = 0
    lastSent = loop.now
    notePressure()
    loop.mark(self)
  }

  // MARK: Reading

  /// Reads a payload from the memory of the other side into `rooms`, as many bytes as they have, a slice a turn. Meanwhile what
  /// comes on the connection goes to the delegate, which hears `receivedDirectly` as for bytes that come by the socket, or
  /// `memoryUnreadable`.
  ///
  /// - Parameters:
  ///   - memory: Its pieces have as many bytes as the rooms, none of which is empty.
  ///   - owner: Kept alive until the rooms are full or `closed` was called.
  ///   - reads: False where it is known that nothing can be read: then the payload waits for `receiveRest`.
  package func receive(
    from memory: PeerMemory, into rooms: [UnsafeMutableRawBufferPointer], keeping owner: AnyObject? = nil,
    reads: Bool = true
  ) {
    loop.requireOnLoop()
    guard phase == .open, !discardsInput else { return }
    if direct != nil || memoryInput != nil { misuse("\(peer): the payload before this one is not complete") }
    let count = rooms.reduce(0) { $0 + $1.count }
    if count == 0 || rooms.contains(where: \.isEmpty) || memory.pieces.reduce(0, { $0 + $1.count }) != count {
      misuse("\(peer): \(memory.pieces.count) pieces do not fit into \(count) bytes")
    }
    memoryInput = MemoryInput(memory, rooms)
    memoryInput?.hasFailed = !reads || !sharesMachine
    directOwner = owner
    loop.mark(self)
  }

  /// What is missing of a payload that could not be read comes by the socket: the next bytes. Call it from `received`.
  package func receiveRest() {
    loop.requireOnLoop()
    guard phase == .open, !discardsInput else { return }
    guard let input = memoryInput.take() else { misuse("\(peer): nothing was to be read from memory") }
    direct = input.restOfRooms()
  }

  /// At the end of a turn: one slice.
  func readPeerMemory() {
    guard phase == .open, !isReadingPaused, memoryInput?.hasFailed == false else { return }
    let status = readSlice()
    guard status > 0 else {
      memoryInput?.hasFailed = true
      if let filled = memoryInput?.rooms.filled {
        delegate?.memoryUnreadable(self, filled: filled, error: Int32(-status))
      }
      return
    }
    memoryInput?.advance(status)
    lastReceived = loop.now
    receivedBytes &+= status
    memoryBytes &+= status
    guard let filled = memoryInput?.rooms.filled, let count = memoryInput?.rooms.count else { return }
    if filled < count {
      loop.mark(self)
    } else if martlet_has_hung_up(descriptor) != 0 {
      // It may have let go of the memory while it was read. The end of the input says the rest.
      memoryInput?.hasFailed = true
      return
    } else {
      memoryInput = nil
      directOwner = nil
    }
    delegate?.receivedDirectly(self, filled: filled, of: count)
  }

  /// Bytes that were read, or a negative errno.
  private func readSlice() -> Int {
    let capacity = OutputQueue.vectorCapacity - 1
    let (local, remote) = (loop.vector, loop.remoteVector)
    guard let (locals, remotes, bytes) = memoryInput?.gather(local: local, remote: remote, capacity: capacity),
      let address = memoryInput?.memory.tokenAddress, let token = memoryInput?.memory.token
    else { return -Int(EINVAL) }
    // The token in the same call: so the process that was read from, and as it is now, is the one that offered the payload, not
    // another that has its number or a part of its memory.
    return withUnsafeTemporaryAllocation(byteCount: PeerMemory.tokenBytes, alignment: 8) { seen in
      seen.initializeMemory(as: UInt8.self, repeating: 0)
      local[locals] = iovec(iov_base: seen.baseAddress, iov_len: seen.count)
      remote[remotes] = iovec(
        iov_base: UnsafeMutableRawPointer(bitPattern: UInt(truncatingIfNeeded: address)), iov_len: seen.count)
      let got = martlet_read_process(
        Int64(peerProcess), local, Int32(locals + 1), remote, Int32(remotes + 1))
      if got < 0 { return got }
      return got == bytes + seen.count && seen.elementsEqual(token) ? bytes : -Int(EFAULT)
    }
  }
}
