import MartletClient
import MartletProtocol

/// What the loop knows of a future of the session: who is told of it, and its value while somebody may read it.
struct FutureEntry {
  var generation: UInt32 = 0
  var isUsed = false
  var isResolved = false
  var isFailed = false
  var failure: FailureRecord?
  /// Held as long as the session believes that it is here.
  var value: ClientValue?
  // Mostly there is one who is told; further ones stand in the arrays.
  var cell: ResultCell?
  var otherCells: [ResultCell] = []
  var run: GraphRun?
  var place = 0
  var otherRuns: [(run: GraphRun, place: Int)] = []

  mutating func add(_ new: ResultCell) {
    if cell == nil { return cell = new }
    new.place = otherCells.count
    otherCells.append(new)
  }

  /// Constant time: equal work may have been submitted very often.
  mutating func remove(_ old: ResultCell) {
    if cell === old { return cell = otherCells.popLast() }
    guard old.place < otherCells.count, otherCells[old.place] === old, let last = otherCells.popLast() else { return }
    if last === old { return }
    otherCells[old.place] = last
    last.place = old.place
  }

  mutating func add(_ new: GraphRun, _ newPlace: Int) {
    if run == nil { (run, place) = (new, newPlace) } else { otherRuns.append((new, newPlace)) }
  }

  mutating func remove(_ old: GraphRun) {
    otherRuns.removeAll { $0.run === old }
    guard run === old else { return }
    run = nil
    if let next = otherRuns.popLast() { (run, place) = (next.run, next.place) }
  }
}
