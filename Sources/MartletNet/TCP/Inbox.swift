/// Bytes that other threads want to send on a connection.
final class Inbox: @unchecked Sendable {
  // Sendable: `lock` guards all variables.
  enum Answer { case refused, added, addedFirst }

  private let lock = NetLock()
  private var bytes: [UInt8] = []
  private var spare: [UInt8] = []
  private var isClosed = false

  /// `.addedFirst` when the loop has to be told.
  func add(_ added: UnsafeRawBufferPointer, limit: Int) -> Answer {
    lock.withLock {
      if isClosed || bytes.count + added.count > limit { return .refused }
      if added.isEmpty { return .added }
      let isFirst = bytes.isEmpty
      bytes.append(contentsOf: added)
      return isFirst ? .addedFirst : .added
    }
  }

  func take() -> [UInt8] {
    lock.withLock {
      var taken: [UInt8] = []
      swap(&taken, &bytes)
      swap(&bytes, &spare)
      return taken
    }
  }

  /// Keeps the memory for the next bytes, unless it is large.
  func giveBack(_ used: consuming [UInt8]) {
    var used = used
    if used.capacity > 1 << 20 { return }
    used.removeAll(keepingCapacity: true)
    lock.withLock { spare = used }
  }

  func close() {
    lock.withLock {
      isClosed = true
      bytes = []
      spare = []
    }
  }
}
