package import MartletBytes
package import MartletProtocol

/// Who is told what happens in a session. All functions are called on the loop's thread, and none of them from inside a
/// function of the session that the owner called.
package protocol SessionOwner: AnyObject, Sendable {
  /// Both sides agreed: messages may be sent from now on.
  func agreed(_ session: Session, _ agreement: Handshake.Agreement)

  /// Messages have come, one after the other.
  /// - Throws: What is wrong with them; the session then ends.
  func received(_ session: Session, head: [UInt8]) throws(ByteError)

  /// Data is announced: `byteCount` bytes, at most the settings' limit, follow the message in `head`.
  ///
  /// - Returns: Where the data shall go, exactly so many bytes, which stay until `receivedData` said that they are full or
  ///   the session ended; nil to drop what comes.
  /// - Throws: What is wrong with it; the session then ends.
  func room(_ session: Session, head: [UInt8], byteCount: Int) throws(ByteError) -> UnsafeMutableRawBufferPointer?

  /// The same, for data that goes to several places, one after the other. None of them is empty.
  func rooms(
    _ session: Session, head: [UInt8], byteCount: Int
  ) throws(ByteError) -> [UnsafeMutableRawBufferPointer]?

  /// Data has come into the room given for it; `filled` of `count` bytes are there.
  func receivedData(_ session: Session, filled: Int, of count: Int)

  /// As `ConnectionDelegate` has it.
  func outputPressureChanged(_ session: Session, isHigh: Bool)

  /// The session has ended without being asked to: the last call.
  func ended(_ session: Session, _ end: SessionEnd)
}

extension SessionOwner {
  package func room(
    _ session: Session, head: [UInt8], byteCount: Int
  ) throws(ByteError) -> UnsafeMutableRawBufferPointer? {
    throw ByteError(offset: 0, "data that nobody asked for")
  }
  package func rooms(
    _ session: Session, head: [UInt8], byteCount: Int
  ) throws(ByteError) -> [UnsafeMutableRawBufferPointer]? {
    try room(session, head: head, byteCount: byteCount).map { $0.isEmpty ? [] : [$0] }
  }
  package func receivedData(_ session: Session, filled: Int, of count: Int) {}
  package func outputPressureChanged(_ session: Session, isHigh: Bool) {}
}
