/// Which known name a mistyped one probably meant.
package enum EditDistance {
  /// The nearest of `names`, first of equals; nil when none is near. Case counts less than a letter.
  package static func nearest(to name: String, among names: [String]) -> String? {
    let wanted = Array(name.lowercased().unicodeScalars.prefix(200))
    var best: String?
    var bestCost = max(1, min(3, wanted.count / 2)) + 1
    for candidate in names {
      let letters = Array(candidate.lowercased().unicodeScalars.prefix(200))
      guard abs(letters.count - wanted.count) < bestCost else { continue }
      let cost = distance(wanted, letters)
      if cost < bestCost {
        best = candidate
        bestCost = cost
      }
    }
    return best
  }

  /// Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment) that make `b` of `a`.
  static func distance(_ a: [Unicode.Scalar], _ b: [Unicode.Scalar]) -> Int {
    var beforeLast: [Int] = []
    var last = Array(0...b.count)
    for i in a.indices {
      var row = [i + 1] + Array(repeating: 0, count: b.count)
      for j in b.indices {
        row[j + 1] = min(last[j] + (a[i] == b[j] ? 0 : 1), last[j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] { row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1) }
      }
      beforeLast = last
      last = row
    }
    return last[b.count]
  }
}
