/// A binary heap of numbers that sort by a key: the smallest key first, and of equal keys the smallest number.
struct Heap<Key: Comparable & Sendable>: Sendable {
  private var entries: [(key: Key, number: UInt32)] = []

  var count: Int { entries.count }
  var isEmpty: Bool { entries.isEmpty }
  var first: (key: Key, number: UInt32)? { entries.first }

  /// An entry that is among the next that are taken; the place is one of its tree.
  func entry(at place: Int) -> UInt32? { place < entries.count ? entries[place].number : nil }

  mutating func push(_ key: Key, _ number: UInt32) {
    entries.append((key, number))
    var place = entries.count - 1
    while place > 0, entries[place] < entries[(place - 1) / 2] {
      entries.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  mutating func pop() -> (key: Key, number: UInt32)? {
    guard let top = entries.first else { return nil }
    let last = entries.removeLast()
    if entries.isEmpty { return top }
    entries[0] = last
    var place = 0
    while true {
      var least = place
      for child in [2 * place + 1, 2 * place + 2] where child < entries.count && entries[child] < entries[least] {
        least = child
      }
      if least == place { return top }
      entries.swapAt(place, least)
      place = least
    }
  }
}
