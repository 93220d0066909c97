#if canImport(Glibc)
  import Glibc
#endif

/// Bytes that stay where they are for as long as the store lives: long keys, and texts that are some group's minimum.
///
/// Every text is followed by at least 16 readable bytes. Not thread safe while it grows.
final class TextStore {
  private var slabs: [UnsafeMutableRawPointer] = []
  private var next: UnsafeMutableRawPointer?
  private var left = 0
  private(set) var residentBytes = 0

  deinit { for slab in slabs { slab.deallocate() } }

  /// Room for `count` bytes.
  func allocate(_ count: Int) -> UnsafeMutablePointer<UInt8> {
    let needed = count + 16
    if needed > left {
      let size = max(needed, min(1 << 20, max(1 << 12, residentBytes)))
      let slab = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 16)
      slabs.append(slab)
      residentBytes += size
      next = slab
      left = size
    }
    let address = next!
    // The readable tail of one text may be the next one's beginning.
    next = address + count
    left -= count
    return address.assumingMemoryBound(to: UInt8.self)
  }

  func copy(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> UnsafeMutablePointer<UInt8> {
    let address = allocate(count)
    address.update(from: bytes, count: count)
    return address
  }
}

/// Texts by their bytes, a prefix before what it begins: negative, zero or positive.
@inline(__always)
func compareTexts(
  _ left: UnsafePointer<UInt8>, _ leftCount: Int, _ right: UnsafePointer<UInt8>, _ rightCount: Int
) -> Int {
  let order = memcmp(left, right, min(leftCount, rightCount))
  return order != 0 ? Int(order) : leftCount &- rightCount
}

@inline(__always)
func compareTexts(_ left: UnsafeBufferPointer<UInt8>, _ right: UnsafeBufferPointer<UInt8>) -> Int {
  guard let leftBytes = left.baseAddress, let rightBytes = right.baseAddress else { return left.count - right.count }
  return compareTexts(leftBytes, left.count, rightBytes, right.count)
}
