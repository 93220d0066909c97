import Glibc
import MartletSystem

extension Connection {
  /// Payloads up to this length are copied: that is cheaper than to keep track of them.
  private static let copiedPayloadBytes = 2 << 10
  private static let fileBytesPerCall = 1 << 20

  // MARK: For the owner

  /// Bytes that are queued.
  package var queuedBytes: Int { output.pointee.bytes }

  /// Whether the owner should send no more: the queue has passed its high mark since it was low. When it has
  /// fallen to its low mark the delegate's `outputPressureChanged` is called with false.
  package var isOutputHigh: Bool { isHigh.pointee }

  /// Queues a copy of `bytes`; they leave at the end of the turn, together with all others.
  /// - Returns: False when nothing was queued: the connection is not open, its output is ended, or a limit of the
  ///   settings would be exceeded.
  /// - Complexity: O(bytes), no allocation but for a new chunk now and then.
  @discardableResult
  package func send(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard mayQueue(), output.pointee.copiedBytes &+ bytes.count <= settings.maximumCopiedBytes else { return false }
    output.pointee.append(copying: bytes)
    notePressure()
    if !isMarked, !isBlocked { loop.mark(self) }
    return true
  }

  /// Queues a copy of `bytes`.
  @discardableResult
  package func send(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes { send($0) } }

  /// Queues `payload` where it lies. It must not change until `owner`, which keeps it alive, is dropped.
  ///
  /// - Parameter released: Called once on the loop's thread when the payload is not needed any more, with whether all of
  ///   it was handed to the kernel. Not called when this returns false.
  /// - Returns: As `send` does.
  @discardableResult
  package func send(
    referencing payload: UnsafeRawBufferPointer, keeping owner: AnyObject?, released: ((Bool) -> Void)? = nil
  ) -> Bool {
    guard mayQueue() else { return false }
    if payload.count <= Connection.copiedPayloadBytes {
      guard send(payload) else { return false }
      if released != nil { self.released.append(OutputQueue.Holder(owner: nil, released: released)) }
      loop.mark(self)
      return true
    }
    output.pointee.append(
      referencing: payload, holder: OutputQueue.Holder(owner: owner, released: released))
    notePressure()
    loop.mark(self)
    return true
  }

  /// Queues all of `pieces`, none of them empty, where they lie, in their order, as one payload: all of it or nothing.
  /// - Parameter released: As above, when the last piece is not needed any more.
  @discardableResult
  package func send(
    referencing pieces: [UnsafeRawBufferPointer], keeping owner: AnyObject?, released: ((Bool) -> Void)? = nil
  ) -> Bool {
    guard pieces.count > 1 else {
      return send(
        referencing: pieces.first ?? UnsafeRawBufferPointer(start: nil, count: 0), keeping: owner, released: released)
    }
    // The last one is referenced, however short it is: what is behind it is known to have left.
    let isCopied = { (piece: UnsafeRawBufferPointer) in piece.count <= Connection.copiedPayloadBytes }
    let copied = pieces.dropLast().reduce(0) { isCopied($1) ? $0 + $1.count : $0 }
    guard mayQueue(), settings.maximumSegments - output.pointee.segmentCount >= 2 * pieces.count,
      output.pointee.copiedBytes &+ copied <= settings.maximumCopiedBytes
    else { return false }
    for (place, piece) in pieces.enumerated() {
      let isLast = place == pieces.count - 1
      if !isLast, isCopied(piece) {
        output.pointee.append(copying: piece)
      } else {
        output.pointee.append(
          referencing: piece, holder: OutputQueue.Holder(owner: owner, released: isLast ? released : nil))
      }
    }
    notePressure()
    loop.mark(self)
    return true
  }

  /// Queues `count` bytes of `file` from `offset`; the kernel reads them when their turn comes, which may block the loop
  /// where they are not in the page cache. A file that is shorter by then closes the connection (`.truncatedFile`).
  ///
  /// - Parameters:
  ///   - file: A descriptor that stays open until `owner` is dropped.
  ///   - released: As above.
  @discardableResult
  package func send(
    file: Int32, offset: Int, count: Int, keeping owner: AnyObject?, released: ((Bool) -> Void)? = nil
  ) -> Bool {
    guard mayQueue() else { return false }
    if offset < 0 || count < 0 || offset > Int.max - count { misuse("\(peer): bytes \(offset) + \(count) of a file") }
    let holder = OutputQueue.Holder(owner: owner, released: released)
    if count == 0 {
      self.released.append(holder)
    } else {
      posix_fadvise(file, off_t(offset), off_t(count), POSIX_FADV_WILLNEED)
      output.pointee.append(file: file, offset: offset, count: count, holder: holder)
      notePressure()
    }
    loop.mark(self)
    return true
  }

  /// Copies `bytes` for sending; from any thread. What one thread sends so leaves in its order, but after what the loop's
  /// thread sends in the same turn. Any number of calls make one wake-up of the loop.
  ///
  /// - Returns: False when nothing was queued: the connection is closed or the loop stopped, or more than
  ///   `maximumCopiedBytes` wait. What was accepted may still be lost when the connection closes.
  @discardableResult
  package func sendFromAnyThread(_ bytes: UnsafeRawBufferPointer) -> Bool {
    switch inbox.add(bytes, limit: settings.maximumCopiedBytes) {
    case .refused: false
    case .added: true
    case .addedFirst: loop.execute { [self] in emptyInbox() }
    }
  }

  private func emptyInbox() {
    let bytes = inbox.take()
    defer { inbox.giveBack(bytes) }
    if bytes.isEmpty { return }
    // The limit held when they were accepted; together they may exceed it once.
    guard phase == .open, !endsOutput else { return }
    bytes.withUnsafeBytes { output.pointee.append(copying: $0) }
    notePressure()
    loop.mark(self)
  }

  /// Ends the output after what is queued (half-close); the other end sees the end of its input. Reading goes on.
  package func closeOutput() {
    loop.requireOnLoop()
    guard phase == .open, !endsOutput else { return }
    endsOutput = true
    loop.mark(self)
  }

  func mayQueue() -> Bool {
    loop.requireOnLoop()
    return phase == .open && !endsOutput && output.pointee.segmentCount < settings.maximumSegments
  }

  // MARK: For the loop

  /// Hands to the kernel what it takes, up to the budget of a turn.
  func flush() {
    var budget = settings.writeBytesPerTurn
    var isFull = false
    while output.pointee.canSend, budget > 0, !isFull {
      let (asked, got) = writeOnce()
      if got >= 0 {
        if got == 0, asked > 0 {
          // Only a file that ended gives nothing.
          return close(.truncatedFile(peer, missingBytes: output.pointee.filePart?.count ?? asked))
        }
        output.pointee.advance(got, released: &released)
        sentBytes &+= got
        budget -= got
        lastSent = loop.now
        isFull = got < asked && output.pointee.filePart == nil
      } else if got == -Int(EAGAIN) {
        isFull = true
      } else if got != -Int(EINTR) {
        return writingFailed(Int32(-got))
      }
    }
    isBlocked = output.pointee.canSend
    if endsOutput, output.pointee.isEmpty, !hasOutputEnded { return outputEnds() }
    updateInterest()
    if !released.isEmpty { releaseHolders() }
    if phase == .open { reportPressure() }
  }

  private func writeOnce() -> (asked: Int, got: Int) {
    if let part = output.pointee.filePart {
      let count = min(part.count, Connection.fileBytesPerCall)
      return (count, martlet_send_file(descriptor, part.file, Int64(part.offset), count))
    }
    let (count, bytes, more) = output.pointee.gather(into: loop.vector)
    return (bytes, martlet_send_vector(descriptor, loop.vector, Int32(count), more ? 1 : 0))
  }

  /// The other end may have said why before it closed: that is read first.
  private func writingFailed(_ error: Int32) {
    if wantsInput { readReady() }
    fail(error, "write to")
  }

  private func outputEnds() {
    hasOutputEnded = true
    shutdown(descriptor, Int32(SHUT_WR))
    if hasInputEnded { return close() }
    updateInterest()
    if !released.isEmpty { releaseHolders() }
    if phase == .open { reportPressure() }
  }

  /// What is held up by an offer waits for the other side's answer, which has to be read: it is no reason to stop that.
  func notePressure() {
    if output.pointee.freeBytes > settings.highWaterBytes { isHigh.pointee = true }
  }

  private func reportPressure() {
    guard isHigh.pointee else { return }
    let bytes = output.pointee.freeBytes
    if bytes <= settings.lowWaterBytes {
      isHigh.pointee = false
      hasReportedHigh = false
      delegate?.outputPressureChanged(self, isHigh: false)
    } else if !hasReportedHigh, bytes > settings.highWaterBytes {
      hasReportedHigh = true
      delegate?.outputPressureChanged(self, isHigh: true)
    }
  }

  func releaseHolders() {
    while !released.isEmpty {
      var list: [OutputQueue.Holder] = []
      swap(&list, &released)
      for holder in list { holder.released?(true) }
    }
  }
}
