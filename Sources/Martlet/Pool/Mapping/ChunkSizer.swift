/// How many elements the next piece of a call should have: some 100 µs of work, as far as its past tells.
struct ChunkSizer {
  /// What a piece should take: long beside what handing it over costs, short beside what anybody notices.
  static let nanoseconds = 100_000.0
  /// Pieces at the end of a call are made smaller than that, but not shorter than this.
  private static let leastNanoseconds = 5_000.0

  /// A number that the user gave.
  private let fixed: Int?
  /// Nanoseconds an element; 0 while unknown.
  private(set) var cost = 0.0
  private var last = 0

  init(fixed: Int?) { self.fixed = fixed.map { max(1, $0) } }

  /// Takes in what `count` elements took.
  mutating func record(_ count: Int, nanoseconds: Int) {
    guard count > 0 else { return }
    let sample = max(0.1, Double(nanoseconds) / Double(count))
    cost = cost == 0 ? sample : (cost + sample) / 2
  }

  /// - Parameters:
  ///   - remaining: Elements that are left; nil when nobody knows.
  ///   - lanes: Threads that share them.
  mutating func next(remaining: Int?, lanes: Int) -> Int {
    if let fixed { return fixed }
    guard cost > 0 else { return 1 }
    // A few cheap elements say little about the rest: grow by steps.
    var size = min(Int(min(ChunkSizer.nanoseconds / cost, 1e9)), max(1, last) * 8)
    if let remaining {
      let fair = remaining / (2 * lanes)
      size = min(size, max(fair, Int(min(ChunkSizer.leastNanoseconds / cost, 1e9))))
    }
    last = max(1, size)
    return last
  }
}
