/// A number below `count` that a seed gives: the upper half of a product.
@inline(__always)
func drawn(_ seed: UInt64, below count: Int) -> Int {
  Int(truncatingIfNeeded: ((mixed(seed) &>> 32) &* UInt64(count)) &>> 32)
}

/// Spreads a number over all bits: Stafford's mix 13.
@inline(__always)
func mixed(_ number: UInt64) -> UInt64 {
  var word = number &+ 0x9e37_79b9_7f4a_7c15
  word = (word ^ (word &>> 30)) &* 0xbf58_476d_1ce4_e5b9
  word = (word ^ (word &>> 27)) &* 0x94d0_49bb_1331_11eb
  return word ^ (word &>> 31)
}
