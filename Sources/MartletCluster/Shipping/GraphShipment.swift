package import MartletBytes
package import MartletEngine
package import MartletGraph
package import MartletProtocol

/// A graph as the messages that bring it to a scheduler: only the tasks that wanted ones need, in the graph's static order.
///
/// Layers of blocks that were expanded into the graph go as layers where that is possible: see `GraphLayers`.
///
/// Keys are made anew here, of content alone: those of gathers and aliases hold for one graph only where they are not sent.
/// So equal work has an equal key, whatever process, and whatever graph it was written in.
///
/// Some 0.5 µs a call, more where arguments are Codable, and 28 bytes a task of the graph while it lasts. The key that a call has in its
/// graph is taken where its inputs have theirs: it was made in the same way.
package struct GraphShipment {
  /// The keys of the wanted tasks, in the order in which they were named.
  package private(set) var wantedDigests: [Digest128]
  /// For each wanted task its place among the handles that the scheduler answers with.
  package private(set) var wantedPlaces: [Int]
  /// The number of tasks that are sent.
  package private(set) var count: Int

  private let graph: TaskGraph
  private let number: UInt32
  private let registry: TaskFunctionRegistry
  /// What the next message takes at most, and any.
  private var nextPieceBytes: Int
  private let pieceBytes: Int
  private let wanted: [TaskID]
  private let defaults: SubmitOptions?

  /// Layers that are sent as such, and how many of them were.
  private var layers: GraphLayers
  private var sentLayers = 0
  /// Where in the order the next piece begins.
  private var rank = 0
  private var shipped: UInt32 = 0
  private var isDone = false
  private var answered = 0
  /// By task: its key, and which one it is among those that were sent, or a mark.
  private var digests: [Digest128]
  private var places: [UInt32]
  /// By task: its type, which gathers name.
  private var types: [PortableValueType?]

  /// In `places`: nobody needs it; needed; needed and wanted.
  private static let unneeded = UInt32.max
  private static let needed = UInt32.max - 1
  private static let wantedMark = UInt32.max - 2
  /// A result that the cluster has already, or a block that comes with its layer: it is named, not sent.
  private static let elsewhere = UInt32.max - 3

  /// The first messages are short, and each may be twice as long as the one before it: the scheduler reads one while the next is
  /// written.
  private static let firstPieceBytes = 64 << 10

  /// What keeps the results alive that the graph needs and the cluster has already.
  package private(set) var references: [AnyObject] = []

  /// - Parameters:
  ///   - number: The client's number of the graph.
  ///   - wanted: The tasks whose results the client asks for.
  ///   - defaults: What holds for tasks that do not say otherwise themselves.
  ///   - pieceBytes: What one message takes at most, unless a single task takes more.
  ///   - leastLayerBlocks: Fewer blocks of layers are sent task by task.
  /// - Throws: `ShippingError` for a task that is no data, before anything is sent.
  package init(
    _ graph: TaskGraph, number: UInt32, wanted: [TaskID], registry: TaskFunctionRegistry,
    defaults: SubmitOptions? = nil, pieceBytes: Int = 4 << 20, leastLayerBlocks: Int = GraphLayers.leastBlocks
  ) throws(ShippingError) {
    self.defaults = defaults
    layers = GraphLayers(leastBlocks: leastLayerBlocks)
    self.graph = graph
    self.number = number
    self.wanted = wanted
    self.registry = registry
    self.pieceBytes = min(pieceBytes, WireLimits.messageBytes)
    nextPieceBytes = min(GraphShipment.firstPieceBytes, self.pieceBytes)
    wantedDigests = [Digest128](repeating: Digest128(low: 0, high: 0), count: wanted.count)
    wantedPlaces = [Int](repeating: 0, count: wanted.count)
    digests = [Digest128](repeating: Digest128(low: 0, high: 0), count: graph.count)
    places = [UInt32](repeating: GraphShipment.unneeded, count: graph.count)
    types = [PortableValueType?](repeating: nil, count: graph.count)
    for task in wanted { places[task.index] = GraphShipment.wantedMark }
    var count = 0
    for task in (0..<graph.count).reversed() where places[task] != GraphShipment.unneeded {
      count += 1
      for place in graph.dependencyStarts[task]..<graph.dependencyStarts[task + 1] {
        let input = Int(graph.dependencies[Int(place)])
        if places[input] == GraphShipment.unneeded { places[input] = GraphShipment.needed }
      }
    }
    self.count = count
    for task in 0..<graph.count where places[task] != GraphShipment.unneeded {
      let id = TaskID(rawValue: UInt32(task))
      switch graph.kind(of: id) {
      case .closure, .asynchronous: throw .closure(id, of: graph)
      case .call:
        switch try called(by: id) {
        case .function(let function, let registered):
          guard let block = block(function, registered) else { break }
          let key = layers.note(
            task, block, registered, label: graph.labelNumbers[task],
            inputCount: Int(graph.dependencyStarts[task + 1] - graph.dependencyStarts[task]),
            isWanted: places[task] == GraphShipment.wantedMark, hasTraits: graph.traits(of: id) != .none)
          if let key { digests[task] = key }
        case .reference(let reference):
          references.append(reference.holder)
          types[task] = try type(of: reference, id)
          if places[task] == GraphShipment.needed {
            places[task] = GraphShipment.elsewhere
            digests[task] = reference.digest
            self.count -= 1
          }
        }
      case .literal, .gather, .alias, .signal: break
      }
    }
    try takeLayers()
  }

  /// The function as one of a block, where it is. A look at its type tells mostly, so the last one is remembered.
  private mutating func block(
    _ function: any TaskFunction, _ registered: RegisteredFunction
  ) -> (any LayerBlock)? {
    if registered === lastPlain { return nil }
    if let block = function as? any LayerBlock { return block }
    lastPlain = registered
    return nil
  }

  /// Blocks that come with their layers are not sent themselves.
  private mutating func takeLayers() throws(ShippingError) {
    layers.decide()
    if layers.isEmpty { return }
    for task in 0..<graph.count where digests[task] != GraphShipment.noDigest {
      guard places[task] != GraphShipment.unneeded, places[task] != GraphShipment.elsewhere else { continue }
      guard case .function(let function, let registered) = try called(by: TaskID(rawValue: UInt32(task))),
        let block = function as? any LayerBlock, layers.isSentWithLayer(block)
      else { continue }
      places[task] = GraphShipment.elsewhere
      types[task] = registered.result
      count -= 1
    }
  }

  /// The next message of layers; nil when all were sent.
  private mutating func nextLayers() -> Submission? {
    var piece = PieceWriter(
      graph: number, labelCount: graph.labelCount, first: shipped, limit: pieceBytes,
      patience: defaults?.patienceNanoseconds ?? 0)
    while sentLayers < layers.layers.count {
      let layer = layers.layers[sentLayers]
      guard layer.isWhole else {
        sentLayers += 1
        continue
      }
      let bytes = 128 + layer.sent.arguments.count + 64 * layer.inputs.count + 5 * layer.wanted.count
      if !piece.submission.layers.isEmpty, piece.bytes + bytes > piece.limit { return piece.submission }
      sentLayers += 1
      piece.bytes += bytes + piece.newBytes(label: layer.label, graph)
      var traits = TaskTraits.none
      if let defaults { defaults.fill(&traits) }
      var submitted = SubmittedLayer(
        digest: layer.digest, label: piece.number(label: layer.label, graph),
        traits: piece.number(traits: traits == .none ? nil : traits),
        function: piece.number(function: layer.function), arguments: layer.sent.arguments,
        count: UInt32(layer.sent.count), inputs: layer.inputs)
      // Two tasks of a graph may be one block.
      var blocks: [UInt32] = []
      for (block, task) in layer.wanted {
        if blocks.last != block { blocks.append(block) }
        layerPlaces[UInt32(task)] = answered + blocks.count - 1
      }
      answered += blocks.count
      submitted.isWanted = blocks.count == layer.sent.count
      if !submitted.isWanted { submitted.wanted = blocks }
      piece.submission.layers.append(submitted)
    }
    return piece.submission.layers.isEmpty ? nil : piece.submission
  }

  /// What the cluster has already, as a type.
  private func type(
    of reference: any ShippedReference, _ task: TaskID
  ) throws(ShippingError) -> PortableValueType {
    let name = reference.resultType.portableTypeName
    guard let type = registry.valueType(named: name) else { throw .unknownType(task, of: graph, name) }
    return type
  }

  /// The type of the result of a task that was sent.
  package func type(of task: TaskID) -> PortableValueType? { types[task.index] }

  /// The failure of the task with this key, as a run in this process has it.
  package func failure(_ key: Digest128, _ error: any Error, attempts: Int, outputs: [TaskID]) -> TaskFailure {
    let isSent = { (task: Int) in places[task] != GraphShipment.unneeded }
    let place = (0..<graph.count).first { isSent($0) && digests[$0] == key } ?? outputs.first?.index ?? 0
    return TaskFailure(
      graph, place, error, attempts: attempts, isOutput: { task in outputs.contains { $0.index == task } },
      isNeeded: isSent)
  }

  /// All messages.
  ///
  /// - Throws: `ShippingError`.
  package static func pieces(
    of graph: TaskGraph, number: UInt32, wanted: [TaskID], registry: TaskFunctionRegistry, pieceBytes: Int = 4 << 20
  ) throws(ShippingError) -> [Submission] {
    var shipment = try GraphShipment(
      graph, number: number, wanted: wanted, registry: registry, pieceBytes: pieceBytes)
    var pieces: [Submission] = []
    while let piece = try shipment.next() { pieces.append(piece) }
    return pieces
  }

  /// The next message; nil behind the last. Nothing is run before the scheduler has the last one.
  ///
  /// - Throws: `ShippingError` when a constant or arguments cannot be written, or are too large: the graph cannot be sent.
  package mutating func next() throws(ShippingError) -> Submission? {
    if isDone { return nil }
    if !layers.isEmpty, let piece = nextLayers() { return piece }
    var piece = PieceWriter(
      graph: number, labelCount: graph.labelCount, first: shipped, limit: nextPieceBytes,
      patience: defaults?.patienceNanoseconds ?? 0)
    nextPieceBytes = min(2 * nextPieceBytes, pieceBytes)
    while rank < graph.count {
      let task = Int(graph.order[rank])
      let isSent = places[task] != GraphShipment.unneeded && places[task] != GraphShipment.elsewhere
      if isSent, try !add(task, to: &piece) { return piece.submission }
      rank += 1
    }
    isDone = true
    piece.submission.isLast = true
    for (place, task) in wanted.enumerated() {
      wantedDigests[place] = digests[task.index]
      wantedPlaces[place] = layerPlaces[task.rawValue] ?? wantedOrder[places[task.index]] ?? 0
    }
    return piece.submission
  }

  /// By the place of a wanted task among those that were sent, which of the wanted ones it is.
  private var wantedOrder: [UInt32: Int] = [:]
  /// The same for wanted tasks that are blocks of layers, by task.
  private var layerPlaces: [UInt32: Int] = [:]
  /// For the arguments of one call after the other.
  private var writer = ByteWriter()
  /// The function of the last call that is no block.
  private var lastPlain: RegisteredFunction?
  private static let noDigest = Digest128(low: 0, high: 0)

  /// Adds a task; false when the piece has no room for it.
  private mutating func add(_ task: Int, to piece: inout PieceWriter) throws(ShippingError) -> Bool {
    let id = TaskID(rawValue: UInt32(task))
    let edges = Int(graph.dependencyStarts[task])..<Int(graph.dependencyStarts[task + 1])
    var inputs = edges.count
    while inputs > 0, isSignal(edges.lowerBound + inputs - 1) { inputs -= 1 }
    guard graph.kind(of: id) == .call else {
      let work = try work(of: id, edges, inputs: inputs)
      return try add(task, work, digest(of: id, work, edges), edges, inputs: inputs, to: &piece)
    }
    switch try called(by: id) {
    case .reference(let reference): return addAlias(of: reference, task, to: &piece)
    case .function(let function, let registered):
      registered.write(argumentsOf: function, to: &writer)
      try check(writer, id, "its arguments")
      let work = PieceWriter.Work(
        kind: .call, registered: registered, type: registered.result, bytes: writer.takeBytes())
      return try add(task, work, digest(ofCall: function, task, edges), edges, inputs: inputs, to: &piece)
    }
  }

  private mutating func add(
    _ task: Int, _ work: PieceWriter.Work, _ digest: Digest128, _ edges: Range<Int>, inputs: Int,
    to piece: inout PieceWriter
  ) throws(ShippingError) -> Bool {
    let id = TaskID(rawValue: UInt32(task))
    var bytes = PieceWriter.leastTaskBytes + work.bytes.count + 17 * edges.count
    if bytes > WireLimits.messageBytes - (64 << 10) {
      throw .tooLarge(id, of: graph, ShippingError.inputs, 17 * edges.count, WireLimits.messageBytes)
    }
    let label = graph.labelNumbers[task]
    bytes += piece.newBytes(label: label, graph)
    let traits = defaults == nil && !graph.hasTraits ? nil : traits(of: id)
    if let traits {
      bytes += 256 + traits.resources.reduce(0) { $0 + $1.name.utf8.count + 16 }
      bytes += traits.workers.reduce(0) { $0 + $1.utf8.count + 4 }
    }
    if !piece.submission.tasks.isEmpty, piece.bytes + bytes > piece.limit { return false }

    piece.bytes += bytes
    var dependencies: [SubmittedDependency] = []
    dependencies.reserveCapacity(edges.count)
    for edge in edges {
      let input = Int(graph.dependencies[edge])
      let place = places[input]
      let isHere = place >= piece.first && place != GraphShipment.elsewhere
      dependencies.append(isHere ? .back(shipped - place) : .known(digests[input]))
    }
    digests[task] = digest
    types[task] = work.type
    piece.submission.tasks.append(
      SubmittedTask(
        digest: digest, label: piece.number(label: label, graph), traits: piece.number(traits: traits),
        work: piece.work(work), dependencies: dependencies, orderOnlyCount: UInt32(edges.count - inputs)))
    finish(task, &piece)
    return true
  }

  /// What the task was given and what holds otherwise; nil when that is nothing.
  private func traits(of task: TaskID) -> TaskTraits? {
    var traits = graph.traits(of: task)
    if let defaults { defaults.fill(&traits) }
    return traits == .none ? nil : traits
  }

  private mutating func finish(_ task: Int, _ piece: inout PieceWriter) {
    if places[task] == GraphShipment.wantedMark {
      piece.submission.wanted.append(shipped - piece.first)
      wantedOrder[shipped] = answered
      answered += 1
    }
    places[task] = shipped
    shipped += 1
  }

  /// A result that the cluster has, asked for as a result of this graph: another name for it.
  private mutating func addAlias(of reference: any ShippedReference, _ task: Int, to piece: inout PieceWriter) -> Bool {
    let label = graph.labelNumbers[task]
    let bytes = PieceWriter.leastTaskBytes + 17 + piece.newBytes(label: label, graph)
    if !piece.submission.tasks.isEmpty, piece.bytes + bytes > piece.limit { return false }
    piece.bytes += bytes
    var hasher = StableHasher()
    hasher.combine("martlet.alias")
    hasher.combine(1)
    hasher.combine(reference.digest)
    digests[task] = hasher.digest()
    piece.submission.tasks.append(
      SubmittedTask(
        digest: digests[task], label: piece.number(label: label, graph), work: .alias,
        dependencies: [.known(reference.digest)]))
    finish(task, &piece)
    return true
  }

  private func isSignal(_ edge: Int) -> Bool {
    graph.kind(of: TaskID(rawValue: graph.dependencies[edge])) == .signal
  }

  // What a task is made of.

  /// What a task calls.
  private enum Called {
    case function(any TaskFunction, RegisteredFunction)
    /// It stands for a result that the cluster has.
    case reference(any ShippedReference)
  }

  private func called(by task: TaskID) throws(ShippingError) -> Called {
    switch graph.content(of: task) {
    case .call(let function):
      if let registered = registry.function(of: Swift.type(of: function)) { return .function(function, registered) }
      if let reference = function as? any ShippedReference { return .reference(reference) }
      throw function is any PortableTaskFunction
        ? .notRegistered(task, of: graph, function) : .notPortable(task, of: graph, function)
    case .fused: throw .fused(task, of: graph)
    case .literal, nil: throw .closure(task, of: graph)
    }
  }

  /// What a task does that is no call.
  private func work(of task: TaskID, _ edges: Range<Int>, inputs: Int) throws(ShippingError) -> PieceWriter.Work {
    let kind = graph.kind(of: task)
    switch kind {
    case .closure, .asynchronous, .call: throw .closure(task, of: graph)
    case .literal: return try constant(task)
    case .gather:
      // An array of nothing says nothing about the type of its elements: it is sent as what it is.
      if inputs == 0 { return try constant(task) }
      let element = types[Int(graph.dependencies[edges.lowerBound])]
      guard let array = element?.array else { throw .unknownType(task, of: graph, element?.name ?? "") }
      return PieceWriter.Work(kind: kind, element: element, type: array)
    case .alias: return PieceWriter.Work(kind: kind, type: types[Int(graph.dependencies[edges.lowerBound])])
    case .signal: return PieceWriter.Work(kind: kind, type: registry.valueType(named: "Void"))
    }
  }

  private func constant(_ task: TaskID) throws(ShippingError) -> PieceWriter.Work {
    var slot: Slot
    do {
      slot = try graph.constant(task)
    } catch {
      throw ShippingError(.unwritable, task, of: graph, "\(error)", "Correct the value")
    }
    defer { slot.clear() }
    guard let type = registry.valueType(of: slot) else { throw .unknownType(task, of: graph, slot.typeName) }
    var writer = ByteWriter()
    type.write(slot, to: &writer)
    try check(writer, task, "its value")
    return PieceWriter.Work(kind: .literal, type: type, bytes: writer.takeBytes())
  }

  private func check(_ writer: ByteWriter, _ task: TaskID, _ what: String) throws(ShippingError) {
    if let failure = writer.failure {
      throw ShippingError(
        .unwritable, task, of: graph, "\(what) cannot be written: \(failure.message)", "Correct the value")
    }
    let limit = min(WireLimits.argumentBytes, WireLimits.messageBytes - (64 << 10))
    if writer.byteCount > limit { throw .tooLarge(task, of: graph, what, writer.byteCount, limit) }
  }

  private func digest(ofCall function: any TaskFunction, _ task: Int, _ edges: Range<Int>) -> Digest128 {
    // Blocks of layers have theirs already.
    if digests[task] != GraphShipment.noDigest { return digests[task] }
    let keys = graph.keys
    if edges.allSatisfy({ digests[Int(graph.dependencies[$0])] == keys[Int(graph.dependencies[$0])] }) {
      assert(keys[task] == graph.callDigest(of: function, task) { digests[$0] })
      return keys[task]
    }
    return graph.callDigest(of: function, task) { digests[$0] }
  }

  private func digest(of task: TaskID, _ work: PieceWriter.Work, _ edges: Range<Int>) -> Digest128 {
    var hasher: StableHasher
    switch work.kind {
    case .literal:
      hasher = GraphBuilder.hasher(ofLiteral: work.type?.name ?? "", work.bytes)
      if edges.isEmpty { return hasher.digest() }
      hasher.combine("martlet.after")
    case .gather:
      hasher = StableHasher()
      hasher.combine("martlet.gather")
      hasher.combine(edges.count)
    default:
      hasher = StableHasher()
      hasher.combine(work.kind == .alias ? "martlet.alias" : "martlet.signal")
      hasher.combine(edges.count)
    }
    for edge in edges { hasher.combine(digests[Int(graph.dependencies[edge])]) }
    return hasher.digest()
  }
}
