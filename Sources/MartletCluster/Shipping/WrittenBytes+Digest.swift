import MartletBytes

extension WrittenBytes {
  /// The key that a constant of this type with these bytes has, wherever they lie: as `GraphBuilder.hasher(ofLiteral:_:)` makes it of
  /// bytes in one piece, without making one of them.
  func literalDigest(_ type: String) -> Digest128 {
    var hasher = StableHasher()
    hasher.combine("martlet.literal")
    hasher.combine(type)
    hasher.combine(UInt64(byteCount))
    // Words go across the ends of pieces: `word` has the first `filled` bytes of the next one.
    var word: UInt64 = 0
    var filled: UInt64 = 0
    for piece in pieces {
      var offset = 0
      while offset &+ 8 <= piece.count {
        let next = UInt64(littleEndian: piece.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        hasher.combine(word | next &<< (8 &* filled))
        word = filled == 0 ? 0 : next &>> (64 &- 8 &* filled)
        offset &+= 8
      }
      while offset < piece.count {
        word |= UInt64(piece[offset]) &<< (8 &* filled)
        filled &+= 1
        offset &+= 1
        if filled < 8 { continue }
        hasher.combine(word)
        word = 0
        filled = 0
      }
    }
    if filled > 0 { hasher.combine(word) }
    return hasher.digest()
  }
}
