/// The arguments that the blocks of a layer share, numbered. Forgotten with the last kind of task that has them.
struct Prefixes: Sendable {
  private var prefixes: [[UInt8]] = []
  private var uses: [Int] = []
  private var free: [UInt32] = []
  // Only looked up, never walked.
  private var numbers: [[UInt8]: UInt32] = [:]

  var count: Int { prefixes.count - free.count }

  subscript(number: UInt32) -> [UInt8] { prefixes[Int(number)] }

  /// The number of some bytes, counted as one use more.
  mutating func use(_ bytes: [UInt8]) -> UInt32 {
    if let known = numbers[bytes] {
      uses[Int(known)] += 1
      return known
    }
    let number: UInt32
    if let old = free.popLast() {
      number = old
      prefixes[Int(old)] = bytes
      uses[Int(old)] = 1
    } else {
      number = UInt32(prefixes.count)
      prefixes.append(bytes)
      uses.append(1)
    }
    numbers[bytes] = number
    return number
  }

  mutating func use(_ number: UInt32) { uses[Int(number)] += 1 }

  mutating func leave(_ number: UInt32) {
    uses[Int(number)] -= 1
    guard uses[Int(number)] == 0 else { return }
    numbers[prefixes[Int(number)]] = nil
    prefixes[Int(number)] = []
    free.append(number)
  }
}
