import MartletBytes

/// Blocks of a layer that somebody wants.
public struct BlockSelection: Sendable, Hashable {
  let array: BlockArray
  let blocks: [[Int]]?

  /// All blocks, row by row.
  public static func all(_ array: BlockArray) -> BlockSelection { BlockSelection(array: array, blocks: nil) }

  /// The blocks at these places, in this order.
  public static func some(_ array: BlockArray, _ blocks: [[Int]]) -> BlockSelection {
    BlockSelection(array: array, blocks: blocks)
  }
}

extension BlockLayers {
  /// Makes tasks of the blocks that are wanted and of those that they need; no others.
  ///
  /// A block is one task, however many steps its layer has. Tasks that are there already with the same key are not added
  /// again. O(tasks + dependencies): blocks that nobody needs cost nothing.
  ///
  /// - Parameters:
  ///   - functions: Where functions are found of layers that came as bytes.
  ///   - limit: The most tasks, and the most inputs of all tasks of a layer.
  ///   - given: The task that is the block of a layer added by `BlockLayers.given`, which has to be one of `builder`.
  /// - Returns: For each selection its tasks.
  /// - Throws: `BlockLayerError`: a place outside of its layer, more tasks than `limit`, a function that is not known here.
  public func expand(
    _ selections: [BlockSelection], into builder: inout GraphBuilder, functions: BlockFunctions = BlockFunctions(),
    limit: Int = 100_000_000, given: (BlockArray, [Int]) -> AnyNode? = { _, _ in nil }
  ) throws(BlockLayerError) -> [[AnyNode]] {
    let expansion = try BlockExpansion(self, selections, limit)
    let origin = LayerOrigin(self)
    var tasks = [[UInt32]](repeating: [], count: layers.count)
    for layer in layers.indices where !expansion.blocks[layer].isEmpty {
      if layers[layer].steps.isEmpty {
        let array = BlockArray(layer: layer, blocks: layers[layer].blocks)
        for number in expansion.blocks[layer] {
          let index = layers[layer].grid.index(of: number)
          guard let node = given(array, index) else {
            throw BlockLayerError("no task is given for block \(index) of \(layers[layer].label)")
          }
          tasks[layer].append(builder.check(node))
        }
      } else {
        tasks[layer] = try expansion.add(layers[layer], layer, tasks, &builder, functions, origin)
      }
    }
    let stamp = builder.stamp
    return zip(selections, expansion.wanted).map { selection, numbers in
      let layer = selection.array.layer
      return numbers.map { number in
        let place = expansion.place(of: number, in: layer, layers[layer].grid)
        return AnyNode(id: TaskID(rawValue: tasks[layer][place]), stamp: stamp)
      }
    }
  }
}

/// Which blocks of which layers become tasks.
private struct BlockExpansion {
  /// By layer the numbers of its blocks, ascending.
  let blocks: [[Int]]
  /// By layer what its tasks work on.
  let reaches: [[BlockReach]]
  /// By selection the numbers of its blocks.
  let wanted: [[Int]]

  init(_ all: BlockLayers, _ selections: [BlockSelection], _ limit: Int) throws(BlockLayerError) {
    let layers = all.layers
    var wanted: [[Int]] = []
    var sets = [BlockSet?](repeating: nil, count: layers.count)
    var total = 0
    func add(_ number: Int, _ layer: Int) throws(BlockLayerError) {
      if sets[layer] == nil { sets[layer] = BlockSet(layers[layer].grid) }
      if sets[layer]?.insert(number) == true { total += 1 }
      if total > limit { throw BlockLayerError("the layers expand to more than \(limit) tasks: ask for fewer blocks") }
    }
    for selection in selections {
      let layer = all.checked(selection.array)
      let grid = layers[layer].grid
      var numbers: [Int] = []
      if let places = selection.blocks {
        for place in places {
          guard let number = grid.number(of: place) else {
            throw BlockLayerError("\(layers[layer].label) of \(grid.shape) blocks has none at \(place)")
          }
          numbers.append(number)
        }
      } else {
        guard grid.count <= limit else {
          throw BlockLayerError("the layers expand to more than \(limit) tasks: ask for fewer blocks")
        }
        numbers = Array(0..<grid.count)
      }
      for number in numbers { try add(number, layer) }
      wanted.append(numbers)
    }
    var blocks = [[Int]](repeating: [], count: layers.count)
    var reaches = [[BlockReach]](repeating: [], count: layers.count)
    for layer in layers.indices.reversed() {
      guard let set = sets[layer] else { continue }
      sets[layer] = nil
      blocks[layer] = set.sorted()
      for input in layers[layer].inputs {
        guard let reach = BlockReach(input, rank: layers[layer].blocks.count, limit: limit) else {
          throw BlockExpansion.tooManyInputs(layers[layer], limit)
        }
        reaches[layer].append(reach)
      }
      // With what steps name several times.
      let inputCount = layers[layer].steps.reduce(0) { sum, step in
        step.operands.reduce(sum) { sum, operand in
          if case .input(let input) = operand { sum + reaches[layer][input].offsets.count } else { sum + 1 }
        }
      }
      guard inputCount == 0 || blocks[layer].count <= limit / inputCount else {
        throw BlockExpansion.tooManyInputs(layers[layer], limit)
      }
      let grid = layers[layer].grid
      for number in blocks[layer] where !reaches[layer].isEmpty {
        let index = grid.index(of: number)
        for reach in reaches[layer] {
          let base = reach.base(index)
          for offset in reach.offsets { try add(base + offset, reach.layer) }
        }
      }
    }
    self.blocks = blocks
    self.reaches = reaches
    self.wanted = wanted
  }

  private static func tooManyInputs(_ layer: BlockLayer, _ limit: Int) -> BlockLayerError {
    BlockLayerError("the tasks of \(layer.label) work on more than \(limit) blocks: ask for fewer of them")
  }

  /// Where the task of a block stands among those of its layer.
  func place(of number: Int, in layer: Int, _ grid: BlockGrid) -> Int {
    let numbers = blocks[layer]
    return numbers.count == grid.count ? number : lowerBound(numbers.count) { numbers[$0] < number }
  }

  /// Adds the tasks of a layer.
  func add(
    _ layer: BlockLayer, _ number: Int, _ tasks: [[UInt32]], _ builder: inout GraphBuilder,
    _ functions: BlockFunctions, _ origin: LayerOrigin
  ) throws(BlockLayerError) -> [UInt32] {
    let reaches = reaches[number]
    let inputCount = reaches.reduce(0) { $0 + $1.offsets.count }
    var starts: [Int] = [0]
    for reach in reaches { starts.append(starts[starts.count - 1] + reach.offsets.count) }
    var steps: [BlockProgram.Step] = []
    for step in layer.steps {
      let counts = step.operands.map { operand in
        if case .input(let input) = operand { reaches[input].offsets.count } else { 1 }
      }
      var slots: [UInt32] = []
      for operand in step.operands {
        switch operand {
        case .input(let input): slots += (starts[input]..<starts[input + 1]).map { UInt32($0) }
        case .step(let earlier): slots.append(UInt32(inputCount + earlier))
        }
      }
      steps.append(
        BlockProgram.Step(
          plan: BlockStepPlan(
            step, in: layer.grid, counts: counts, origin: origin.layers[number] == nil ? nil : origin, layer: number),
          function: try step.call.resolved(functions),
          slots: slots))
    }
    let adder = BlockAdder(layer, steps, inputCount)
    var added: [UInt32] = []
    added.reserveCapacity(blocks[number].count)
    var inputs = [UInt32](repeating: 0, count: inputCount)
    for block in blocks[number] {
      var place = 0
      let index = layer.grid.index(of: block)
      for reach in reaches {
        let base = reach.base(index)
        let sources = blocks[reach.layer]
        for offset in reach.offsets {
          let source = base + offset
          // Whole layers are there without gaps: the last number says so.
          let isWhole = sources[sources.count - 1] == sources.count - 1
          let found = isWhole ? source : lowerBound(sources.count) { sources[$0] < source }
          inputs[place] = tasks[reach.layer][found]
          place += 1
        }
      }
      added.append(adder.add(block, inputs, &builder))
    }
    return added
  }
}

/// Adds the tasks of one layer to a builder.
private struct BlockAdder {
  let layer: BlockLayer
  let program: BlockProgram
  let inputCount: Int

  init(_ layer: BlockLayer, _ steps: [BlockProgram.Step], _ inputCount: Int) {
    self.layer = layer
    self.inputCount = inputCount
    program = BlockProgram(steps, inputCount: inputCount)
  }

  func add(_ block: Int, _ inputs: [UInt32], _ builder: inout GraphBuilder) -> UInt32 {
    // The digests of what there is, as the slots of a program stand: inputs, then results of steps.
    var digests = inputs.map { builder.columns.digests[Int($0)] }
    for step in program.steps {
      digests.append(step.function.digest(step.plan, block, on: step.slots.map { digests[Int($0)] }))
    }
    let digest = digests[digests.count - 1]
    if program.steps.count == 1 {
      let step = program.steps[0]
      for slot in step.slots { builder.depend(on: inputs[Int(slot)]) }
      return builder.append(
        layer.label, .call, .none, at: step.plan.step.call.location, digest: digest,
        content: .call(step.function.task(step.plan, block))
      ) { step.function.body(step.plan, block) }.rawValue
    }
    let number = program.add(block: block, digests: digests.dropFirst(inputCount))
    for input in inputs { builder.depend(on: input) }
    return builder.append(
      layer.label, .call, .none, digest: digest, content: .fused(FusedTask(family: program, number: number))
    ) { program.body(number) }.rawValue
  }
}
