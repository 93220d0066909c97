package import MartletBytes

/// How bytes on a connection are divided.
///
/// A frame is a prefix of sixteen bytes (the size of its head in four, its kind in one, three zeros, the size of its body
/// in eight, little endian), its head, and its body. The head of a frame of messages is one message after the other, and
/// it has no body. The head of a data frame is the one message that announces the data; the body is the data, which goes
/// from where it lies to where it will lie, without passing through a message.
///
/// Between two processes of one machine a body may be offered instead: the other side reads it in the memory of this one. The
/// frames for that are `MemoryOffer` and `MemoryAnswer`; a body that could not be read follows in a frame of its own.
package enum Frame {
  /// Bytes of a prefix.
  package static let prefixBytes = 16

  /// What a frame carries.
  package enum Kind: UInt8, Sendable {
    case messages = 0
    case data = 1
    /// As data, but the body does not follow: the head says where it lies.
    case offer = 2
    /// What became of an offer of the other side.
    case answer = 3
    /// The rest of a body that was offered and could not be read.
    case rest = 4

    /// Whether the prefix announces a body.
    var hasBody: Bool { self != .messages && self != .answer }
  }

  /// The prefix of a frame.
  package static func prefix(_ kind: Kind, headBytes: Int, bodyBytes: Int) -> [UInt8] {
    var writer = ByteWriter(capacity: prefixBytes)
    writer.write(UInt32(headBytes))
    writer.write(byte: kind.rawValue)
    writer.write(byte: 0)
    writer.write(UInt16(0))
    writer.write(UInt64(bodyBytes))
    return writer.takeBytes()
  }
}

/// Finds the frames in what a connection receives. Nothing is allocated for what a peer only announces.
package struct FrameParser: Sendable {
  /// What was found at the beginning of the bytes.
  package enum Found: Equatable, Sendable {
    /// Not a whole frame yet: come again with these bytes and more behind them.
    case nothing
    /// Messages, one after the other.
    case messages([UInt8])
    /// The announcement of data; so many bytes of it follow.
    case data(head: [UInt8], bodyBytes: Int)
    /// The announcement of data that lies in the other side's memory, so many bytes.
    case offer(head: [UInt8], bodyBytes: Int)
    /// An answer to an offer.
    case answer([UInt8])
    /// So many bytes of offered data follow.
    case rest(Int)
    /// So many of the bytes are data.
    case body(Int)
  }

  private let headLimit: Int
  private let bodyLimit: Int
  /// Bytes of data that follow.
  package private(set) var bodyRemaining = 0

  /// - Parameters:
  ///   - headLimit: The largest head that is taken.
  ///   - bodyLimit: The largest body; 0 where no data is expected.
  package init(headLimit: Int = WireLimits.messageBytes, bodyLimit: Int) {
    self.headLimit = headLimit
    self.bodyLimit = bodyLimit
  }

  /// Looks at the beginning of `bytes`.
  ///
  /// - Returns: What is there, and how many bytes it takes.
  /// - Throws: `ByteError` when this is no frame or a larger one than is allowed: the connection has to be closed.
  package mutating func next(_ bytes: UnsafeRawBufferPointer) throws(ByteError) -> (found: Found, consumed: Int) {
    if bodyRemaining > 0 {
      let count = min(bodyRemaining, bytes.count)
      bodyRemaining -= count
      return count > 0 ? (.body(count), count) : (.nothing, 0)
    }
    guard bytes.count >= Frame.prefixBytes else { return (.nothing, 0) }
    let headBytes = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt32.self)))
    let kindWord = UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
    let bodyBytes = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
    guard kindWord < 256, let kind = Frame.Kind(rawValue: UInt8(kindWord)) else {
      throw ByteError(offset: 4, "a frame of the unknown kind \(kindWord)")
    }
    if headBytes > headLimit {
      throw ByteError(offset: 0, "a frame with a head of \(headBytes) bytes, at most \(headLimit) are allowed")
    }
    let allowed = kind.hasBody ? bodyLimit : 0
    if bodyBytes > UInt64(allowed) {
      throw ByteError(offset: 8, "a frame with a body of \(bodyBytes) bytes, at most \(allowed) are allowed")
    }
    guard bytes.count - Frame.prefixBytes >= headBytes else { return (.nothing, 0) }
    let end = Frame.prefixBytes + headBytes
    let head = [UInt8](bytes[Frame.prefixBytes..<end])
    switch kind {
    case .messages: return (.messages(head), end)
    case .answer: return (.answer(head), end)
    case .offer: return (.offer(head: head, bodyBytes: Int(bodyBytes)), end)
    case .data:
      bodyRemaining = Int(bodyBytes)
      return (.data(head: head, bodyBytes: Int(bodyBytes)), end)
    case .rest:
      if headBytes > 0 { throw ByteError(offset: 0, "the rest of a body with a head of \(headBytes) bytes") }
      bodyRemaining = Int(bodyBytes)
      return (.rest(Int(bodyBytes)), end)
    }
  }
}
