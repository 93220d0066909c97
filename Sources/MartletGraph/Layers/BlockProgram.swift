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
    /// The steps whose results nobody uses after it.
    var last: [Int]
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
    for number in steps.indices.dropLast() {
      let slot = UInt32(inputCount + number)
      let last = steps.lastIndex { $0.slots.contains(slot) } ?? number
      steps[last].last.append(number)
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

  /// Runs the steps one after the other. Results of inputs are copied as words into local slots and still belong to the
  /// executor, so nobody may take them; a result of a step belongs to the task, and its last user may take it.
  private func run(
    _ number: Int, _ inputs: borrowing TaskInputs, _ context: borrowing TaskContext,
    _ result: UnsafeMutablePointer<Slot>
  ) throws {
    let count = inputCount + steps.count
    let outside = (slots: inputs.slots, ids: inputs.ids)
    let state = context.state
    try withUnsafeTemporaryAllocation(of: Slot.self, capacity: count) { slots in
      try withUnsafeTemporaryAllocation(
        byteCount: count * MemoryLayout<Atomic<Int32>>.stride, alignment: 8
      ) { memory in
        guard let slots = slots.baseAddress, let memory = memory.baseAddress else { return }
        let uses = memory.bindMemory(to: Atomic<Int32>.self, capacity: count)
        for place in 0..<count {
          (slots + place).initialize(to: place < inputCount ? outside.slots[Int(outside.ids[place])] : Slot())
          (uses + place).initialize(to: Atomic(2))
        }
        defer {
          for place in inputCount..<count { slots[place].clear() }
        }
        for part in steps.indices {
          let step = steps[part]
          let isLast = part + 1 == steps.count
          for used in step.last {
            let slot = UInt32(inputCount + used)
            // Named twice, it is read twice.
            if step.slots.count(where: { $0 == slot }) == 1 { uses[Int(slot)].store(1, ordering: .relaxed) }
          }
          do {
            try step.slots.withUnsafeBufferPointer { ids in
              // An empty array has no address, and an input that is not there is never read.
              let first = ids.baseAddress ?? UnsafePointer(bitPattern: 4).unsafelyUnwrapped
              let values = TaskInputs(slots: slots, ids: first, count: ids.count, uses: uses)
              try step.function.fill(
                isLast ? result : slots + (inputCount + part),
                BlockInputs(values, starts: step.plan.starts, block: step.plan.place(of: blocks[number])),
                TaskContext(state))
            }
          } catch {
            if error is CancellationError { throw error }
            throw FusedPartFailure(part: key(of: number, part: part), location: nil, underlying: error)
          }
          for used in step.last { slots[inputCount + used].clear() }
          if !isLast, TaskContext(state).isCancelled { throw CancellationError() }
        }
      }
    }
  }
}
