/// Which numbers of one kind belong to which of another: tasks to the workers that hold them, to the clients that want
/// them, to the tasks that need them.
///
/// Each pair is one record in two doubly linked lists, so adding, removing and walking cost the same whatever the size of
/// the lists, and a walk is in the order in which pairs were added: it is the same in every process. 24 bytes a pair.
struct Relation {
  private struct Pair {
    var left: UInt32
    var right: UInt32
    var nextOfLeft: UInt32
    var previousOfLeft: UInt32
    var nextOfRight: UInt32
    var previousOfRight: UInt32
  }

  private struct Row {
    var first = Relation.none
    var last = Relation.none
    var count: UInt32 = 0
  }

  /// No pair.
  static let none = UInt32.max

  private var pairs: [Pair] = []
  private var free = Relation.none
  private var lefts: [Row] = []
  private var rights: [Row] = []
  /// The number of pairs.
  private(set) var count = 0

  /// How many pairs `left` has.
  func count(ofLeft left: UInt32) -> Int { Int(left) < lefts.count ? Int(lefts[Int(left)].count) : 0 }

  /// How many pairs `right` has.
  func count(ofRight right: UInt32) -> Int { Int(right) < rights.count ? Int(rights[Int(right)].count) : 0 }

  /// The first pair of `left`, or `none`.
  func first(ofLeft left: UInt32) -> UInt32 { Int(left) < lefts.count ? lefts[Int(left)].first : Relation.none }

  /// The last pair of `left`, or `none`.
  func last(ofLeft left: UInt32) -> UInt32 { Int(left) < lefts.count ? lefts[Int(left)].last : Relation.none }

  /// The first pair of `right`, or `none`.
  func first(ofRight right: UInt32) -> UInt32 { Int(right) < rights.count ? rights[Int(right)].first : Relation.none }

  /// The last pair of `right`, or `none`.
  func last(ofRight right: UInt32) -> UInt32 { Int(right) < rights.count ? rights[Int(right)].last : Relation.none }

  /// The next pair of the same left side.
  func nextOfLeft(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].nextOfLeft }

  /// The next pair of the same right side.
  func nextOfRight(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].nextOfRight }

  /// The pair before of the same right side.
  func previousOfRight(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].previousOfRight }

  func left(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].left }
  func right(_ pair: UInt32) -> UInt32 { pairs[Int(pair)].right }

  /// The pair of both, or `none`. Walks the shorter list.
  func pair(_ left: UInt32, _ right: UInt32) -> UInt32 {
    if count(ofLeft: left) <= count(ofRight: right) {
      var pair = first(ofLeft: left)
      while pair != Relation.none, pairs[Int(pair)].right != right { pair = nextOfLeft(pair) }
      return pair
    }
    var pair = first(ofRight: right)
    while pair != Relation.none, pairs[Int(pair)].left != left { pair = nextOfRight(pair) }
    return pair
  }

  func contains(_ left: UInt32, _ right: UInt32) -> Bool { pair(left, right) != Relation.none }

  /// Adds a pair behind the others of both sides. Pairs may repeat.
  mutating func add(_ left: UInt32, _ right: UInt32) {
    while lefts.count <= Int(left) { lefts.append(Row()) }
    while rights.count <= Int(right) { rights.append(Row()) }
    let new = Pair(
      left: left, right: right, nextOfLeft: Relation.none, previousOfLeft: lefts[Int(left)].last,
      nextOfRight: Relation.none, previousOfRight: rights[Int(right)].last)
    let place: UInt32
    if free == Relation.none {
      place = UInt32(pairs.count)
      pairs.append(new)
    } else {
      place = free
      free = pairs[Int(place)].nextOfLeft
      pairs[Int(place)] = new
    }
    if new.previousOfLeft == Relation.none {
      lefts[Int(left)].first = place
    } else {
      pairs[Int(new.previousOfLeft)].nextOfLeft = place
    }
    lefts[Int(left)].last = place
    lefts[Int(left)].count += 1
    if new.previousOfRight == Relation.none {
      rights[Int(right)].first = place
    } else {
      pairs[Int(new.previousOfRight)].nextOfRight = place
    }
    rights[Int(right)].last = place
    rights[Int(right)].count += 1
    count += 1
  }

  /// Takes a pair out.
  mutating func remove(pair place: UInt32) {
    let old = pairs[Int(place)]
    if old.previousOfLeft == Relation.none {
      lefts[Int(old.left)].first = old.nextOfLeft
    } else {
      pairs[Int(old.previousOfLeft)].nextOfLeft = old.nextOfLeft
    }
    if old.nextOfLeft == Relation.none {
      lefts[Int(old.left)].last = old.previousOfLeft
    } else {
      pairs[Int(old.nextOfLeft)].previousOfLeft = old.previousOfLeft
    }
    if old.previousOfRight == Relation.none {
      rights[Int(old.right)].first = old.nextOfRight
    } else {
      pairs[Int(old.previousOfRight)].nextOfRight = old.nextOfRight
    }
    if old.nextOfRight == Relation.none {
      rights[Int(old.right)].last = old.previousOfRight
    } else {
      pairs[Int(old.nextOfRight)].previousOfRight = old.previousOfRight
    }
    lefts[Int(old.left)].count -= 1
    rights[Int(old.right)].count -= 1
    pairs[Int(place)].nextOfLeft = free
    free = place
    count -= 1
  }

  /// Takes the pair of both out; false when there is none.
  @discardableResult
  mutating func remove(_ left: UInt32, _ right: UInt32) -> Bool {
    let place = pair(left, right)
    if place == Relation.none { return false }
    remove(pair: place)
    return true
  }

  /// The right sides of `left`, in the order in which they were added.
  func rights(of left: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var pair = first(ofLeft: left)
    while pair != Relation.none {
      found.append(pairs[Int(pair)].right)
      pair = pairs[Int(pair)].nextOfLeft
    }
    return found
  }

  /// The left sides of `right`, in the order in which they were added.
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
