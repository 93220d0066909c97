import Synchronization

extension FusedTasks {
  /// Runs the parts of a fused task one after the other.
  ///
  /// Results of inputs are copied as words into local slots, in front of those of the parts; they still belong to the
  /// executor. A part sees slots and counts of uses as it would see the executor's: a count is 1 where nobody uses the
  /// result after it, so it can take it. What is taken is taken from the executor's slot as well. After its last use here
  /// a result is dropped: that of a part always, that of an input when this task is its last user, as executors would
  /// have done had the parts been tasks.
  ///
  /// Where a part throws, all local results are dropped.
  func run(
    _ number: Int, _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext,
    _ result: UnsafeMutablePointer<Slot>
  ) throws {
    let task = columns.pointee.tasks[number]
    let slotCount = Int(task.slotCount)
    let outside = OuterResults(
      slots: inputs.slots, ids: inputs.ids, uses: inputs.uses, count: Int(task.inputCount))
    let state = context.state
    let bytes = slotCount &* (MemoryLayout<Slot>.stride + MemoryLayout<Int32>.stride)
    // On the stack up to a kilobyte: some 50 slots.
    try withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 16) { memory in
      guard let base = memory.baseAddress else { return }
      let local = base.bindMemory(to: Slot.self, capacity: slotCount)
      let uses = (base + slotCount &* MemoryLayout<Slot>.stride).bindMemory(to: Atomic<Int32>.self, capacity: slotCount)
      try run(number, LocalResults(outside: outside, slots: local, uses: uses, count: slotCount), state, result)
    }
  }

  private func run(
    _ number: Int, _ local: LocalResults, _ state: UnsafeMutablePointer<TaskContextState>,
    _ result: UnsafeMutablePointer<Slot>
  ) throws {
    let tasks = columns.pointee.tasks.memory
    let (parts, cells) = (columns.pointee.parts.memory, columns.pointee.cells.memory)
    let (inputs, last) = (columns.pointee.slots.memory, columns.pointee.last.memory)
    let first = Int(tasks[number].firstPart)
    let end = Int(tasks[number &+ 1].firstPart)
    local.fill()
    var part = first
    do {
      while true {
        let description = parts[part]
        let lastUses = Int(description.firstLast)..<Int(parts[part &+ 1].firstLast)
        let firstInput = Int(description.firstInput)
        for place in lastUses { local.prepare(last[place]) }
        let isLast = part &+ 1 == end
        try cells[part].run(
          TaskInputs(
            slots: local.slots, ids: inputs + firstInput, count: Int(parts[part &+ 1].firstInput) &- firstInput,
            uses: local.uses),
          TaskContext(state), isLast ? result : local.slots + Int(description.result))
        for place in lastUses { local.drop(last[place]) }
        if isLast { return }
        part &+= 1
        if TaskContext(state).isCancelled { throw CancellationError() }
      }
    } catch {
      let description = parts[part]
      for place in Int(description.firstLast)..<Int(parts[part &+ 1].firstLast) { local.settle(last[place]) }
      local.dropAll()
      if error is CancellationError || error is TaskSuspended || error is FusedPartFailure { throw error }
      throw FusedPartFailure(
        part: columns.pointee.key(ofPart: part), location: columns.pointee.location(ofPart: part), underlying: error)
    }
  }
}

/// The results of a fused task's inputs, where the executor has them.
struct OuterResults: BitwiseCopyable {
  let slots: UnsafeMutablePointer<Slot>
  let ids: UnsafePointer<UInt32>
  let uses: UnsafeMutablePointer<Atomic<Int32>>?
  let count: Int

  /// Whether nobody else will use the input: then it may be taken, and nobody changes the count any more.
  @inline(__always)
  func isLastUser(of input: Int) -> Bool {
    guard let uses else { return false }
    // Acquires what the other users of the result did before they counted themselves off.
    return uses[Int(ids[input])].load(ordering: .acquiring) == 1
  }
}

/// The slots of a fused task while it runs: copies of its inputs', then those of its parts.
struct LocalResults: BitwiseCopyable {
  let outside: OuterResults
  let slots: UnsafeMutablePointer<Slot>
  /// 1 for a result that the part which runs may take, otherwise 2.
  let uses: UnsafeMutablePointer<Atomic<Int32>>
  let count: Int

  /// Sets all up for the first part. The memory holds nothing yet.
  @inline(__always)
  func fill() {
    for place in 0..<count {
      slots[place] = place < outside.count ? outside.slots[Int(outside.ids[place])] : Slot()
      (uses + place).initialize(to: Atomic(2))
    }
  }

  /// Before a part that is the last to use a result.
  @inline(__always)
  func prepare(_ use: FusedColumns.LastUse) {
    if !use.isRepeated, use.slot >= outside.count || outside.isLastUser(of: use.slot) {
      uses[use.slot].store(1, ordering: .relaxed)
    }
  }

  /// After that part.
  @inline(__always)
  func drop(_ use: FusedColumns.LastUse) {
    let slot = use.slot
    if slot >= outside.count {
      slots[slot].clear()
      uses[slot].store(2, ordering: .relaxed)
    } else if uses[slot].load(ordering: .relaxed) == 1 || (use.isRepeated && outside.isLastUser(of: slot)) {
      // The executor's slot holds the same reference, or what was taken: it is dropped once.
      slots[slot].clear()
      outside.slots[Int(outside.ids[slot])] = Slot()
    }
  }

  /// After that part when it threw: only what it has taken is gone.
  func settle(_ use: FusedColumns.LastUse) {
    let slot = use.slot
    if slot < outside.count, slots[slot].isEmpty { outside.slots[Int(outside.ids[slot])] = Slot() }
  }

  /// Drops the results of all parts.
  func dropAll() {
    for place in outside.count..<count { slots[place].clear() }
  }
}
