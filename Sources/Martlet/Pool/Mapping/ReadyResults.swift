/// Results that nobody has taken yet.
struct ReadyResults<Value: Sendable> {
  let order: ResultOrder
  /// As they came, for `.asCompleted`.
  private var queue: [IndexedResult<Value>] = []
  private var head = 0
  /// By position modulo capacity, for `.ofElements`.
  private var ring: [Value?] = []
  private(set) var count = 0
  /// Results that were taken.
  private(set) var taken = 0
  let capacity: Int

  init(order: ResultOrder, capacity: Int) {
    self.order = order
    self.capacity = capacity
    if order == .ofElements { ring = Array(repeating: nil, count: capacity) }
  }

  mutating func append(_ result: IndexedResult<Value>) {
    count += 1
    if order == .asCompleted {
      queue.append(result)
    } else {
      ring[result.index % capacity] = result.value
    }
  }

  mutating func popFirst() -> IndexedResult<Value>? {
    guard count > 0 else { return nil }
    if order == .asCompleted {
      let result = queue[head]
      head += 1
      // What was taken stays in the queue until that is half of it, so that taking one costs the same on average.
      if head == queue.count || head > 32 && head * 2 > queue.count {
        queue.removeFirst(head)
        head = 0
      }
      count -= 1
      taken += 1
      return result
    }
    guard let value = ring[taken % capacity].take() else { return nil }
    defer { taken += 1 }
    count -= 1
    return IndexedResult(index: taken, value: value)
  }

  mutating func removeAll() {
    self = ReadyResults(order: order, capacity: capacity)
  }
}
