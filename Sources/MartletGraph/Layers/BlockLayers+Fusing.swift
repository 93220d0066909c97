extension BlockLayers {
  /// The same work with fewer layers: a layer that only one other works on, block by block, becomes part of it.
  ///
  /// The other may be transposed or permuted against it, as long as each block is used by one task only; then no block is
  /// computed twice, and none waits for more than it did. A layer that sums over its input can be followed in the same task
  /// by elementwise work, but not preceded. Keys stay what they were. O(layers), whatever the number of blocks.
  ///
  /// - Parameter outputs: Layers whose blocks will be asked for; others may vanish, or are left out when nobody needs them.
  /// - Returns: The layers that remain, and where the outputs are among them.
  public func fused(keeping outputs: [BlockArray]) -> (layers: BlockLayers, outputs: [BlockArray]) {
    var isOutput = [Bool](repeating: false, count: layers.count)
    for output in outputs { isOutput[checked(output)] = true }
    // How many inputs of layers that remain each layer is.
    var uses = uses(isOutput)
    let isNeeded = layers.indices.map { uses[$0] > 0 || isOutput[$0] }
    var current = layers
    var absorbed = [Bool](repeating: false, count: layers.count)
    for number in layers.indices where isNeeded[number] {
      // Inputs of what is absorbed become inputs of the layer. Where it has them already, one use is left of two, and they
      // may be absorbed in turn.
      var next = 0
      while next < current[number].inputs.count {
        let input = current[number].inputs[next]
        let source = input.array.layer
        next += 1
        guard !isOutput[source], uses[source] == 1, input.isBijection(to: layers[number].blocks),
          let merged = current[number].absorbing(current[source], source)
        else { continue }
        for input in current[number].inputs + current[source].inputs { uses[input.array.layer] -= 1 }
        for input in merged.inputs { uses[input.array.layer] += 1 }
        current[number] = merged
        absorbed[source] = true
        next = 0
      }
    }
    var numbers = [Int](repeating: -1, count: layers.count)
    var remaining: [BlockLayer] = []
    for number in layers.indices where isNeeded[number] && !absorbed[number] {
      numbers[number] = remaining.count
      remaining.append(current[number].renumbered(numbers))
    }
    return (
      BlockLayers(layers: remaining), outputs.map { BlockArray(layer: numbers[$0.layer], blocks: $0.blocks) }
    )
  }

  /// How many inputs of needed layers each layer is.
  private func uses(_ isOutput: [Bool]) -> [Int] {
    var uses = [Int](repeating: 0, count: layers.count)
    for number in layers.indices.reversed() where uses[number] > 0 || isOutput[number] {
      for input in layers[number].inputs { uses[input.array.layer] += 1 }
    }
    return uses
  }

  /// The number of the layer. Stops the program when `array` is not of these layers.
  func checked(_ array: BlockArray) -> Int {
    guard layers.indices.contains(array.layer), layers[array.layer].blocks == array.blocks else {
      invariantFailure("layer \(array.layer) of \(array.blocks) blocks is not of these layers")
    }
    return array.layer
  }
}

extension BlockInput {
  /// Whether each block of the input is used by one block of a layer of this shape.
  fileprivate func isBijection(to blocks: [Int]) -> Bool {
    var isFollowed = blocks.map { $0 == 1 }
    for (axis, extent) in zip(axes, array.blocks) {
      switch axis {
      case .along(let dimension):
        if extent > 1, isFollowed[dimension] { return false }
        isFollowed[dimension] = true
      case .at: if extent > 1 { return false }
      case .all: return false
      }
    }
    return !isFollowed.contains(false)
  }

  /// The input seen from a layer whose blocks lead to those of the present one by `axes`.
  fileprivate func seen(through axes: [BlockAxis]) -> BlockInput {
    BlockInput(array, self.axes.seen(through: axes))
  }
}

extension [BlockAxis] {
  fileprivate func seen(through axes: [BlockAxis]) -> [BlockAxis] {
    map { axis in
      if case .along(let dimension) = axis { axes[dimension] } else { axis }
    }
  }
}

extension BlockLayer {
  /// The layer with the steps of its input layer `source` in front of its own; nil when that would be too many, or when
  /// there are none.
  fileprivate func absorbing(_ source: BlockLayer, _ sourceNumber: Int) -> BlockLayer? {
    guard !source.steps.isEmpty, source.steps.count + steps.count <= BlockLayer.mostSteps,
      source.inputs.count + inputs.count <= BlockLayer.mostInputs,
      let place = inputs.firstIndex(where: { $0.array.layer == sourceNumber })
    else { return nil }
    let axes = inputs[place].axes
    var merged: [BlockInput] = []
    func number(of input: BlockInput) -> Int {
      if let known = merged.firstIndex(of: input) { return known }
      merged.append(input)
      return merged.count - 1
    }
    let sourceInputs = source.inputs.map { number(of: $0.seen(through: axes)) }
    let ownInputs = inputs.enumerated().map { $0 == place ? -1 : number(of: $1) }
    let shift = source.steps.count
    let first = source.steps.map { step in
      step.moved(place: step.place.seen(through: axes)) { operand in
        if case .input(let input) = operand { .input(sourceInputs[input]) } else { operand }
      }
    }
    let second = steps.map { step in
      step.moved(place: step.place) { operand in
        switch operand {
        case .step(let earlier): .step(earlier + shift)
        case .input(place): .step(shift - 1)
        case .input(let input): .input(ownInputs[input])
        }
      }
    }
    return BlockLayer(label: joined(source.label, label), grid: grid, steps: first + second, inputs: merged)
  }

  /// The layer with other numbers for the layers that it works on.
  fileprivate func renumbered(_ numbers: [Int]) -> BlockLayer {
    let inputs = inputs.map { input in
      BlockInput(BlockArray(layer: numbers[input.array.layer], blocks: input.array.blocks), input.axes)
    }
    return BlockLayer(label: label, grid: grid, steps: steps, inputs: inputs)
  }
}

/// `a+b`; a long one loses its middle.
private func joined(_ first: String, _ second: String) -> String {
  let whole = "\(first)+\(second)"
  return whole.count <= 96 ? whole : "\(whole.prefix(47))…\(whole.suffix(48))"
}

extension BlockStep {
  fileprivate func moved(place: [BlockAxis], _ operand: (BlockOperand) -> BlockOperand) -> BlockStep {
    BlockStep(label: label, call: call, place: place, grid: grid, operands: operands.map(operand))
  }
}
