package import MartletBytes
package import MartletGraph
package import MartletProtocol

/// Layers of blocks as the messages that bring them to a scheduler: a record a layer, whatever its number of blocks.
///
/// The keys of blocks follow from the keys of their layers, which are made of content: equal layers have equal keys in every
/// process, whether they are sent as layers or were expanded into a graph (`GraphShipment`).
package struct LayerShipment {
  /// One message.
  package private(set) var piece = Submission(graph: 0, isLast: true)
  /// The keys of the wanted blocks, in the order in which the scheduler names them.
  package private(set) var named: [Digest128] = []
  /// By selection the keys of its blocks, in the order in which they were asked for.
  package private(set) var selected: [[Digest128]] = []
  /// By selection the type of its blocks.
  package private(set) var types: [PortableValueType] = []

  /// - Throws: `BlockLayerError` for layers that cannot be sent as such; `ClusterError` for functions that this process has not
  ///   registered.
  package init(_ layers: BlockLayers, _ selections: [BlockSelection], registry: TaskFunctionRegistry) throws {
    let (sent, chosen) = try layers.sent(selections)
    var functions: [RegisteredFunction] = []
    for (place, layer) in sent.enumerated() {
      guard let function = registry.function(named: layer.function, version: layer.version) else {
        throw ClusterError(
          .denied,
          "the block function \(layer.function) version \(layer.version) of the layer \(layer.label) is not "
            + "registered in this process",
          "Call TaskFunctions.register(blocks:) with it on clients and workers before they start")
      }
      guard layer.fits else {
        throw ClusterError(
          .denied,
          "the layer \(layer.label) of \(layer.count) blocks, with \(layer.inputs.count) inputs and arguments of "
            + "\(layer.arguments.count) bytes, is too large to be sent",
          "Work on fewer inputs at once: at most \(SubmittedLayer.inputLimit)")
      }
      functions.append(function)
      let inputs = layer.inputs.map { SubmittedLayer.Input($0, of: layer, digest: piece.layers[$0.layer].digest) }
      let ofThis = chosen.filter { $0.layer == place }
      var wanted = Set(ofThis.flatMap { $0.blocks ?? [] }).sorted()
      let isWanted = ofThis.contains { $0.blocks == nil } || wanted.count == layer.count
      if isWanted { wanted = [] }
      piece.layers.append(
        SubmittedLayer(
          digest: LayerShipment.digest(layer, inputs), label: piece.labels.number(of: layer.label),
          function: piece.functions.number(of: FunctionName(name: layer.function, version: layer.version)),
          arguments: layer.arguments, count: UInt32(layer.count), inputs: inputs, isWanted: isWanted,
          wanted: wanted.map { UInt32($0) }))
    }
    for layer in piece.layers { named += (0..<layer.wantedCount).map { layer.wantedDigest($0) } }
    for selection in chosen {
      let layer = piece.layers[selection.layer]
      types.append(functions[selection.layer].result)
      selected.append((selection.blocks ?? Array(0..<Int(layer.count))).map { layer.digest.member(UInt64($0)) })
    }
  }

  /// The family of the keys of a layer's blocks: of content alone.
  static func digest(_ layer: SentLayer, _ inputs: [SubmittedLayer.Input]) -> Digest128 {
    var hasher = StableHasher()
    hasher.combine("martlet.layer")
    hasher.combine(layer.function)
    hasher.combine(layer.version)
    hasher.combine(layer.arguments)
    hasher.combine(layer.count)
    hasher.combine(inputs.count)
    for input in inputs {
      var writer = ByteWriter()
      input.write(to: &writer)
      hasher.combine(writer.bytes)
    }
    return hasher.digest()
  }
}

extension SentLayer {
  /// Whether a message can name it.
  var fits: Bool {
    count <= Int(UInt32.max) && arguments.count <= WireLimits.argumentBytes && inputs.count <= SubmittedLayer.inputLimit
  }
}

extension SubmittedLayer.Input {
  /// In the shortest form that says it.
  init(_ input: SentLayer.Input, of layer: SentLayer, digest: Digest128) {
    let axes = input.axes.filter { $0.extent > 1 }
    var stride = 1
    let rowByRow = axes.reversed().map { axis in
      defer { stride *= axis.extent }
      return stride
    }.reversed()
    let steps = axes.map(\.step)
    var size = 1
    var isDense = true
    for span in input.spans.reversed() {
      isDense = isDense && span.step == size
      size *= span.extent
    }
    if input.spans.isEmpty, steps.allSatisfy({ $0 == 0 }) {
      self = .shared(digest.member(UInt64(input.first)))
    } else if input.spans.isEmpty, input.first == 0, steps == Array(rowByRow) {
      self = .block(of: digest)
    } else if isDense, input.first == 0, steps == rowByRow.map({ $0 * size }) {
      self = .range(of: digest, count: UInt32(input.count), size: UInt32(size))
    } else {
      let dimension = { (side: SentLayer.Input.Dimension) in
        BlockStrides.Dimension(extent: UInt32(side.extent), step: UInt32(side.step))
      }
      self = .strided(
        of: digest,
        BlockStrides(
          count: UInt32(input.count), first: UInt32(input.first), axes: input.axes.map(dimension),
          spans: input.spans.map(dimension)))
    }
  }
}

extension [String] {
  fileprivate mutating func number(of name: String) -> UInt32 {
    let label = PieceWriter.shortened(name)
    if let known = firstIndex(of: label) { return UInt32(known) }
    append(label)
    return UInt32(count - 1)
  }
}

extension [FunctionName] {
  fileprivate mutating func number(of name: FunctionName) -> UInt32 {
    if let known = firstIndex(of: name) { return UInt32(known) }
    append(name)
    return UInt32(count - 1)
  }
}
