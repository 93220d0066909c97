/// Stable sorting by an unsigned 64-bit key: insertion for a few elements, else least-significant-digit radix sort over
/// the bits that differ at all.
///
/// - Parameters:
///   - elements: Sorted in place.
///   - scratch: Room for as many elements.
///   - key: Inlined; called a few times an element.
/// - Complexity: O(count) times the number of digits that differ.
@inline(__always)
func radixSort<Element: BitwiseCopyable>(
  _ elements: UnsafeMutablePointer<Element>, scratch: UnsafeMutablePointer<Element>, count: Int,
  key: (Element) -> UInt64
) {
  if count <= 32 {
    var sorted = 1
    while sorted < count {
      let element = elements[sorted]
      let elementKey = key(element)
      var hole = sorted
      while hole > 0 && key(elements[hole &- 1]) > elementKey {
        elements[hole] = elements[hole &- 1]
        hole &-= 1
      }
      elements[hole] = element
      sorted &+= 1
    }
    return
  }
  let first = key(elements[0])
  var differing: UInt64 = 0
  for index in 0..<count { differing |= key(elements[index]) ^ first }
  if differing == 0 { return }
  let digitBits = count >= 1 << 15 ? 11 : 8
  let digitMask = (UInt64(1) &<< UInt64(digitBits)) &- 1
  withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 1 << digitBits) { starts in
    let starts = starts.baseAddress!
    var from = elements
    var to = scratch
    while differing != 0 {
      let shift = UInt64(differing.trailingZeroBitCount)
      starts.initialize(repeating: 0, count: 1 << digitBits)
      for index in 0..<count { starts[Int((key(from[index]) &>> shift) & digitMask)] &+= 1 }
      var sum: UInt32 = 0
      for digit in 0..<1 << digitBits {
        let size = starts[digit]
        starts[digit] = sum
        sum &+= size
      }
      for index in 0..<count {
        let element = from[index]
        let digit = Int((key(element) &>> shift) & digitMask)
        to[Int(starts[digit])] = element
        starts[digit] &+= 1
      }
      swap(&from, &to)
      differing &= ~(digitMask &<< shift)
    }
    if from != elements { elements.update(from: from, count: count) }
  }
}

/// Order-preserving map of a signed key to `radixSort`'s unsigned one.
@inline(__always)
func unsignedOrder(_ value: Int64) -> UInt64 { UInt64(bitPattern: value) ^ (1 << 63) }
