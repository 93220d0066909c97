/// First in, first out. Amortised constant time at both ends.
struct Fifo<Element: Sendable>: Sendable {
  private var items: [Element] = []
  private var head = 0

  var count: Int { items.count - head }
  var isEmpty: Bool { head == items.count }
  var first: Element? { isEmpty ? nil : items[head] }
  /// From the oldest to the newest.
  var all: ArraySlice<Element> { items[head...] }

  mutating func append(_ element: Element) { items.append(element) }

  mutating func popFirst() -> Element? {
    guard let first else { return nil }
    head += 1
    // What was taken is let go when it is half of what is held.
    if head * 2 >= items.count {
      items.removeFirst(head)
      head = 0
    }
    return first
  }

  /// Removes those for which `isOne` holds. O(n).
  mutating func removeAll(where isOne: (Element) -> Bool) {
    items.removeFirst(head)
    head = 0
    items.removeAll(where: isOne)
  }
}
