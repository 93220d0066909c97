/// Tasks that wait for a worker, by priority; of equal ones the lower number first.
///
/// Tasks that come in the order of their priorities, as those of a new graph without inputs do, lie in a plain run: they cost
/// nothing to sort. The others are in a heap. Which of the two has the first is one comparison.
struct ReadyQueue: Sendable {
  private var run: [(key: UInt64, number: UInt32)] = []
  /// Where the run begins.
  private var head = 0
  private var heap = Heap<UInt64>()

  /// The number of entries, those of tasks that are no longer ready among them.
  var count: Int { run.count - head + heap.count }
  var isEmpty: Bool { head == run.count && heap.isEmpty }

  /// Tasks that are taken soon, as far as can be said without sorting: the one that is taken next or one of the next two, one of
  /// the next few, and ones of later. `turn` is another number each time, so that all have their turn.
  func upcoming(_ turn: Int) -> (next: UInt32?, soon: UInt32?, later: UInt32?, last: UInt32?) {
    if head < run.count, heap.first.map({ run[head] < $0 }) ?? true {
      func entry(_ distance: Int) -> UInt32? {
        head + distance < run.count ? run[head + distance].number : nil
      }
      return (entry(1), entry(3), entry(5), entry(8))
    }
    return (
      heap.entry(at: turn & 1), heap.entry(at: 1 + turn & 1), heap.entry(at: 3 + turn & 3),
      heap.entry(at: 7 + turn & 7)
    )
  }

  mutating func push(_ key: UInt64, _ number: UInt32) {
    if head < run.count, run[run.count - 1] > (key, number) { return heap.push(key, number) }
    run.append((key, number))
  }

  mutating func pop() -> (key: UInt64, number: UInt32)? {
    guard head < run.count else { return heap.pop() }
    let first = run[head]
    if let other = heap.first, other < first { return heap.pop() }
    head += 1
    if head == run.count {
      // A long run's memory is given back.
      run.removeAll(keepingCapacity: run.count < 4096)
      head = 0
    } else if head >= 4096, head * 2 >= run.count {
      run.removeFirst(head)
      head = 0
    }
    return first
  }

  /// Only the entries that `isWanted`.
  mutating func keep(where isWanted: (UInt64, UInt32) -> Bool) {
    var kept: [(key: UInt64, number: UInt32)] = []
    while let entry = pop() {
      if isWanted(entry.key, entry.number) { kept.append(entry) }
    }
    run = kept
    head = 0
    heap = Heap()
  }
}
