extension GraphRewrite {
  /// Finds literals, aliases and cheap tasks that are run inside each task that needs them, instead of once.
  ///
  /// A result less is kept, and nobody has to wait for it; but what the task works on has to live until its last consumer
  /// runs. So a task is inlined where
  /// - all its inputs are inlined tasks without inputs: then nothing lives longer; or
  /// - each of its other inputs is kept anyway: it is an output, or an input of every task that needs this one;
  ///
  /// where no more than `limits.inlinedParts` tasks run for it, and where nobody only waits for its end. Outputs are kept.
  mutating func inlineCheapTasks(_ limits: FusionLimits) {
    let candidates = findCheapTasks()
    guard candidates > 0 else { return }
    let kinds = graph.columns.kinds
    // How many tasks run for a task when it is inlined; 0 when it is none of those.
    let parts: UnsafeMutablePointer<UInt8> = column(count)
    // Whether it needs something that is not inlined.
    var needsOthers: [UInt32] = []
    for task in 0..<count {
      let isCandidate = marks[task].contains(.inlined)
      marks[task].remove(.inlined)
      parts[task] = 0
      guard isCandidate else { continue }
      var (sum, isSelfContained) = (1, true)
      for place in graph.inputPlaces(of: task) {
        let input = Int(inputs[place])
        sum += Int(parts[input])
        if !marks[input].contains(.inlined) { isSelfContained = false }
        if sum > limits.inlinedParts { break }
      }
      guard sum <= limits.inlinedParts, isSelfContained || graph.inputPlaces(of: task).count <= 4 else { continue }
      parts[task] = UInt8(sum)
      // Marked at once only where it is settled, so that later tasks can build on it.
      if isSelfContained { marks[task].insert(.inlined) } else { needsOthers.append(UInt32(task)) }
    }
    if !needsOthers.isEmpty { inlineWhereInputsAreKept(needsOthers, kinds) }
    replaceInlinedInputs()
  }

  /// Marks candidates as inlined; the number of them.
  private func findCheapTasks() -> Int {
    let kinds = graph.columns.kinds
    var found = 0
    for task in 0..<count {
      guard kinds[task] == .literal || kinds[task] == .alias, marks[task].isSuperset(of: [.stays, .isPlain]) else {
        continue
      }
      if marks[task].isDisjoint(with: [.output, .hasTraits, .waits]) {
        marks[task].insert(.inlined)
        found += 1
      }
    }
    for entry in graph.traitList where entry.traits.isCheap && entry.traits.retry == nil {
      let task = Int(entry.task)
      guard entry.traits.resources.isEmpty, !entry.traits.isSource, entry.traits.priority == 0,
        marks[task].isSuperset(of: [.stays, .isPlain]),
        marks[task].isDisjoint(with: [.output, .waits, .inlined])
      else { continue }
      marks[task].insert(.inlined)
      found += 1
    }
    guard found > 0 else { return 0 }
    for task in 0..<count where kinds[task] == .signal && marks[task].contains(.stays) {
      for place in graph.inputPlaces(of: task) { marks[Int(inputs[place])].remove(.inlined) }
    }
    return found
  }

  /// Of tasks that need some that are not inlined, marks those as inlined whose inputs are outputs or inputs of all their
  /// consumers. Decided for each by itself: whether such an input is inlined in the end plays no part.
  private mutating func inlineWhereInputsAreKept(_ tasks: [UInt32], _ kinds: UnsafeMutablePointer<TaskKind>) {
    let lastConsumer: UnsafeMutablePointer<UInt32> = column(count)
    lastConsumer.update(repeating: .max, count: count)
    // Borrowed for the moment: `.leads` means "is one of `tasks` and may still be inlined".
    for task in tasks { marks[Int(task)].insert(.leads) }
    for consumer in 0..<count where marks[consumer].contains(.stays) {
      let places = graph.inputPlaces(of: consumer)
      guard places.contains(where: { marks[Int(inputs[$0])].contains(.leads) }) else { continue }
      for place in places { lastConsumer[Int(inputs[place])] = UInt32(truncatingIfNeeded: consumer) }
      for place in places where marks[Int(inputs[place])].contains(.leads) {
        let task = Int(inputs[place])
        let isKept = graph.inputPlaces(of: task).allSatisfy {
          let input = Int(inputs[$0])
          return !marks[input].isDisjoint(with: [.output, .inlined]) || lastConsumer[input] == UInt32(consumer)
        }
        if !isKept { marks[task].remove(.leads) }
      }
    }
    for task in tasks where marks[Int(task)].contains(.leads) {
      marks[Int(task)].remove(.leads)
      marks[Int(task)].insert(.inlined)
    }
  }

  /// Writes what remains of the inputs of each task, in order, and takes inlined tasks their place.
  private mutating func replaceInlinedInputs() {
    let starts: UnsafeMutablePointer<UInt32> = column(count + 1)
    var total = 0
    starts[0] = 0
    // Counts first: an inlined task counts as its inputs, at most 4 of at most 64 tasks.
    let sizes: UnsafeMutablePointer<UInt32> = column(count)
    for task in 0..<count {
      var size: UInt32 = 0
      var hasInlined = false
      if !marks[task].isDisjoint(with: [.stays]) {
        for place in graph.inputPlaces(of: task) {
          let input = Int(inputs[place])
          if marks[input].contains(.inlined) {
            hasInlined = true
            size += sizes[input]
          } else {
            size += 1
          }
        }
      }
      if hasInlined { marks[task].insert(.hasInlinedInputs) }
      sizes[task] = size
      if !marks[task].contains(.inlined) { total += Int(size) }
      guard total < Int(UInt32.max) else { invariantFailure("a graph of more than 2^32 dependencies") }
      starts[task + 1] = UInt32(total)
    }
    let outer: UnsafeMutablePointer<UInt32> = column(total)
    var stack: [Range<Int>] = []
    var written = 0
    for task in 0..<count where marks[task].contains(.stays) && !marks[task].contains(.inlined) {
      stack.append(graph.inputPlaces(of: task))
      while let places = stack.popLast() {
        guard !places.isEmpty else { continue }
        let input = Int(inputs[places.lowerBound])
        stack.append(places.dropFirst())
        if marks[input].contains(.inlined) {
          stack.append(graph.inputPlaces(of: input))
        } else {
          outer[written] = UInt32(truncatingIfNeeded: input)
          written += 1
        }
      }
    }
    for task in 0..<count where marks[task].contains(.inlined) { marks[task].remove(.stays) }
    setOuterInputs(starts, outer)
  }
}
