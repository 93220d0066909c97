/// A text in a group's row: address (0: none), length, and the room at that address, so that the next one may replace
/// it in place.
struct TextState {
  static let byteCount = 16

  var address: UInt
  var length: UInt32
  var room: UInt32

  @inline(__always)
  var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: UnsafePointer(bitPattern: address), count: Int(length))
  }

  /// Replaces the text. Room is taken in powers of two, so that a group whose text grows and grows wastes no more
  /// than what it holds.
  @inline(__always)
  mutating func assign(_ bytes: UnsafePointer<UInt8>, _ count: UInt32, in store: TextStore) {
    if address == 0 || count > room {
      let wanted = min(max(count, 16).nextPowerOfTwo, UInt(UInt32.max))
      room = UInt32(wanted)
      address = UInt(bitPattern: store.allocate(Int(wanted)))
    }
    UnsafeMutablePointer<UInt8>(bitPattern: address)!.update(from: bytes, count: Int(count))
    length = count
  }
}

extension UInt32 {
  fileprivate var nextPowerOfTwo: UInt { UInt(1) << UInt(UInt32.bitWidth - (self - 1).leadingZeroBitCount) }
}
