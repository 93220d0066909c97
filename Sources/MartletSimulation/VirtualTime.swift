/// What will happen, by time; of what happens at one time the first that was planned comes first.
struct VirtualTime<Event: Sendable>: Sendable {
  private var heap: [(time: Int64, number: UInt64, event: Event)] = []
  private var lastNumber: UInt64 = 0
  /// Of the event that is now.
  private var number: UInt64 = 0
  /// Nanoseconds since the beginning.
  private(set) var now: Int64 = 0

  var isEmpty: Bool { heap.isEmpty }

  /// Plans an event, now or later.
  mutating func plan(_ event: Event, at time: Int64) {
    lastNumber += 1
    add(event, lastNumber, at: time)
  }

  /// Puts off the event that is now. It comes before all that was planned after it, even if that was put off to this time before.
  mutating func postpone(_ event: Event, to time: Int64) { add(event, number, at: time) }

  private mutating func add(_ event: Event, _ number: UInt64, at time: Int64) {
    heap.append((max(time, now), number, event))
    var place = heap.count - 1
    while place > 0, isBefore(place, (place - 1) / 2) {
      heap.swapAt(place, (place - 1) / 2)
      place = (place - 1) / 2
    }
  }

  /// The next event; its time is now.
  mutating func next() -> Event? {
    guard let first = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var place = 0
      while true {
        var least = place
        for child in [2 * place + 1, 2 * place + 2] where child < heap.count && isBefore(child, least) { least = child }
        if least == place { break }
        heap.swapAt(place, least)
        place = least
      }
    }
    now = first.time
    number = first.number
    return first.event
  }

  private func isBefore(_ left: Int, _ right: Int) -> Bool {
    (heap[left].time, heap[left].number) < (heap[right].time, heap[right].number)
  }
}
