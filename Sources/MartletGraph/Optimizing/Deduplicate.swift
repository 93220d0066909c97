package import MartletBytes

extension GraphRewrite {
  /// Finds tasks that are equal to earlier ones: aliases and what they name, gathers and signals of the same inputs, and
  /// calls that are equal once their inputs are replaced. Tasks are never equal because of what closures do.
  ///
  /// A graph without aliases and with one gather at most costs a look at the kinds. The key of a call holds the keys of its
  /// inputs; those of calls with a replaced input are made anew, some 50 ns each, and compared with all others.
  mutating func shareEqualTasks() {
    let kinds = graph.columns.kinds
    var (aliases, collections) = (0, 0)
    for task in 0..<count where marks[task].contains(.stays) {
      switch kinds[task] {
      case .alias: aliases += 1
      case .gather, .signal: collections += 1
      case .literal, .call, .closure, .asynchronous: break
      }
    }
    guard aliases > 0 || collections > 1 else { return }

    let substitutes: UnsafeMutablePointer<UInt32> = column(count)
    for task in 0..<count { substitutes[task] = UInt32(truncatingIfNeeded: task) }
    var structures = StructureTable(capacity: collections)
    var calls: DigestTable?
    var replaced = 0
    for task in 0..<count where marks[task].contains(.stays) {
      let places = graph.inputPlaces(of: task)
      var found: UInt32?
      switch kinds[task] {
      case .alias:
        if places.count == 1 { found = substitutes[Int(graph.dependencies[places.lowerBound])] }
      case .gather, .signal:
        // An empty array says nothing about the type of its elements.
        if !places.isEmpty { found = structures.find(task, graph, substitutes) }
      case .call:
        guard replaced > 0, !marks[task].contains(.hasTraits) else { break }
        let isChanged = places.contains { substitutes[Int(graph.dependencies[$0])] != graph.dependencies[$0] }
        if calls == nil {
          guard isChanged else { break }
          calls = digestsOfCalls(before: task, substitutes)
        }
        let digest = isChanged ? callDigest(task, substitutes) : graph.columns.digests[task]
        found = digest.flatMap { calls?.find($0, else: UInt32(truncatingIfNeeded: task)) }
      case .literal, .closure, .asynchronous: break
      }
      if let found, found != UInt32(truncatingIfNeeded: task) {
        substitutes[task] = found
        replaced += 1
      }
    }
    if replaced > 0 { substitute(substitutes) }
  }

  private func digestsOfCalls(before end: Int, _ substitutes: UnsafeMutablePointer<UInt32>) -> DigestTable {
    var table = DigestTable(capacity: graph.contents.count)
    for entry in graph.contents {
      let task = Int(entry.task)
      if task >= end { break }
      guard marks[task].contains(.stays), case .call = entry.content, Int(substitutes[task]) == task else { continue }
      if !marks[task].contains(.hasTraits) { _ = table.find(graph.columns.digests[task], else: entry.task) }
    }
    return table
  }

  private func callDigest(_ task: Int, _ substitutes: UnsafeMutablePointer<UInt32>) -> Digest128? {
    guard case .call(let function)? = graph.content(of: TaskID(rawValue: UInt32(task))) else { return nil }
    return graph.callDigest(of: function, task) { graph.columns.digests[Int(substitutes[$0])] }
  }
}

extension TaskGraph {
  /// The key that a call would have if its inputs had the keys that `digest` gives: as `GraphBuilder.call` makes it.
  package func callDigest(of function: any TaskFunction, _ task: Int, digest: (Int) -> Digest128) -> Digest128 {
    var hasher = GraphBuilder.hasher(of: function)
    let places = inputPlaces(of: task)
    let firstSignal = places.firstIndex { columns.kinds[Int(dependencies[$0])] == .signal } ?? places.upperBound
    hasher.combine(firstSignal - places.lowerBound)
    for place in places.lowerBound..<firstSignal { hasher.combine(digest(Int(dependencies[place]))) }
    if firstSignal < places.upperBound {
      hasher.combine("martlet.after")
      for place in firstSignal..<places.upperBound { hasher.combine(digest(Int(dependencies[place]))) }
    }
    return hasher.digest()
  }
}

/// Finds gathers and signals by their kinds and inputs: open addressing, at most half full.
private struct StructureTable {
  private var entries: [UInt32]

  init(capacity: Int) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    entries = [UInt32](repeating: 0, count: size)
  }

  /// The first task of this kind with these inputs, which may be `task` itself.
  mutating func find(
    _ task: Int, _ graph: TaskGraph, _ substitutes: UnsafeMutablePointer<UInt32>
  ) -> UInt32 {
    let kinds = graph.columns.kinds
    let places = graph.inputPlaces(of: task)
    var hash = UInt64(kinds[task].rawValue)
    for place in places {
      hash = (hash ^ UInt64(substitutes[Int(graph.dependencies[place])])) &* 0x9e37_79b9_7f4a_7c15
      hash ^= hash &>> 29
    }
    var place = Int(truncatingIfNeeded: hash) & (entries.count - 1)
    while entries[place] != 0 {
      let other = Int(entries[place] - 1)
      let otherPlaces = graph.inputPlaces(of: other)
      if kinds[other] == kinds[task], otherPlaces.count == places.count,
        zip(places, otherPlaces).allSatisfy({
          substitutes[Int(graph.dependencies[$0])] == substitutes[Int(graph.dependencies[$1])]
        })
      {
        return UInt32(other)
      }
      place = (place + 1) & (entries.count - 1)
    }
    entries[place] = UInt32(task) + 1
    return UInt32(task)
  }
}

/// Finds tasks by digests, which need not be those of the graph: open addressing, at most half full.
struct DigestTable {
  private var entries: [(digest: Digest128, task: UInt32)]
  private var count = 0
  private static let empty = (digest: Digest128(low: 0, high: 0), task: UInt32.max)

  init(capacity: Int) {
    var size = 16
    while size < 2 * capacity { size *= 2 }
    entries = Array(repeating: DigestTable.empty, count: size)
  }

  /// The task that is known by `digest`; where there is none, `task` is from now on.
  mutating func find(_ digest: Digest128, else task: UInt32) -> UInt32 {
    let place = place(of: digest)
    if entries[place].task != UInt32.max { return entries[place].task }
    entries[place] = (digest, task)
    count += 1
    if count * 2 > entries.count { grow() }
    return task
  }

  private func place(of digest: Digest128) -> Int {
    var place = Int(truncatingIfNeeded: digest.low) & (entries.count - 1)
    while entries[place].task != UInt32.max, entries[place].digest != digest {
      place = (place + 1) & (entries.count - 1)
    }
    return place
  }

  private mutating func grow() {
    let old = entries
    entries = Array(repeating: DigestTable.empty, count: 2 * old.count)
    for entry in old where entry.task != UInt32.max { entries[place(of: entry.digest)] = entry }
  }
}
