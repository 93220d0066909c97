import MartletBytes

extension GraphRewrite {
  /// Writes down what was decided: what stays, in order of numbers, so that inputs come before who needs them.
  consuming func emit() -> PendingGraph {
    // A draft is made for this rewrite alone: where nothing is left out or fused, its tasks are the new ones.
    if graph.isDraft, keepsEverything {
      return PendingGraph(GraphBuilder(takingFrom: graph), from: graph.stamp, numbers: nil, ordering: graph.ordering)
    }
    var emission = GraphEmission(self)
    for task in 0..<count where marks[task].contains(.stays) {
      if marks[task].isDisjoint(with: [.leads, .hasInlinedInputs]) {
        emission.copy(task, self)
      } else {
        emission.fuse(task, self)
      }
    }
    var numbers = emission.numbers
    if let substitutes {
      for task in 0..<count where Int(substitutes[task]) != task { numbers[task] = numbers[Int(substitutes[task])] }
    }
    return PendingGraph(emission.close(), from: graph.stamp, numbers: numbers, ordering: graph.ordering)
  }

  /// Whether each task has its place as it is.
  private var keepsEverything: Bool {
    for task in 0..<count {
      if marks[task].isDisjoint(with: .stays) || !marks[task].isDisjoint(with: [.leads, .hasInlinedInputs]) {
        return false
      }
    }
    guard let substitutes else { return true }
    return (0..<count).allSatisfy { Int(substitutes[$0]) == $0 }
  }
}

/// The tasks of a new graph, before they are put in order: the graph that they were made of need not exist any more.
package struct PendingGraph: ~Copyable {
  private var builder: GraphBuilder
  private let stamp: UInt32
  /// By old number the new one; nil where they are the same.
  private let numbers: [UInt32]?
  private let ordering: GraphOrder

  fileprivate init(
    _ builder: consuming GraphBuilder, from stamp: UInt32, numbers: [UInt32]?, ordering: GraphOrder
  ) {
    self.builder = builder
    self.stamp = stamp
    self.numbers = numbers
    self.ordering = ordering
  }

  /// The graph.
  ///
  /// - Parameter order: In which order the tasks run where there is a choice; nil: in that of the old graph.
  package consuming func build(order: GraphOrder?) -> OptimizedGraph {
    let order = order ?? ordering
    let (stamp, numbers) = (stamp, numbers)
    return OptimizedGraph(builder.build(order: order), from: stamp, numbers: numbers)
  }
}

/// The new graph while it is built.
private struct GraphEmission: ~Copyable {
  private var builder = GraphBuilder()
  private let fused: FusedTasks
  /// What `fused` holds. Methods write through a local copy of the pointer: with the thread sanitizer, Swift 6.3.1 crashes on
  /// a write through a property of a noncopyable struct.
  private let columns: UnsafeMutablePointer<FusedColumns>
  private var fusedLabels = FusedLabels()
  /// New numbers by old ones.
  private(set) var numbers: [UInt32]
  /// By old number, the place in the old graph's contents plus one; empty when nothing has a content.
  private let contentPlaces: [UInt32]

  // For the task that is fused now.

  private var parts = FlatList<UInt32>()
  private var outer = FlatList<UInt32>()
  /// The last part that uses a result: by part, and by outer input.
  private var lastUseOfParts = FlatList<Int>()
  private var lastUseOfOuter = FlatList<Int>()
  private var slotOfParts = FlatList<UInt32>()
  private var freeSlots = FlatList<UInt32>()
  private var stack = FlatList<Frame>()
  /// By old number: the task that was fused when the place beside it was set, and that place. Empty until first used.
  private var places = FlatList<Place>()

  private struct Frame: BitwiseCopyable {
    let task: UInt32
    var next: UInt32
  }

  /// Where the result of a task is: a part, or, with the highest bit, an outer input.
  private struct Place: BitwiseCopyable {
    var leader: UInt32
    var number: UInt32
  }

  init(_ rewrite: borrowing GraphRewrite) {
    let graph = rewrite.graph
    var contentPlaces: [UInt32] = []
    if !graph.contents.isEmpty {
      contentPlaces = [UInt32](repeating: 0, count: rewrite.count)
      for (place, entry) in graph.contents.enumerated() { contentPlaces[Int(entry.task)] = UInt32(place + 1) }
    }
    self.contentPlaces = contentPlaces
    numbers = [UInt32](repeating: .max, count: rewrite.count)
    let fused = FusedTasks()
    fused.columns.pointee.labels = graph.labels
    fused.columns.pointee.contents = graph.contents
    self.fused = fused
    columns = fused.columns
    builder.labels = graph.labels
    reserve(rewrite)
  }

  private mutating func reserve(_ rewrite: borrowing GraphRewrite) {
    let columns = columns
    var (tasks, fusedTasks, absorbed) = (0, 0, 0)
    for task in 0..<rewrite.count {
      if !rewrite.marks[task].contains(.stays) {
        if let leaders = rewrite.leaders, leaders[task] != UInt32.max { absorbed += 1 }
        continue
      }
      tasks += 1
      if !rewrite.marks[task].isDisjoint(with: [.leads, .hasInlinedInputs]) { fusedTasks += 1 }
    }
    builder.columns.reserve(tasks: tasks, dependencies: tasks)
    columns.pointee.reserve(tasks: fusedTasks, parts: fusedTasks + absorbed)
    builder.contents.reserveCapacity(contentPlaces.isEmpty ? fusedTasks : rewrite.graph.contents.count)
  }

  consuming func close() -> GraphBuilder {
    let columns = columns
    columns.pointee.close()
    return builder
  }

  /// Copies a task as it is.
  mutating func copy(_ task: Int, _ rewrite: borrowing GraphRewrite) {
    let graph = rewrite.graph
    for place in graph.inputPlaces(of: task) { builder.columns.depend(on: numbers[Int(rewrite.inputs[place])]) }
    let id = builder.columns.append(
      digest: graph.columns.digests[task], label: graph.columns.labels[task], kind: graph.columns.kinds[task],
      cell: TaskCell(body: graph.cells[task].body))
    numbers[task] = id.rawValue
    if let content = content(of: task, graph) { builder.contents.append((id.rawValue, content)) }
    if rewrite.marks[task].contains(.hasTraits) {
      builder.traits.append((id.rawValue, graph.traits(of: TaskID(rawValue: UInt32(task)))))
    }
  }

  private func content(of task: Int, _ graph: TaskGraph) -> TaskContent? {
    if contentPlaces.isEmpty || contentPlaces[task] == 0 { return nil }
    return graph.contents[Int(contentPlaces[task]) - 1].content
  }

  /// Makes one task of `leader`, what it has absorbed, and the inlined tasks that those need.
  mutating func fuse(_ leader: Int, _ rewrite: borrowing GraphRewrite) {
    let graph = rewrite.graph
    let columns = columns
    findParts(leader, rewrite)
    let number = columns.pointee.tasks.count
    let slotCount = wire(rewrite)
    for place in 0..<outer.count { builder.columns.depend(on: numbers[Int(outer[place])]) }

    var traits: TaskTraits?
    var isData = true
    let firstPart = columns.pointee.parts.count - parts.count
    guard columns.pointee.slots.count < Int(UInt32.max), columns.pointee.last.count < Int(UInt32.max) else {
      invariantFailure("fused tasks with more than 2^32 inputs")
    }
    columns.pointee.tasks.append(
      FusedColumns.Task(
        firstPart: UInt32(firstPart), inputCount: UInt32(outer.count), slotCount: UInt32(slotCount)))
    fusedLabels.begin()
    for place in 0..<parts.count {
      let task = Int(parts[place])
      let kind = graph.columns.kinds[task]
      columns.pointee.cells.append(TaskCell(body: graph.cells[task].body))
      columns.pointee.digests.append(graph.columns.digests[task])
      columns.pointee.kinds.append(kind)
      switch kind {
      case .closure, .asynchronous: isData = false
      case .literal, .call, .gather, .alias, .signal: break
      }
      if !contentPlaces.isEmpty { columns.pointee.contentPlaces.append(contentPlaces[task]) }
      if rewrite.marks[task].contains(.inlined) { continue }
      fusedLabels.add(graph.columns.labels[task])
      if rewrite.marks[task].contains(.hasTraits) {
        let own = graph.traits(of: TaskID(rawValue: UInt32(task)))
        traits = traits.map { $0.merged(with: own) } ?? own
      }
    }
    let fused = fused
    let id = builder.columns.append(
      digest: graph.columns.digests[leader], label: fusedLabels.number(in: &builder.labels),
      kind: graph.columns.kinds[leader] == .asynchronous ? .asynchronous : isData ? .call : .closure,
      cell: TaskCell { inputs, context, slot in try fused.run(number, inputs, context, slot) })
    numbers[leader] = id.rawValue
    builder.contents.append((id.rawValue, .fused(FusedTask(family: fused, number: number))))
    if var traits {
      traits.isCheap = false
      if traits != .none { builder.traits.append((id.rawValue, traits)) }
    }
  }

  /// Fills `parts` in the order in which they run, depth first, so that few of their results are alive at a time, and
  /// `outer` in the order in which it is needed.
  private mutating func findParts(_ leader: Int, _ rewrite: borrowing GraphRewrite) {
    let graph = rewrite.graph
    let name = UInt32(truncatingIfNeeded: leader)
    let places = placesMemory(rewrite.count)
    parts.removeAll()
    outer.removeAll()
    lastUseOfParts.removeAll()
    lastUseOfOuter.removeAll()
    stack.append(Frame(task: name, next: graph.dependencyStarts[leader]))
    while stack.count > 0 {
      var frame = stack[stack.count - 1]
      let task = Int(frame.task)
      let end = graph.dependencyStarts[task &+ 1]
      var child: UInt32?
      while frame.next < end {
        let input = Int(rewrite.inputs[Int(frame.next)])
        frame.next &+= 1
        if places[input].leader == name { continue }
        if rewrite.marks[input].contains(.inlined) || rewrite.leaders?[input] == name {
          // Marked when it is written: nothing that it needs can need it.
          child = UInt32(truncatingIfNeeded: input)
          break
        }
        places[input] = Place(leader: name, number: UInt32(outer.count) | 1 << 31)
        outer.append(UInt32(truncatingIfNeeded: input))
        lastUseOfOuter.append(-1)
      }
      stack[stack.count - 1] = frame
      if let child {
        stack.append(Frame(task: child, next: graph.dependencyStarts[Int(child)]))
        continue
      }
      _ = stack.popLast()
      places[task] = Place(leader: name, number: UInt32(parts.count))
      parts.append(frame.task)
      lastUseOfParts.append(-1)
    }
  }

  /// Gives each result a local slot, a slot again when its last user has run. Returns how many slots there are.
  private mutating func wire(_ rewrite: borrowing GraphRewrite) -> Int {
    let graph = rewrite.graph
    let columns = columns
    let places = placesMemory(rewrite.count)
    for part in 0..<parts.count {
      for place in graph.inputPlaces(of: Int(parts[part])) {
        let number = places[Int(rewrite.inputs[place])].number
        if number >> 31 == 1 {
          lastUseOfOuter[Int(number & 0x7fff_ffff)] = part
        } else {
          lastUseOfParts[Int(number)] = part
        }
      }
    }
    freeSlots.removeAll()
    slotOfParts.removeAll()
    var slotCount = outer.count
    for part in 0..<parts.count {
      let task = Int(parts[part])
      let firstLast = columns.pointee.last.count
      let firstInput = columns.pointee.slots.count
      for place in graph.inputPlaces(of: task) {
        let number = places[Int(rewrite.inputs[place])].number
        let isOuter = number >> 31 == 1
        let index = Int(number & 0x7fff_ffff)
        let slot = isOuter ? UInt32(index) : slotOfParts[index]
        columns.pointee.slots.append(slot)
        let lastUse = isOuter ? lastUseOfOuter[index] : lastUseOfParts[index]
        if lastUse == part {
          // Below zero: where it stands in `last`, should the part have it once more.
          if isOuter {
            lastUseOfOuter[index] = -2 - columns.pointee.last.count
          } else {
            lastUseOfParts[index] = -2 - columns.pointee.last.count
          }
          columns.pointee.last.append(FusedColumns.LastUse(slot: slot))
        } else if lastUse < -1 {
          columns.pointee.last[-2 - lastUse] = columns.pointee.last[-2 - lastUse].repeated()
        }
      }
      // Before the slots of its inputs are free: a result is written while the inputs are there.
      var result: UInt32 = 0
      if part + 1 < parts.count {
        if let free = freeSlots.popLast() {
          result = free
        } else {
          result = UInt32(slotCount)
          slotCount += 1
        }
      }
      slotOfParts.append(result)
      columns.pointee.parts.append(
        FusedColumns.Part(
          firstInput: UInt32(truncatingIfNeeded: firstInput), firstLast: UInt32(truncatingIfNeeded: firstLast),
          result: result, label: graph.columns.labels[task]))
      for place in firstLast..<columns.pointee.last.count where columns.pointee.last[place].slot >= outer.count {
        freeSlots.append(UInt32(columns.pointee.last[place].slot))
      }
    }
    return slotCount
  }

  private mutating func placesMemory(_ count: Int) -> UnsafeMutablePointer<Place> {
    if places.count == 0 {
      places.reserve(count)
      for _ in 0..<count { places.append(Place(leader: .max, number: 0)) }
    }
    return places.memory
  }
}

extension TaskTraits {
  /// The traits of a task that does the work of two: the more demanding of both.
  func merged(with other: TaskTraits) -> TaskTraits {
    var merged = self
    merged.isSource = isSource || other.isSource
    merged.isBlocking = isBlocking || other.isBlocking
    merged.isCheap = isCheap && other.isCheap
    merged.priority = max(priority, other.priority)
    merged.estimatedResultBytes = max(estimatedResultBytes, other.estimatedResultBytes)
    if let theirs = other.retry, retry.map({ $0.limit < theirs.limit }) ?? true { merged.retry = theirs }
    if let theirs = other.timeout { merged.timeout = max(timeout ?? theirs, theirs) }
    merged.allowsOtherWorkers = allowsOtherWorkers && other.allowsOtherWorkers
    if !workers.isEmpty, !other.workers.isEmpty {
      let both = workers.filter { other.workers.contains($0) }
      // The work of both has to be done somewhere.
      merged.workers = both.isEmpty ? workers : both
      if both.isEmpty { merged.allowsOtherWorkers = true }
    } else {
      merged.workers = workers + other.workers
      merged.allowsOtherWorkers = workers.isEmpty ? other.allowsOtherWorkers : allowsOtherWorkers
    }
    for need in other.resources {
      if let place = merged.resources.firstIndex(where: { $0.name == need.name }) {
        merged.resources[place].amount = max(merged.resources[place].amount, need.amount)
      } else {
        merged.resources.append(need)
      }
    }
    return merged
  }
}
