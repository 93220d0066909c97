/// Numbers of which the lowest comes first: a binary heap.
struct ReadyHeap {
  private var entries: [UInt64] = []

  var count: Int { entries.count }
  var isEmpty: Bool { entries.isEmpty }
  /// The lowest.
  var first: UInt64? { entries.first }

  mutating func insert(_ entry: UInt64) {
    entries.append(entry)
    var place = entries.count - 1
    while place > 0 {
      let above = (place - 1) / 2
      if entries[above] <= entry { break }
      entries[place] = entries[above]
      place = above
    }
    entries[place] = entry
  }

  /// Takes the lowest. There is one.
  mutating func removeFirst() -> UInt64 {
    let first = entries[0]
    let entry = entries.removeLast()
    let count = entries.count
    if count == 0 { return first }
    var place = 0
    while true {
      var child = 2 * place + 1
      if child >= count { break }
      if child + 1 < count, entries[child + 1] < entries[child] { child += 1 }
      if entries[child] >= entry { break }
      entries[place] = entries[child]
      place = child
    }
    entries[place] = entry
    return first
  }

  mutating func removeAll() { entries = [] }
}
