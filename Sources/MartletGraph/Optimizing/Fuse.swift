extension GraphRewrite {
  /// Lets tasks absorb those that only they need.
  ///
  /// From the last task to the first, each that was not absorbed absorbs of its inputs, and of theirs, those whose results
  /// nobody outside of it needs (a fan-out-free cone, as logic synthesis calls it), the latest first, as far as the
  /// limits go. So no absorbed result is needed elsewhere, and no two fused tasks can wait for each other: whatever comes
  /// after a part comes after the last part as well.
  ///
  /// Not absorbed: outputs; tasks that are asynchronous, block, or have a timeout; signals, and what they wait for; what comes
  /// before a task that waits for a signal; a task with retries or resources by one without, or the other way round.
  mutating func fuseTasks(_ limits: FusionLimits) {
    guard count > 1 else { return }
    let leaders: UnsafeMutablePointer<UInt32> = column(count)
    leaders.update(repeating: .max, count: count)
    var growth = ConeGrowth(count)
    let ends: UnsafeMutablePointer<UInt32> = allocated(count)
    let uses: UnsafeMutablePointer<UInt32> = allocated(count)
    defer {
      release(ends)
      release(uses)
    }
    measure(ends: ends, uses: uses)
    var fused = 0
    for task in stride(from: count - 1, through: 0, by: -1) where marks[task].isSuperset(of: [.stays, .isPlain]) {
      let places = outerPlaces(of: task)
      guard !marks[task].contains(.waits) else { continue }
      // A task that has an input of its own to absorb: most have none.
      var isPromising = false
      for place in places {
        let input = Int(outerInputs[place])
        if Int(uses[input]) <= places.count, marks[input].contains(.isPlain), !marks[input].contains(.output) {
          isPromising = true
          break
        }
      }
      if isPromising { fused += grow(task, limits, &growth, leaders, ends, uses) }
    }
    if fused > 0 { setLeaders(leaders) }
  }

  /// When each task ends, in units of one task, and how often its result is an input.
  private func measure(ends: UnsafeMutablePointer<UInt32>, uses: UnsafeMutablePointer<UInt32>) {
    uses.update(repeating: 0, count: count)
    for task in 0..<count {
      guard marks[task].contains(.stays) else {
        // What nobody needs is no use either.
        ends[task] = 0
        continue
      }
      var end: UInt32 = 0
      for place in outerPlaces(of: task) {
        let input = Int(outerInputs[place])
        uses[input] &+= 1
        end = max(end, ends[input])
      }
      ends[task] = end &+ 1
    }
    // Few have parts already; where some have, those after them end later.
    guard graph.contents.contains(where: { if case .fused = $0.content { true } else { false } }) else { return }
    var contents = graph.contents.makeIterator()
    var next = contents.next()
    for task in 0..<count {
      while let entry = next, Int(entry.task) < task { next = contents.next() }
      var units: UInt32 = 1
      if let entry = next, Int(entry.task) == task, case .fused(let fused) = entry.content {
        units = UInt32(fused.partCount)
      }
      guard marks[task].contains(.stays) else { continue }
      ends[task] = outerPlaces(of: task).reduce(0) { max($0, ends[Int(outerInputs[$1])]) } &+ units
    }
  }

  /// Lets `leader` absorb what it can. Returns how many tasks it absorbed.
  private func grow(
    _ leader: Int, _ limits: FusionLimits, _ growth: inout ConeGrowth, _ leaders: UnsafeMutablePointer<UInt32>,
    _ ends: UnsafeMutablePointer<UInt32>, _ uses: UnsafeMutablePointer<UInt32>
  ) -> Int {
    growth.begin(leader)
    let widest = growth.add(outerPlaces(of: leader), outerInputs, below: 1, ends)
    var cone = Cone(end: Int(ends[leader]), inputs: widest, widest: widest)
    while let (input, next) = growth.latest() {
      // Whatever else is absorbed, the inputs that were refused have to be there first.
      let height = cone.height + 1
      if cone.end(parts: cone.parts + 1, start: cone.start) > cone.latestEnd(limits, height: min(height, limits.height))
      {
        break
      }
      let places = outerPlaces(of: input)
      let isFree =
        growth.edges[input] == uses[input] && marks[input].contains(.isPlain) && !marks[input].contains(.output)
        && canJoin(input, leader)
      guard isFree else {
        cone.start = max(cone.start, Int(ends[input]))
        continue
      }
      let (distinct, new) = growth.count(places, outerInputs)
      let depth = Int(growth.depths[input])
      let start = max(cone.start, next, Int(ends[input]) - 1)
      let inputs = cone.inputs - 1 + new
      let widest = max(cone.widest, distinct)
      guard depth <= limits.height, inputs <= widest + limits.newInputs,
        cone.end(parts: cone.parts + 1, start: start)
          <= cone.latestEnd(limits, height: max(cone.height, depth))
      else {
        cone.start = max(cone.start, Int(ends[input]))
        continue
      }
      cone.parts += 1
      cone.height = max(cone.height, depth)
      cone.inputs = inputs
      cone.widest = widest
      leaders[input] = UInt32(truncatingIfNeeded: leader)
      marks[input].remove(.stays)
      // What comes before a task that waits is not to wait as well.
      if marks[input].contains(.waits) {
        for place in places { cone.start = max(cone.start, Int(ends[Int(outerInputs[place])])) }
      } else {
        _ = growth.add(places, outerInputs, below: depth, ends)
      }
    }
    if cone.parts > 1 { marks[leader].insert(.leads) }
    return cone.parts - 1
  }

  /// Whether their traits let two tasks run as one.
  private func canJoin(_ input: Int, _ leader: Int) -> Bool {
    guard marks[input].union(marks[leader]).contains(.hasTraits) else { return true }
    let one = graph.traits(of: TaskID(rawValue: UInt32(input)))
    let other = graph.traits(of: TaskID(rawValue: UInt32(leader)))
    return one.resources.map(\.name).sorted() == other.resources.map(\.name).sorted()
  }
}

/// A fused task while it grows.
private struct Cone {
  /// When the last part would end by itself.
  let end: Int
  /// When the inputs are there that will not be absorbed.
  var start = 0
  var parts = 1
  var height = 1
  /// How many tasks outside it needs.
  var inputs: Int
  /// The most inputs of one part.
  var widest: Int

  init(end: Int, inputs: Int, widest: Int) {
    self.end = end
    self.inputs = inputs
    self.widest = widest
  }

  func end(parts: Int, start: Int) -> Int { start + parts }

  func latestEnd(_ limits: FusionLimits, height: Int) -> Int {
    end + Int((limits.width - 1) * Double(height))
  }
}

/// What is known of the tasks around a growing cone. One for all cones: what belongs to another one is told by its leader.
private struct ConeGrowth: ~Copyable {
  /// By task: how often parts of the cone have it as an input.
  let edges: UnsafeMutablePointer<UInt32>
  /// By task: how many parts of the cone come after it at most, itself counted.
  let depths: UnsafeMutablePointer<UInt32>
  /// By task: the cone that the above are of.
  private let cones: UnsafeMutablePointer<UInt32>
  private var cone: UInt32 = 0
  /// Inputs of the cone that are still to be decided on, as end and task (counted from above) in one word; a heap with the
  /// latest at the top.
  private var heap: [UInt64] = []

  init(_ count: Int) {
    edges = allocated(count)
    depths = allocated(count)
    cones = allocated(count)
    cones.update(repeating: .max, count: count)
  }

  deinit {
    release(edges)
    release(depths)
    release(cones)
  }

  mutating func begin(_ leader: Int) {
    cone = UInt32(truncatingIfNeeded: leader)
    heap.removeAll(keepingCapacity: true)
  }

  /// Makes the inputs of a part inputs of the cone. Returns how many there are, each counted once: right for the first
  /// part only.
  mutating func add(
    _ places: Range<Int>, _ inputs: UnsafeMutablePointer<UInt32>, below depth: Int, _ ends: UnsafeMutablePointer<UInt32>
  ) -> Int {
    var new = 0
    for place in places {
      let input = Int(inputs[place])
      if cones[input] == cone {
        edges[input] &+= 1
        depths[input] = max(depths[input], UInt32(truncatingIfNeeded: depth + 1))
      } else {
        cones[input] = cone
        edges[input] = 1
        depths[input] = UInt32(truncatingIfNeeded: depth + 1)
        // Of several that end together, the first: so rows in order of numbers are pushed without moving anything.
        push(UInt64(ends[input]) << 32 | UInt64(UInt32.max - UInt32(truncatingIfNeeded: input)))
        new += 1
      }
    }
    return new
  }

  /// How many different inputs a task has, and how many of them are not inputs of the cone yet.
  mutating func count(_ places: Range<Int>, _ inputs: UnsafeMutablePointer<UInt32>) -> (distinct: Int, new: Int) {
    if places.count == 1 { return (1, cones[Int(inputs[places.lowerBound])] == cone ? 0 : 1) }
    // Long rows are those of gathers and sums, whose inputs are named once.
    if places.count > 16 { return (places.count, places.count { cones[Int(inputs[$0])] != cone }) }
    var (distinct, new) = (0, 0)
    for place in places where !(places.lowerBound..<place).contains(where: { inputs[$0] == inputs[place] }) {
      distinct += 1
      if cones[Int(inputs[place])] != cone { new += 1 }
    }
    return (distinct, new)
  }

  /// Takes the input that ends last; also says when the next one ends.
  mutating func latest() -> (task: Int, next: Int)? {
    guard let top = heap.first else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      sink()
    }
    return (Int(UInt32.max - UInt32(truncatingIfNeeded: top)), heap.first.map { Int($0 >> 32) } ?? 0)
  }

  private mutating func push(_ entry: UInt64) {
    heap.append(entry)
    var place = heap.count - 1
    while place > 0, heap[(place - 1) / 2] < entry {
      heap[place] = heap[(place - 1) / 2]
      place = (place - 1) / 2
    }
    heap[place] = entry
  }

  private mutating func sink() {
    let entry = heap[0]
    var place = 0
    while true {
      var child = 2 * place + 1
      if child >= heap.count { break }
      if child + 1 < heap.count, heap[child + 1] > heap[child] { child += 1 }
      if heap[child] <= entry { break }
      heap[place] = heap[child]
      place = child
    }
    heap[place] = entry
  }
}
