#if canImport(Glibc)
  import Glibc
#endif

/// A text prepared for being looked for in others.
struct TextNeedle {
  private let start: UnsafePointer<UInt8>
  let count: Int
  /// The first byte, eight times.
  private let firsts: UInt64
  /// The first bytes, up to eight, and a mask of as many.
  private let head: UInt64
  private let mask: UInt64

  /// At least 16 bytes from `start` may be read.
  @inline(__always)
  init(_ start: UnsafePointer<UInt8>, _ count: Int) {
    self.start = start
    self.count = count
    firsts = 0x0101_0101_0101_0101 &* UInt64(start[0])
    mask = count >= 8 ? .max : ~(UInt64.max &<< UInt64(truncatingIfNeeded: count &* 8))
    head = UnsafeRawPointer(start).loadUnaligned(as: UInt64.self) & mask
  }

  /// The first byte, not before `from`, at which it stands in `text`; nil where it does not. The empty one stands
  /// everywhere.
  ///
  /// Looks at eight places at once; in long texts libc's search for the first byte is faster. At least 16 bytes from
  /// `text` may be read.
  @inline(__always)
  func find(in text: UnsafePointer<UInt8>, _ length: Int, from: Int = 0) -> Int? {
    guard count > 0 else { return from }
    let last = length &- count
    if last < from { return nil }
    if length > 64 { return findInLong(text, last, from) }
    let sevens: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    var index = from
    while index <= last {
      let different = Self.word(text, index, length) ^ firsts
      // Exactly the bytes that are zero, by their high bits.
      var hits = ~(((different & sevens) &+ sevens) | different | sevens)
      while hits != 0 {
        let place = index &+ hits.trailingZeroBitCount / 8
        if place > last { return nil }
        if Self.word(text, place, length) & mask == head, count <= 8 || memcmp(text + place, start, count) == 0 {
          return place
        }
        hits &= hits &- 1
      }
      index &+= 8
    }
    return nil
  }

  /// Eight bytes from `index` on, zeros for those that may not be read.
  @inline(__always)
  private static func word(_ text: UnsafePointer<UInt8>, _ index: Int, _ length: Int) -> UInt64 {
    let readable = max(length, 16)
    if index &+ 8 <= readable {
      return UnsafeRawPointer(text).loadUnaligned(fromByteOffset: index, as: UInt64.self)
    }
    let tail = UnsafeRawPointer(text).loadUnaligned(fromByteOffset: readable &- 8, as: UInt64.self)
    return tail &>> UInt64(truncatingIfNeeded: (index &+ 8 &- readable) &* 8)
  }

  private func findInLong(_ text: UnsafePointer<UInt8>, _ last: Int, _ from: Int) -> Int? {
    var index = from
    while index <= last {
      guard let hit = memchr(text + index, Int32(start[0]), last &- index &+ 1) else { return nil }
      index = UnsafeRawPointer(hit) - UnsafeRawPointer(text)
      if memcmp(text + index, start, count) == 0 { return index }
      index &+= 1
    }
    return nil
  }
}
