/// Small results that the scheduler keeps, by place; the places are in the tasks' records.
struct InlineResults: Sendable {
  private var results: [[UInt8]] = []
  private var free: [UInt32] = []
  /// Bytes of all.
  private(set) var bytes = 0

  /// No result.
  static let none = UInt32.max

  var count: Int { results.count - free.count }

  subscript(place: UInt32) -> [UInt8]? { place == InlineResults.none ? nil : results[Int(place)] }

  mutating func add(_ result: [UInt8]) -> UInt32 {
    bytes += result.count
    if let place = free.popLast() {
      results[Int(place)] = result
      return place
    }
    results.append(result)
    return UInt32(results.count - 1)
  }

  mutating func remove(_ place: UInt32) {
    bytes -= results[Int(place)].count
    results[Int(place)] = []
    free.append(place)
  }
}
