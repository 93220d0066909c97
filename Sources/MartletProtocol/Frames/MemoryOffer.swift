package import MartletBytes

/// What stands in front of the head of an offer: where the body lies in the sender's memory.
///
/// A few bytes with it prove to who reads them there that it reads from the sender. Addresses are not looked at here.
package struct MemoryOffer: Equatable, Sendable {
  /// A piece of the body.
  package struct Piece: Equatable, Sendable {
    package var address: UInt64
    package var count: Int

    package init(address: UInt64, count: Int) {
      self.address = address
      self.count = count
    }
  }

  /// Bytes of a token.
  package static let tokenBytes = 16
  /// Pieces of one body: as many as a value of `ByteSegment.most` segments has, and the bytes between them.
  package static let mostPieces = 2 * ByteSegment.most + 1
  /// Shorter bodies are sent: an answer takes as long as they do. A guess: 4 MiB are read in a millisecond.
  package static let leastBytes = 4 << 20

  package var tokenAddress: UInt64
  package var token: [UInt8]
  /// In the order of the body.
  package var pieces: [Piece]

  package init(tokenAddress: UInt64, token: [UInt8], pieces: [Piece]) {
    self.tokenAddress = tokenAddress
    self.token = token
    self.pieces = pieces
  }

  /// The bytes of the offer, with `head` behind them.
  package func bytes(before head: [UInt8]) -> [UInt8] {
    var writer = ByteWriter(capacity: 32 + 16 * pieces.count + head.count)
    writer.write(tokenAddress)
    token.withUnsafeBytes { writer.write(raw: $0) }
    writer.write(varint: UInt64(pieces.count))
    for piece in pieces {
      writer.write(piece.address)
      writer.write(UInt64(piece.count))
    }
    head.withUnsafeBytes { writer.write(raw: $0) }
    return writer.takeBytes()
  }

  /// The offer at the beginning of a frame's head, and the head of the data behind it.
  ///
  /// - Throws: `ByteError` when it is none, or its pieces are not the `bodyBytes` that the frame announces.
  package static func read(_ bytes: [UInt8], bodyBytes: Int) throws(ByteError) -> (MemoryOffer, head: [UInt8]) {
    var reader = ByteReader(bytes)
    let tokenAddress: UInt64 = try reader.read()
    let token = try reader.readRaw(tokenBytes) { [UInt8]($0) }
    let count = try reader.readCount(elementBytes: 16)
    guard count > 0, count <= mostPieces else {
      throw ByteError(offset: reader.offset, "an offer of \(count) pieces, at most \(mostPieces) are allowed")
    }
    var pieces: [Piece] = []
    pieces.reserveCapacity(count)
    var rest = bodyBytes
    for _ in 0..<count {
      let address: UInt64 = try reader.read()
      let pieceBytes: UInt64 = try reader.read()
      guard pieceBytes > 0, pieceBytes <= UInt64(rest), address <= UInt64.max - pieceBytes else {
        throw ByteError(offset: reader.offset, "a piece of \(pieceBytes) bytes where \(rest) are missing")
      }
      rest -= Int(pieceBytes)
      pieces.append(Piece(address: address, count: Int(pieceBytes)))
    }
    if rest != 0 { throw ByteError(offset: reader.offset, "an offer without the last \(rest) bytes") }
    return (
      MemoryOffer(tokenAddress: tokenAddress, token: token, pieces: pieces), [UInt8](bytes[reader.offset...])
    )
  }
}

/// The head of an answer: what became of the offer that stands first, of the side to which the answer goes.
package enum MemoryAnswer: Equatable, Sendable {
  /// So many bytes were read; the reader goes on.
  case taken(Int)
  /// The reader is through with it: nothing of the body is to follow, and its memory may change.
  case done
  /// It cannot be read: the body is to follow from this byte on.
  case refused(at: Int)

  /// A byte that says which, and the count of bytes.
  package var bytes: [UInt8] {
    var writer = ByteWriter(capacity: 9)
    let (tag, count) =
      switch self {
      case .taken(let count): (UInt8(0), count)
      case .done: (UInt8(1), 0)
      case .refused(let count): (UInt8(2), count)
      }
    writer.write(byte: tag)
    writer.write(UInt64(count))
    return writer.takeBytes()
  }

  /// - Throws: `ByteError` when the bytes are no answer.
  package init(_ bytes: [UInt8]) throws(ByteError) {
    var reader = ByteReader(bytes)
    let tag = try reader.readByte()
    let count: UInt64 = try reader.read()
    guard count < 1 << 56, reader.remaining == 0 else { throw ByteError(offset: 1, "an answer about \(count) bytes") }
    switch tag {
    case 0: self = .taken(Int(count))
    case 1: self = .done
    case 2: self = .refused(at: Int(count))
    default: throw ByteError(offset: 0, "an answer of the unknown kind \(tag)")
    }
  }
}
