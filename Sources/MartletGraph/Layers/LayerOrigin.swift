/// The layers that were expanded together, as they are told to others: so that a graph of their blocks can be sent as layers
/// again. Those that are several steps a block, or tasks that were there before, cannot be.
package final class LayerOrigin: Sendable {
  /// By number of a layer; inputs name layers by these numbers.
  package let layers: [SentLayer?]

  /// O(layers), whatever their blocks.
  init(_ all: BlockLayers) {
    let places = Array(all.layers.indices)
    layers = all.layers.enumerated().map { number, layer in
      // What cannot be named is not sent as a layer.
      layer.steps.count == 1 ? try? layer.sent(layer.steps[0], places, firstStep: number) : nil
    }
  }
}

/// A task that is a block of a layer.
package protocol LayerBlock {
  /// Where the layer is among those that it was expanded with, the number of the block, and how many inputs it has; nil for a block that
  /// came as bytes.
  var layerBlock: (origin: LayerOrigin, layer: Int, block: Int, inputCount: Int)? { get }
}

extension BlockTask: LayerBlock {
  var layerBlock: (origin: LayerOrigin, layer: Int, block: Int, inputCount: Int)? {
    plan.origin.map { ($0, plan.layer, number, plan.starts[plan.starts.count - 1]) }
  }
}
