import MartletBytes
import Synchronization

/// A layer of several steps, ready to run: each block is one task whose parts are the steps.
final class BlockProgram: FusedFamily, @unchecked Sendable {
  // Sendable: filled by one expansion, then constant.

  /// One step.
  struct Step: Sendable {
    let plan: BlockStepPlan
    let function: any BlockFunction
    /// The local slots of its inputs: first those of the task's inputs, then those of results of steps.
    let slots: [UInt32]
    /// The slots that no step uses after it.
    fileprivate(set) var last: [FusedColumns.LastUse] = []

    init(plan: BlockStepPlan, function: any BlockFunction, slots: [UInt32]) {
      (self.plan, self.function, self.slots) = (plan, function, slots)
    }
  }

  let steps: [Step]
  private let inputCount: Int
  /// For each task the numbers of its block.
  private var blocks: [Int] = []
  /// For each task the digests of its parts.
  private var digests: [Digest128] = []

  /// - Parameter inputCount: How many inputs a task has.
  init(_ steps: [Step], inputCount: Int) {
    self.inputCount = inputCount
    var steps = steps
    // The last step that uses each slot; that of a result that nobody uses is the one that makes it.
    var users = [Int](repeating: 0, count: inputCount + steps.count)
    for number in steps.indices { users[inputCount + number] = number }
    for number in steps.indices { for slot in steps[number].slots { users[Int(slot)] = number } }
    var places = [Int](repeating: -1, count: users.count)
    for number in steps.indices {
      for slot in steps[number].slots where users[Int(slot)] == number {
        let place = places[Int(slot)]
        if place < 0 {
          places[Int(slot)] = steps[number].last.count
          steps[number].last.append(FusedColumns.LastUse(slot: slot))
        } else {
          steps[number].last[place] = steps[number].last[place].repeated()
        }
      }
      let own = inputCount + number
      if users[own] == number, number + 1 < steps.count {
        steps[number].last.append(FusedColumns.LastUse(slot: UInt32(own)))
      }
    }
    self.steps = steps
  }

  /// Adds a task; its number.
  func add(block: Int, digests: some Sequence<Digest128>) -> Int {
    blocks.append(block)
    self.digests += digests
    return blocks.count - 1
  }

  func partCount(of number: Int) -> Int { steps.count }

  func key(of number: Int, part: Int) -> Key {
    Key(digest: digests[number * steps.count + part], label: steps[part].plan.step.label)
  }

  func isData(_ number: Int, part: Int) -> Bool { true }

  func content(of number: Int, part: Int) -> TaskContent? {
    .call(steps[part].function.task(steps[part].plan, blocks[number]))
  }

  func wiring(of number: Int, part: Int) -> [FusedInput] {
    steps[part].slots.map { slot in
      Int(slot) < inputCount ? .outer(Int(slot)) : .part(Int(slot) - inputCount)
    }
  }

  /// What a task does.
  func body(_ number: Int) -> TaskBody {
    { [self] inputs, context, slot in try run(number, inputs, context, slot) }
  }

  /// Runs the steps one after the other, as `FusedTasks.run` does parts: whoever uses a result last may take it, those of the
  /// task's inputs included where no other task needs them.
  private func run(
    _ number: Int, _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext,
    _ result: UnsafeMutablePointer<Slot>
  ) throws {
    let count = inputCount + steps.count
    let outside = OuterResults(slots: inputs.slots, ids: inputs.ids, uses: inputs.uses, count: inputCount)
    let state = context.state
    let bytes = count &* (MemoryLayout<Slot>.stride + MemoryLayout<Int32>.stride)
    try withUnsafeTemporaryAllocation(byteCount: bytes, alignment: 16) { memory in
      guard let base = memory.baseAddress else { return }
      let slots = base.bindMemory(to: Slot.self, capacity: count)
      let uses = (base + count &* MemoryLayout<Slot>.stride).bindMemory(to: Atomic<Int32>.self, capacity: count)
      try run(number, LocalResults(outside: outside, slots: slots, uses: uses, count: count), state, result)
    }
  }

  private func run(
    _ number: Int, _ local: LocalResults, _ state: UnsafeMutablePointer<TaskContextState>,
    _ result: UnsafeMutablePointer<Slot>
  ) throws {
    local.fill()
    for part in steps.indices {
      let step = steps[part]
      let isLast = part + 1 == steps.count
      for use in step.last { local.prepare(use) }
      do {
        try step.slots.withUnsafeBufferPointer { ids in
          // An empty array has no address, and an input that is not there is never read.
          let first = ids.baseAddress ?? UnsafePointer(bitPattern: 4).unsafelyUnwrapped
          let values = TaskInputs(slots: local.slots, ids: first, count: ids.count, uses: local.uses)
          try step.function.fill(
            isLast ? result : local.slots + (inputCount + part),
            BlockInputs(values, starts: step.plan.starts, block: step.plan.place(of: blocks[number])),
            TaskContext(state))
        }
      } catch {
        for use in step.last { local.settle(use) }
        local.dropAll()
        if error is CancellationError { throw error }
        throw FusedPartFailure(
          part: key(of: number, part: part), location: step.plan.step.call.location.location, underlying: error)
      }
      for use in step.last { local.drop(use) }
      if !isLast, TaskContext(state).isCancelled {
        local.dropAll()
        throw CancellationError()
      }
    }
  }
}
