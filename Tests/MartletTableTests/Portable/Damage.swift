import MartletBytes
import TestSupport

/// Bytes that somebody has spoilt: cut short, with other bits, with other numbers, or with pieces of themselves.
struct Damage {
  private var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func damaged(_ bytes: [UInt8]) -> [UInt8] {
    var bytes = bytes
    if bytes.isEmpty { return [UInt8(truncatingIfNeeded: random.next())] }
    switch random.below(8) {
    case 0: bytes.removeLast(1 + random.below(bytes.count))
    case 1: bytes += (0..<1 + random.below(9)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    case 2:
      let place = random.below(bytes.count)
      let extreme: [UInt8] = random.pick([
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], [0, 0, 0, 0, 0, 0, 0, 0x80], [0xff, 0xff, 0xff, 0xff],
        [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01], [0xff, 0xff, 0xff, 0xff, 0x0f],
      ])
      for (offset, byte) in extreme.enumerated() where place + offset < bytes.count { bytes[place + offset] = byte }
    case 3:
      let from = random.below(bytes.count)
      bytes.removeSubrange(from..<min(bytes.count, from + 1 + random.below(9)))
    default:
      for _ in 0...random.below(3) { bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8)) }
    }
    return bytes
  }
}

extension PortableValue {
  /// The value as another process gets it.
  func sent() throws -> Self { try Self(portableBytes: checkedPortableBytes()) }
}
