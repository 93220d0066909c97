/// The shape in which partial results are merged: thirty-two neighbours at a time, level by level.
///
/// The shape depends on the number of partitions alone, so that a sum of doubles has the same rounding on one thread
/// and on many, whether the number was known beforehand (a file) or not (a pipe).
package struct MergeTree<Part> {
  /// How many parts are merged at once.
  package static var fanIn: Int { 32 }

  /// By level: the parts that wait for their neighbours.
  private var levels: [[Part]] = []

  package init() {}

  /// Adds the next part; merges where thirty-two neighbours are together.
  package mutating func append(_ part: Part, merge: ([Part]) throws -> Part) rethrows {
    var carry = part
    var level = 0
    while true {
      if level == levels.count { levels.append([]) }
      levels[level].append(carry)
      guard levels[level].count == Self.fanIn else { return }
      carry = try merge(levels[level])
      levels[level].removeAll(keepingCapacity: true)
      level += 1
    }
  }

  /// Adds the next part and merges nothing: every part stays by itself.
  package mutating func appendUnmerged(_ part: Part) {
    if levels.isEmpty { levels.append([]) }
    levels[0].append(part)
  }

  /// What was not merged, in the order of the input.
  package var parts: [Part] { levels.reversed().flatMap { $0 } }

  /// The same tree with every part replaced.
  package func map<Other>(_ transform: (Part) throws -> Other) rethrows -> MergeTree<Other> {
    var other = MergeTree<Other>()
    other.levels = try levels.map { try $0.map(transform) }
    return other
  }
}
