package import MartletBytes

/// Messages on their way out, joined to frames: what one turn of an event loop has to say goes out in one piece.
package struct MessageBatch<Message: PortableValue>: Sendable {
  private var writer = ByteWriter()
  private var frames: [[UInt8]] = []
  private let limit: Int

  /// - Parameter limit: The largest head that the other side takes.
  package init(limit: Int = WireLimits.messageBytes) { self.limit = limit }

  /// Whether nothing was added since the last `take`.
  package var isEmpty: Bool { writer.byteCount == 0 && frames.isEmpty }

  /// Adds a message.
  ///
  /// - Throws: `MessageTooLarge` when the message alone is larger than a frame may be; nothing was added then.
  package mutating func append(_ message: Message) throws(MessageTooLarge) {
    let before = writer.byteCount
    message.write(to: &writer)
    guard writer.byteCount > limit else { return }
    let alone = writer.withBytes { [UInt8]($0[before...]) }
    writer.cut(to: before)
    let others = writer.takeBytes()
    if !others.isEmpty { frames.append(Frame.prefix(.messages, headBytes: others.count, bodyBytes: 0) + others) }
    if alone.count > limit { throw MessageTooLarge(byteCount: alone.count, limit: limit) }
    alone.withUnsafeBytes { writer.write(raw: $0) }
  }

  /// The frames of all messages that were added, in their order.
  package mutating func take() -> [[UInt8]] {
    if writer.byteCount > 0 {
      frames.append(Frame.prefix(.messages, headBytes: writer.byteCount, bodyBytes: 0) + writer.takeBytes())
    }
    defer { frames = [] }
    return frames
  }

  /// The messages in the head of a frame.
  ///
  /// - Throws: `ByteError` at the first message that is none: the connection has to be closed.
  package static func messages(in head: [UInt8]) throws(ByteError) -> [Message] {
    var reader = ByteReader(head)
    var messages: [Message] = []
    while reader.remaining > 0 { messages.append(try Message(from: &reader)) }
    return messages
  }
}

/// A message that no frame can hold.
package struct MessageTooLarge: Error, Equatable, CustomStringConvertible {
  /// What it takes.
  package let byteCount: Int
  /// What a frame can hold.
  package let limit: Int

  package init(byteCount: Int, limit: Int) {
    self.byteCount = byteCount
    self.limit = limit
  }

  /// How large it is, and what to do.
  package var description: String {
    "a message of \(byteCount) bytes, a frame holds \(limit): scatter large data instead of submitting it as arguments"
  }
}
