package import MartletBytes

/// The head of a data frame: the message that announces the data, and which parts of the data are arrays with memory of
/// their own.
package struct DataHead<Message: PortableValue>: Sendable {
  package var message: Message
  package var segments: ByteSegments

  package init(_ message: Message, _ segments: ByteSegments) {
    self.message = message
    self.segments = segments
  }

  /// The message, then the segments; nothing for these where there are none.
  package var bytes: [UInt8] {
    var writer = ByteWriter()
    message.write(to: &writer)
    segments.write(to: &writer)
    return writer.takeBytes()
  }

  /// The head of a frame with a body of `byteCount` bytes.
  ///
  /// - Throws: `ByteError` when it is none, or its segments do not lie in the body.
  package init(_ head: [UInt8], byteCount: Int) throws(ByteError) {
    var reader = ByteReader(head)
    message = try Message(from: &reader)
    segments = try ByteSegments(from: &reader, byteCount: byteCount)
    try reader.requireEnd()
  }
}
