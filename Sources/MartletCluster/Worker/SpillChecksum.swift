/// A checksum of a file's bytes: XXH64 (Yann Collet, xxhash.com, "XXH64 algorithm description"), seed 0. Finds damage, not
/// malice.
struct SpillChecksum {
  private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
  private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
  private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
  private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
  private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

  private var lanes = (
    SpillChecksum.prime1 &+ SpillChecksum.prime2, SpillChecksum.prime2, 0 as UInt64, 0 &- SpillChecksum.prime1
  )
  private var count = 0
  /// Bytes behind the last 32 that were worked on.
  private var rest: [UInt8] = []

  init() { rest.reserveCapacity(64) }

  /// The checksum of these bytes.
  static func of(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var sum = SpillChecksum()
    sum.add(bytes)
    return sum.value
  }

  /// Adds bytes behind those before.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    count &+= bytes.count
    var bytes = bytes
    if !rest.isEmpty {
      let missing = min(32 - rest.count, bytes.count)
      rest.append(contentsOf: bytes[..<missing])
      bytes = UnsafeRawBufferPointer(rebasing: bytes[missing...])
      if rest.count < 32 { return }
      rest.withUnsafeBytes { work($0) }
      rest.removeAll(keepingCapacity: true)
    }
    let whole = bytes.count & ~31
    work(UnsafeRawBufferPointer(rebasing: bytes[..<whole]))
    rest.append(contentsOf: bytes[whole...])
  }

  /// Works on bytes, a multiple of 32.
  private mutating func work(_ bytes: UnsafeRawBufferPointer) {
    var lanes = self.lanes
    var place = 0
    while place < bytes.count {
      lanes.0 = SpillChecksum.round(lanes.0, SpillChecksum.word(bytes, place))
      lanes.1 = SpillChecksum.round(lanes.1, SpillChecksum.word(bytes, place &+ 8))
      lanes.2 = SpillChecksum.round(lanes.2, SpillChecksum.word(bytes, place &+ 16))
      lanes.3 = SpillChecksum.round(lanes.3, SpillChecksum.word(bytes, place &+ 24))
      place &+= 32
    }
    self.lanes = lanes
  }

  /// The checksum of all bytes that were added.
  var value: UInt64 { rest.withUnsafeBytes { finish($0) } }

  private func finish(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
    var hash: UInt64
    if count >= 32 {
      hash = Self.rotate(lanes.0, 1) &+ Self.rotate(lanes.1, 7)
      hash = hash &+ Self.rotate(lanes.2, 12) &+ Self.rotate(lanes.3, 18)
      for lane in [lanes.0, lanes.1, lanes.2, lanes.3] { hash = Self.merge(hash, lane) }
    } else {
      hash = Self.prime5
    }
    hash = hash &+ UInt64(count)
    var place = 0
    while place + 8 <= bytes.count {
      hash = Self.rotate(hash ^ Self.round(0, Self.word(bytes, place)), 27) &* Self.prime1 &+ Self.prime4
      place += 8
    }
    if place + 4 <= bytes.count {
      let half = UInt64(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt32.self)))
      hash = Self.rotate(hash ^ (half &* Self.prime1), 23) &* Self.prime2 &+ Self.prime3
      place += 4
    }
    while place < bytes.count {
      hash = Self.rotate(hash ^ (UInt64(bytes[place]) &* Self.prime5), 11) &* Self.prime1
      place += 1
    }
    hash = (hash ^ (hash &>> 33)) &* Self.prime2
    hash = (hash ^ (hash &>> 29)) &* Self.prime3
    return hash ^ (hash &>> 32)
  }

  @inline(__always)
  private static func word(_ bytes: UnsafeRawBufferPointer, _ place: Int) -> UInt64 {
    UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
  }

  @inline(__always)
  private static func rotate(_ word: UInt64, _ count: UInt64) -> UInt64 { word &<< count | word &>> (64 - count) }

  @inline(__always)
  private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
    rotate(lane &+ (word &* prime2), 31) &* prime1
  }

  private static func merge(_ hash: UInt64, _ lane: UInt64) -> UInt64 {
    (hash ^ round(0, lane)) &* prime1 &+ prime4
  }
}
