import MartletBytes
import MartletGraph
import MartletProtocol

/// The layers of blocks that were expanded into a graph, found again in it: what is sent as a layer takes some hundred bytes,
/// whatever its number of blocks.
///
/// A layer is sent as one when all that it needs are blocks of such layers, and at least a quarter of its blocks are needed; those that
/// nobody needs are not computed. Other blocks are sent task by task. In both ways, and by `LayerShipment`, a block has the key that
/// follows from its layer. O(tasks), and nothing for graphs without layers but a look at each type of function.
package struct GraphLayers: Sendable {
  /// A layer, and what the graph has of it.
  struct Layer {
    let sent: SentLayer
    let digest: Digest128
    let inputs: [SubmittedLayer.Input]
    /// The layers that its inputs are blocks of.
    let sources: [Digest128]
    let function: RegisteredFunction
    /// The graph's number of its label.
    let label: UInt32
    /// How many blocks are needed, and which are wanted.
    var needed = 0
    var wanted: [(block: UInt32, task: Int)] = []
    /// Whether it can be sent as a layer.
    var isWhole = true
  }

  /// In the order of their first blocks: each behind those that it needs.
  private(set) var layers: [Layer] = []
  // Only looked up.
  private var places: [Digest128: Int] = [:]
  /// By layer of an origin its place in `layers`, or its digest where it has none yet.
  private var origins: [ObjectIdentifier: Origin] = [:]
  private var last: (id: ObjectIdentifier, layer: Int, place: Int)?

  private struct Origin {
    /// Kept, so that no other object gets its identity.
    let origin: LayerOrigin
    var digests: [Digest128?] = []
    var inputs: [[SubmittedLayer.Input]] = []
  }

  /// Fewer blocks are sent task by task, in the order that the client has found for them.
  package static let leastBlocks = 512
  private let leastBlocks: Int

  init(leastBlocks: Int) { self.leastBlocks = leastBlocks }

  /// Notes a needed task that calls a registered function.
  ///
  /// - Returns: Its key; nil when it is no block of a layer that can be told as one.
  mutating func note(
    _ task: Int, _ function: any LayerBlock, _ registered: RegisteredFunction, label: UInt32, inputCount: Int,
    isWanted: Bool, hasTraits: Bool
  ) -> Digest128? {
    guard let (origin, number, block, inputs) = function.layerBlock, inputs == inputCount,
      let place = place(of: origin, number, registered, label)
    else { return nil }
    layers[place].needed += 1
    if isWanted { layers[place].wanted.append((UInt32(block), task)) }
    if hasTraits || layers[place].label != label { layers[place].isWhole = false }
    return layers[place].digest.member(UInt64(block))
  }

  private mutating func place(
    of origin: LayerOrigin, _ number: Int, _ function: RegisteredFunction, _ label: UInt32
  ) -> Int? {
    let id = ObjectIdentifier(origin)
    if let last, last.id == id, last.layer == number { return last.place }
    if origins[id] == nil { origins[id] = GraphLayers.digests(of: origin) }
    guard let known = origins[id], let digest = known.digests[number], let sent = origin.layers[number] else {
      return nil
    }
    let place = places[digest] ?? layers.count
    if place == layers.count {
      places[digest] = place
      layers.append(
        Layer(
          sent: sent, digest: digest, inputs: known.inputs[number],
          sources: sent.inputs.compactMap { known.digests[$0.layer] }, function: function, label: label))
    }
    last = (id, number, place)
    return place
  }

  private static func digests(of origin: LayerOrigin) -> Origin {
    var all = Origin(origin: origin)
    for layer in origin.layers {
      var inputs: [SubmittedLayer.Input] = []
      for input in layer?.inputs ?? [] {
        guard let layer, let digest = all.digests[input.layer] else { break }
        inputs.append(SubmittedLayer.Input(input, of: layer, digest: digest))
      }
      let isNamed = layer.map { $0.fits && inputs.count == $0.inputs.count } ?? false
      all.digests.append(isNamed ? layer.map { LayerShipment.digest($0, inputs) } : nil)
      all.inputs.append(isNamed ? inputs : [])
    }
    return all
  }

  /// Decides what is sent as layers, when all tasks were noted.
  mutating func decide() {
    for place in layers.indices where layers[place].isWhole {
      let layer = layers[place]
      let needsLayers = layer.sources.allSatisfy { source in places[source].map { layers[$0].isWhole } ?? false }
      if !needsLayers || layer.needed * 4 < layer.sent.count { layers[place].isWhole = false }
    }
    let blocks = layers.reduce(0) { $0 + ($1.isWhole ? $1.needed : 0) }
    if blocks < leastBlocks { for place in layers.indices { layers[place].isWhole = false } }
    for place in layers.indices {
      layers[place].wanted.sort { $0.block < $1.block }
    }
  }

  /// Whether the block with this key is sent with its layer.
  func isSentWithLayer(_ function: any LayerBlock) -> Bool {
    guard let (origin, number, _, _) = function.layerBlock,
      let digest = origins[ObjectIdentifier(origin)]?.digests[number],
      let place = places[digest]
    else { return false }
    return layers[place].isWhole
  }

  /// Whether any is sent as a layer.
  var isEmpty: Bool { !layers.contains { $0.isWhole } }
}
