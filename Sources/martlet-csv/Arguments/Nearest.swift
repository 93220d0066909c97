/// Finds what somebody may have meant.
enum Nearest {
  /// The one of `names` that is closest to `word`, or nil when none is close.
  ///
  /// Close is: one begins with the other, or at most a third of the letters (two of short words' four) differ.
  static func name(to word: String, among names: [String]) -> String? {
    guard !word.isEmpty else { return nil }
    let word = Array(word.lowercased().utf8)
    var best: (name: String, distance: Int)?
    for name in names {
      let letters = Array(name.lowercased().utf8)
      var distance = editDistance(word, letters)
      if word.count >= 2, letters.starts(with: word) { distance = min(distance, 1) }
      let limit = max(1, (max(word.count, letters.count) + 1) / 3)
      if distance <= limit, distance < best?.distance ?? .max { best = (name, distance) }
    }
    return best?.name
  }

  /// Insertions, deletions, replacements and swaps of neighbours that turn `a` into `b` (optimal string alignment).
  static func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: b.count + 1)
    var last = Array(0...b.count)
    var row = last
    for i in 0..<a.count {
      row[0] = i + 1
      for j in 0..<b.count {
        var cost = min(last[j] + (a[i] == b[j] ? 0 : 1), min(row[j] + 1, last[j + 1] + 1))
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { cost = min(cost, beforeLast[j - 1] + 1) }
        row[j + 1] = cost
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
