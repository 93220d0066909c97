/// Texts that many tasks share, numbered. A text is forgotten with the last task that uses it, so the table is as large as
/// what is known now, whatever came and went.
struct Names {
  private var texts: [String] = []
  private var uses: [Int] = []
  private var free: [UInt32] = []
  // Only looked up, never walked.
  private var numbers: [String: UInt32] = [:]
  private var last: UInt32 = 0

  /// No text.
  static let none = UInt32.max

  /// The number of a text, counted as one use more.
  mutating func use(_ text: String) -> UInt32 {
    // Mostly the same as before, which is seen without hashing.
    if Int(last) < texts.count, uses[Int(last)] > 0, texts[Int(last)] == text {
      uses[Int(last)] += 1
      return last
    }
    if let known = numbers[text] {
      uses[Int(known)] += 1
      last = known
      return known
    }
    let number: UInt32
    if let old = free.popLast() {
      number = old
      texts[Int(old)] = text
      uses[Int(old)] = 1
    } else {
      number = UInt32(texts.count)
      texts.append(text)
      uses.append(1)
    }
    numbers[text] = number
    last = number
    return number
  }

  /// One use more of a number.
  mutating func use(_ number: UInt32) { uses[Int(number)] += 1 }

  /// One use less.
  mutating func leave(_ number: UInt32) {
    uses[Int(number)] -= 1
    guard uses[Int(number)] == 0 else { return }
    numbers[texts[Int(number)]] = nil
    texts[Int(number)] = ""
    free.append(number)
  }

  /// Whether the number stands for a text.
  func isUsed(_ number: UInt32) -> Bool { Int(number) < uses.count && uses[Int(number)] > 0 }

  subscript(number: UInt32) -> String { texts[Int(number)] }

  /// The number of texts in use.
  var count: Int { texts.count - free.count }
}
