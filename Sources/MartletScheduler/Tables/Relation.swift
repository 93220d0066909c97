/// Which numbers of one kind belong to which of another, where the one kind are tasks and the other are few: tasks to the
/// workers that hold them, to the clients that want them.
///
/// Each pair is one record in a list of the task's, whose head is in the task's own record, and in a doubly linked list of
/// the other side's. The walks are in the same order in every process. 20 bytes a pair. Adding costs the same whatever the
/// size of the lists; removing costs the length of the task's list, which is short.
struct Relation: ~Copyable {
  struct Pair: BitwiseCopyable {
    var left: UInt32
    var right: UInt32
    var nextOfLeft: UInt32
    var nextOfRight: UInt32
    var previousOfRight: UInt32
  }

  struct Row: BitwiseCopyable {
    var first = Relation.none
    var count: UInt32 = 0
  }

  /// No pair.
  static let none = UInt32.max

  private var pairs = Table<Pair>()
  private var free = Relation.none
  private var rights = Table<Row>()
  /// The number of pairs.
  private(set) var count = 0

  /// Asks for the memory of a pair that is looked at soon.
  @inline(__always)
  func foresee(_ pair: UInt32) { if pair != Relation.none { pairs.foresee(Int(pair)) } }

  /// How many pairs `right` has.
  func count(ofRight right: UInt32) -> Int { Int(right) < rights.count ? Int(rights[Int(right)].count) : 0 }

  /// The newest pair of `right`, or `none`.
  func first(ofRight right: UInt32) -> UInt32 { Int(right) < rights.count ? rights[Int(right)].first : Relation.none }

  /// The next pair of the same task.
  func nextOfLeft(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].nextOfLeft }

  /// The next pair of the same right side.
  func nextOfRight(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].nextOfRight }

  func left(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].left }
  func right(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].right }

  /// Whether `right` is in the list that begins with `first`.
  func contains(_ right: UInt32, from first: UInt32) -> Bool {
    var pair = first
    while pair != Relation.none, pairs[Int(pair)].right != right { pair = pairs[Int(pair)].nextOfLeft }
    return pair != Relation.none
  }

  /// Adds a pair before the others of both sides; there is none like it.
  mutating func add(_ left: UInt32, _ right: UInt32, first: inout UInt32) {
    while rights.count <= Int(right) { rights.append(Row()) }
    let next = rights[Int(right)].first
    let new = Pair(
      left: left, right: right, nextOfLeft: first, nextOfRight: next, previousOfRight: Relation.none)
    let place: UInt32
    if free == Relation.none {
      place = UInt32(pairs.count)
      pairs.append(new)
    } else {
      place = free
      free = pairs[Int(place)].nextOfLeft
      pairs[Int(place)] = new
    }
    first = place
    if next != Relation.none { pairs[Int(next)].previousOfRight = place }
    rights[Int(right)].first = place
    rights[Int(right)].count += 1
    count += 1
  }

  /// Takes a pair out of the task's list that begins with `first`; false when there is none with `right`.
  @discardableResult
  mutating func remove(_ right: UInt32, first: inout UInt32) -> Bool {
    var before = Relation.none
    var place = first
    while place != Relation.none, pairs[Int(place)].right != right {
      before = place
      place = pairs[Int(place)].nextOfLeft
    }
    guard place != Relation.none else { return false }
    let old = pairs[Int(place)]
    if before == Relation.none { first = old.nextOfLeft } else { pairs[Int(before)].nextOfLeft = old.nextOfLeft }
    if old.previousOfRight == Relation.none {
      rights[Int(right)].first = old.nextOfRight
    } else {
      pairs[Int(old.previousOfRight)].nextOfRight = old.nextOfRight
    }
    if old.nextOfRight != Relation.none { pairs[Int(old.nextOfRight)].previousOfRight = old.previousOfRight }
    rights[Int(right)].count -= 1
    pairs[Int(place)].nextOfLeft = free
    free = place
    count -= 1
    return true
  }

  /// The right sides of the list that begins with `first`.
  func rights(from first: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var pair = first
    while pair != Relation.none {
      found.append(pairs[Int(pair)].right)
      pair = pairs[Int(pair)].nextOfLeft
    }
    return found
  }

  /// The tasks of `right`, the newest first.
  func lefts(of right: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var pair = first(ofRight: right)
    while pair != Relation.none {
      found.append(pairs[Int(pair)].left)
      pair = pairs[Int(pair)].nextOfRight
    }
    return found
  }
}
