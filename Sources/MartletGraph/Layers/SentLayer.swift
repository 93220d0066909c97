import MartletBytes

/// One step of a layer as it is told to others: everything about its blocks but their numbers.
package struct SentLayer: Sendable {
  /// Which blocks of an earlier layer of the list a block needs: its index in the grid of `axes` leads to the block
  /// `first + Σ index · step`, and from there one for each place in the grid of `spans`.
  package struct Input: Sendable {
    package struct Dimension: Sendable {
      package let extent: Int
      package let step: Int
    }
    /// The place of the earlier layer in the list, and its number of blocks.
    package let layer: Int
    package let count: Int
    package let first: Int
    /// A dimension for each one of the layer.
    package let axes: [Dimension]
    package let spans: [Dimension]
  }

  package let label: String
  package let function: String
  package let version: Int
  /// What the call of a block has in front of the block's number.
  package let arguments: [UInt8]
  /// The number of blocks.
  package let count: Int
  package let inputs: [Input]
}

/// Blocks that somebody wants, of a list of layers.
package struct SentSelection: Sendable {
  /// The place of the layer in the list.
  package let layer: Int
  /// The numbers of the blocks; nil: all.
  package let blocks: [Int]?
}

extension BlockLayers {
  /// The layers that these selections need, with every step as a layer of its own: O(layers), whatever their blocks.
  ///
  /// Layers that are needed are there whole, also where some of their blocks are not needed.
  ///
  /// - Throws: `BlockLayerError` for blocks that are not there, or that are tasks of their own.
  package func sent(
    _ selections: [BlockSelection]
  ) throws(BlockLayerError) -> (layers: [SentLayer], selections: [SentSelection]) {
    var isNeeded = [Bool](repeating: false, count: layers.count)
    for selection in selections { isNeeded[checked(selection.array)] = true }
    for layer in layers.indices.reversed() where isNeeded[layer] {
      for input in layers[layer].inputs { isNeeded[input.array.layer] = true }
    }
    var sent: [SentLayer] = []
    // By layer the place of its last step in the list.
    var places = [Int](repeating: -1, count: layers.count)
    for (number, layer) in layers.enumerated() where isNeeded[number] {
      guard !layer.steps.isEmpty else {
        throw BlockLayerError(
          "the blocks of \(layer.label) are tasks that are there already: expand the layers, and send the tasks")
      }
      let first = sent.count
      for step in layer.steps {
        sent.append(try layer.sent(step, places, firstStep: first))
      }
      places[number] = sent.count - 1
    }
    var chosen: [SentSelection] = []
    for selection in selections {
      let layer = layers[selection.array.layer]
      var blocks: [Int]?
      if let wanted = selection.blocks {
        var numbers: [Int] = []
        for place in wanted {
          guard let number = layer.grid.number(of: place) else {
            throw BlockLayerError("\(layer.label) of \(layer.blocks) blocks has none at \(place)")
          }
          numbers.append(number)
        }
        blocks = numbers
      }
      chosen.append(SentSelection(layer: places[selection.array.layer], blocks: blocks))
    }
    return (sent, chosen)
  }
}

extension BlockLayer {
  /// A step; `places` says where the layers are that this one works on, earlier steps follow from `firstStep`.
  func sent(_ step: BlockStep, _ places: [Int], firstStep: Int) throws(BlockLayerError) -> SentLayer {
    var inputs: [SentLayer.Input] = []
    var counts: [Int] = []
    for operand in step.operands {
      let input: SentLayer.Input
      switch operand {
      case .input(let number):
        input = self.input(inputs: self.inputs[number], at: places[self.inputs[number].array.layer])
      case .step(let earlier): input = own(at: firstStep + earlier)
      }
      var count = 1
      for span in input.spans {
        let (product, isTooMuch) = count.multipliedReportingOverflow(by: span.extent)
        guard !isTooMuch, product < 1 << 32 else {
          throw BlockLayerError("a block of \(label) works on more blocks than can be named")
        }
        count = product
      }
      inputs.append(input)
      counts.append(count)
    }
    var writer = ByteWriter()
    BlockStepPlan(step, in: grid, counts: counts).write(to: &writer)
    return SentLayer(
      label: step.label, function: step.call.name, version: step.call.version, arguments: writer.bytes,
      count: grid.count, inputs: inputs)
  }

  /// The block of the same number.
  private func own(at place: Int) -> SentLayer.Input {
    SentLayer.Input(
      layer: place, count: grid.count, first: 0,
      axes: zip(grid.shape, grid.strides).map { SentLayer.Input.Dimension(extent: $0, step: $1) }, spans: [])
  }

  private func input(inputs input: BlockInput, at place: Int) -> SentLayer.Input {
    let strides = BlockGrid(input.array.blocks).map(\.strides) ?? []
    var steps = [Int](repeating: 0, count: grid.shape.count)
    var first = 0
    var spans: [SentLayer.Input.Dimension] = []
    for (dimension, axis) in input.axes.enumerated() {
      let extent = input.array.blocks[dimension]
      switch axis {
      // One block is at place 0: its stride plays no part.
      case .along(let own): if extent > 1 { steps[own] += strides[dimension] }
      case .at(let place): first += place * strides[dimension]
      case .all: if extent > 1 { spans.append(SentLayer.Input.Dimension(extent: extent, step: strides[dimension])) }
      }
    }
    return SentLayer.Input(
      layer: place, count: input.array.blocks.reduce(1, *), first: first,
      axes: zip(grid.shape, steps).map { SentLayer.Input.Dimension(extent: $0, step: $1) }, spans: spans)
  }
}

extension BlockGrid {
  /// What one step along each dimension adds to the number of a block.
  var strides: [Int] {
    var stride = 1
    var strides = shape
    for dimension in shape.indices.reversed() {
      strides[dimension] = stride
      stride *= shape[dimension]
    }
    return strides
  }
}
