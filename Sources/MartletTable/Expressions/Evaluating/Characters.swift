/// Characters of UTF-8 text: code points. A byte that is no valid UTF-8 counts as a character of its own and is kept.
enum Characters {
  /// The bytes of the character at `text`, of which `count` > 0 bytes are left.
  @inline(__always)
  static func length(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let lead = text[0]
    if lead < 0x80 { return 1 }
    return lengthBeyondASCII(text, count)
  }

  static func lengthBeyondASCII(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
    let lead = text[0]
    let size = lead >= 0xC2 && lead < 0xE0 ? 2 : (lead & 0xF0 == 0xE0 ? 3 : (lead >= 0xF0 && lead < 0xF5 ? 4 : 1))
    guard size > 1, size <= count else { return 1 }
    for index in 1..<size where text[index] & 0xC0 != 0x80 { return 1 }
    switch lead {
    case 0xE0: return text[1] >= 0xA0 ? 3 : 1
    case 0xED: return text[1] < 0xA0 ? 3 : 1
    case 0xF0: return text[1] >= 0x90 ? 4 : 1
    case 0xF4: return text[1] < 0x90 ? 4 : 1
    default: return size
    }
  }

  /// The code point of a valid character of `size` bytes; nil for a byte that is no UTF-8.
  static func scalar(_ text: UnsafePointer<UInt8>, _ size: Int) -> Unicode.Scalar? {
    switch size {
    case 1: return text[0] < 0x80 ? Unicode.Scalar(text[0]) : nil
    case 2: return Unicode.Scalar(UInt32(text[0] & 0x1F) << 6 | UInt32(text[1] & 0x3F))
    case 3:
      return Unicode.Scalar(UInt32(text[0] & 0x0F) << 12 | UInt32(text[1] & 0x3F) << 6 | UInt32(text[2] & 0x3F))
    default:
      return Unicode.Scalar(
        UInt32(text[0] & 0x07) << 18 | UInt32(text[1] & 0x3F) << 12 | UInt32(text[2] & 0x3F) << 6
          | UInt32(text[3] & 0x3F))
    }
  }

  @inline(__always)
  static func isASCII(_ text: UnsafePointer<UInt8>, _ count: Int) -> Bool {
    var index = 0
    var all: UInt64 = 0
    while index &+ 8 <= count {
      all |= UnsafeRawPointer(text).loadUnaligned(fromByteOffset: index, as: UInt64.self)
      index &+= 8
    }
    var rest: UInt8 = 0
    while index < count {
      rest |= text[index]
      index &+= 1
    }
    return all & 0x8080_8080_8080_8080 == 0 && rest < 0x80
  }

  /// How many characters the text has.
  @inline(__always)
  static func count(_ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
    if isASCII(text, count) { return count }
    var characters = 0
    var index = 0
    while index < count {
      index &+= length(text + index, count &- index)
      characters &+= 1
    }
    return characters
  }

  /// The byte at which character `number` (from 0) begins, at most `count`.
  static func offset(of number: Int, _ text: UnsafePointer<UInt8>, _ count: Int) -> Int {
    var left = number
    var index = 0
    while left > 0, index < count {
      index &+= length(text + index, count &- index)
      left &-= 1
    }
    return index
  }
}
