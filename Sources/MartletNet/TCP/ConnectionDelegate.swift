/// The owner of a connection. All functions are called on the loop's thread.
///
/// A connection keeps its delegate alive until `closed` was called.
package protocol ConnectionDelegate: AnyObject, Sendable {
  /// An outgoing connection is made. Not called for accepted ones.
  func connected(_ connection: Connection)

  /// Bytes came.
  ///
  /// - Parameter bytes: What came and what was not consumed before, in order; valid only during the call.
  /// - Returns: How many of them are done with. The others come again, together with more. Bytes that follow a call of
  ///   `receive(into:)` go there, whatever is returned counts up to where that payload starts.
  func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int

  /// Bytes came into the memory given with `receive(into:)`; `filled` of `count` are there. At `count` the memory is
  /// the delegate's again.
  func receivedDirectly(_ connection: Connection, filled: Int, of count: Int)

  /// What the other side offered cannot be read from its memory: `filled` bytes are there. The owner has the rest sent, says so with
  /// `receiveRest`, or closes the connection.
  /// - Parameter error: The system's reason.
  func memoryUnreadable(_ connection: Connection, filled: Int, error: Int32)

  /// The other end will send no more. Writing is still possible; the delegate closes the connection when it is done.
  /// - Parameter unconsumedBytes: The part of a message that never became whole.
  func inputEnded(_ connection: Connection, unconsumedBytes: Int)

  /// The queue is above its high mark although it was flushed (`isHigh`), or has fallen to its low mark after it had
  /// passed the high one (then always called, also where a flush was enough).
  func outputPressureChanged(_ connection: Connection, isHigh: Bool)

  /// Nothing was received for the time given with `setReadIdleTimeout`. Called again after each such time.
  func readIdle(_ connection: Connection)

  /// The connection is closed: the last call. Never made from inside a function of the connection.
  /// - Parameter error: Nil when the delegate closed it without giving a reason.
  func closed(_ connection: Connection, error: NetworkError?)
}

extension ConnectionDelegate {
  package func connected(_ connection: Connection) {}
  package func receivedDirectly(_ connection: Connection, filled: Int, of count: Int) {}
  package func memoryUnreadable(_ connection: Connection, filled: Int, error: Int32) {
    connection.fail(error, "read from")
  }
  package func inputEnded(_ connection: Connection, unconsumedBytes: Int) {
    connection.close()
  }
  package func outputPressureChanged(_ connection: Connection, isHigh: Bool) {}
  package func readIdle(_ connection: Connection) {}
}
