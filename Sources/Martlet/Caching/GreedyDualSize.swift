import MartletBytes

/// Things by their key within a budget of bytes, where those go first that are cheap to have again for the room that they
/// take, and were not used for long.
///
/// GreedyDual-Size (Cao and Irani, Cost-Aware WWW Proxy Caching Algorithms, USENIX Symposium on Internet Technologies and
/// Systems, 1997): a thing has the priority *L* + cost / bytes, given when it comes and anew whenever it is used; the one
/// with the lowest priority goes, and *L* becomes that priority. So what is not used ages by *L* growing under it, and
/// with equal costs a byte this is LRU. Of equal priorities the one that was not used for longest goes.
///
/// An indexed heap: O(log count) for a use, an insertion and a removal.
struct GreedyDualSize<Value> {
  /// Bytes that all things may take together.
  let budget: Int
  /// Bytes that they take.
  private(set) var bytes = 0
  /// Things that went because of the budget.
  private(set) var evictions = 0
  /// The highest priority of a thing that went: *L*.
  private(set) var inflation = 0.0

  private var slots: [Slot] = []
  private var freeSlots: [Int] = []
  /// Slots, the one that goes first at the top.
  private var heap: [Int] = []
  private var slotOf: [Digest128: Int] = [:]
  private var uses: UInt64 = 0

  private struct Slot {
    var key: Digest128
    var value: Value?
    var bytes: Int
    /// Seconds a byte.
    var worth: Double
    var priority: Double
    /// Counts uses of all things: when this one was used last.
    var lastUse: UInt64
    /// Its place in the heap.
    var place: Int
  }

  init(budget: Int) { self.budget = max(0, budget) }

  var count: Int { heap.count }

  /// What `cost` seconds for `bytes` are worth: finite and not negative, whatever they say.
  static func worth(seconds: Double, bytes: Int) -> Double {
    guard seconds > 0 else { return 0 }
    return min(seconds, 1e9) / Double(max(1, bytes))
  }

  /// The thing with this key, which is used by that.
  mutating func use(_ key: Digest128) -> Value? {
    guard let slot = slotOf[key] else { return nil }
    touch(slot)
    siftDown(slots[slot].place)
    return slots[slot].value
  }

  /// Keeps `value` instead of what had its key, and drops what no longer fits: perhaps `value` itself.
  ///
  /// - Returns: What was dropped, for its end to be outside of any lock.
  mutating func insert(_ value: Value, for key: Digest128, bytes: Int, seconds: Double) -> [Value] {
    var dropped: [Value] = []
    if let old = remove(key) { dropped.append(old) }
    guard bytes <= budget else {
      evictions += 1
      return dropped + [value]
    }
    let new = Slot(
      key: key, value: value, bytes: bytes, worth: GreedyDualSize.worth(seconds: seconds, bytes: bytes), priority: 0,
      lastUse: 0, place: heap.count)
    let slot: Int
    if let free = freeSlots.popLast() {
      slot = free
      slots[slot] = new
    } else {
      slot = slots.count
      slots.append(new)
    }
    touch(slot)
    heap.append(slot)
    slotOf[key] = slot
    self.bytes += bytes
    siftUp(heap.count - 1)
    while self.bytes > budget, let first = heap.first {
      inflation = max(inflation, slots[first].priority)
      evictions += 1
      if let value = remove(slots[first].key) { dropped.append(value) }
    }
    return dropped
  }

  /// Takes the thing with this key out.
  mutating func remove(_ key: Digest128) -> Value? {
    guard let slot = slotOf.removeValue(forKey: key) else { return nil }
    let place = slots[slot].place
    let last = heap.removeLast()
    if last != slot {
      heap[place] = last
      slots[last].place = place
      siftUp(place)
      siftDown(slots[last].place)
    }
    bytes -= slots[slot].bytes
    freeSlots.append(slot)
    defer { slots[slot].value = nil }
    return slots[slot].value
  }

  /// Takes all out; what was learnt about ageing is forgotten.
  mutating func removeAll() -> [Value] {
    let values = heap.compactMap { slots[$0].value }
    let evictions = evictions
    self = GreedyDualSize(budget: budget)
    self.evictions = evictions
    return values
  }

  private mutating func touch(_ slot: Int) {
    uses &+= 1
    slots[slot].lastUse = uses
    slots[slot].priority = inflation + slots[slot].worth
  }

  // MARK: The heap

  private func goesBefore(_ left: Int, _ right: Int) -> Bool {
    let (a, b) = (slots[left].priority, slots[right].priority)
    return a != b ? a < b : slots[left].lastUse < slots[right].lastUse
  }

  private mutating func siftUp(_ start: Int) {
    var place = start
    let slot = heap[place]
    while place > 0 {
      let above = (place - 1) / 2
      guard goesBefore(slot, heap[above]) else { break }
      put(heap[above], at: place)
      place = above
    }
    put(slot, at: place)
  }

  private mutating func siftDown(_ start: Int) {
    var place = start
    let slot = heap[place]
    while true {
      var below = 2 * place + 1
      guard below < heap.count else { break }
      if below + 1 < heap.count, goesBefore(heap[below + 1], heap[below]) { below += 1 }
      guard goesBefore(heap[below], slot) else { break }
      put(heap[below], at: place)
      place = below
    }
    put(slot, at: place)
  }

  private mutating func put(_ slot: Int, at place: Int) {
    heap[place] = slot
    slots[slot].place = place
  }
}
