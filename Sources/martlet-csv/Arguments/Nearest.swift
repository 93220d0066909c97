import MartletTable

/// Finds what somebody may have meant.
enum Nearest {
  /// The one of `names` that begins with `word`, when there is one alone, else the one with the fewest letters wrong;
  /// nil when none is near.
  static func name(to word: String, among names: [String]) -> String? {
    let word = word.lowercased()
    let longer = names.filter { word.count >= 2 && $0.hasPrefix(word) }
    return longer.count == 1 ? longer[0] : EditDistance.nearest(to: word, among: names)
  }
}
