import MartletBytes

/// What all tasks of one step of a layer have in common.
final class BlockStepPlan: Sendable {
  let step: BlockStep
  let grid: BlockGrid
  /// The blocks of operand `i` are the inputs `starts[i] ..< starts[i + 1]`.
  let starts: [Int]
  /// The layers that this one was expanded with, and which it is among them, where its blocks can be told as a layer.
  let origin: LayerOrigin?
  let layer: Int
  private let isPlain: Bool

  /// - Parameters:
  ///   - grid: That of the layer, whose numbers blocks have.
  ///   - counts: How many blocks one task has of each operand.
  init(_ step: BlockStep, in grid: BlockGrid, counts: [Int], origin: LayerOrigin? = nil, layer: Int = 0) {
    self.step = step
    self.grid = grid
    self.origin = origin
    self.layer = layer
    var starts = [0]
    for count in counts { starts.append(starts[starts.count - 1] + count) }
    self.starts = starts
    isPlain = step.place == grid.shape.indices.map { .along($0) }
  }

  /// Where block `number` of the layer is in the layer that the step was added as.
  func place(of number: Int) -> [Int] {
    let index = grid.index(of: number)
    return isPlain ? index : step.place.place(at: index)
  }
}

/// One block of a layer as a function by itself.
struct BlockTask<Function: BlockFunction>: TaskFunction {
  let function: Function
  let plan: BlockStepPlan
  let number: Int

  static var name: String { Function.name }
  static var version: Int { Function.version }

  func hash(into hasher: inout StableHasher) {
    hasher.combine("martlet.block")
    hasher.combine(plan.step.call.arguments.count)
    plan.step.call.arguments.withUnsafeBytes { hasher.combine(bytes: $0) }
    for extent in plan.step.grid.shape { hasher.combine(extent) }
    for place in plan.place(of: number) { hasher.combine(place) }
    for start in plan.starts { hasher.combine(start) }
  }

  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Function.Result {
    // In bytes that came from elsewhere they may not fit each other.
    guard plan.starts[plan.starts.count - 1] == inputs.count else {
      throw TaskInputError(index: inputs.count, expected: "\(plan.starts[plan.starts.count - 1]) blocks", found: nil)
    }
    let all = inputs.prefix(inputs.count)
    return try function.run(BlockInputs(all, starts: plan.starts, block: plan.place(of: number)), context)
  }
}

extension BlockFunction {
  /// The call of one block.
  func task(_ plan: BlockStepPlan, _ number: Int) -> any TaskFunction {
    BlockTask(function: self, plan: plan, number: number)
  }

  /// What a task does that is one block.
  func body(_ plan: BlockStepPlan, _ number: Int) -> TaskBody {
    { inputs, context, slot in
      let all = inputs.prefix(inputs.count)
      try fill(slot, BlockInputs(all, starts: plan.starts, block: plan.place(of: number)), context)
    }
  }

  /// The key of one block whose inputs have the keys `digests`: as `GraphBuilder.call` makes it.
  func digest(_ plan: BlockStepPlan, _ number: Int, on digests: [Digest128]) -> Digest128 {
    var hasher = GraphBuilder.hasher(of: BlockTask(function: self, plan: plan, number: number))
    hasher.combine(digests.count)
    for digest in digests { hasher.combine(digest) }
    return hasher.digest()
  }
}
