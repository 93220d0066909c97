public import Martlet
import MartletProtocol

extension Client {
  /// Lets the cluster compute a result, and returns at once.
  ///
  /// - Throws: `ShippingError` for a task that cannot be sent; `ClusterError` when the client is closed.
  public func submit<Value: PortableValue>(
    _ delayed: Delayed<Value>, options: SubmitOptions? = nil
  ) throws -> ClusterFuture<Value> {
    let futures: [ClusterFuture<Value>] = try submit([delayed], options: options)
    return futures[0]
  }

  /// Lets the cluster compute several results, as one graph: what they share runs once.
  ///
  /// - Throws: `ShippingError` for a task that cannot be sent; `ClusterError` when the client is closed.
  public func submit<Value: PortableValue>(
    _ delayed: [Delayed<Value>], order: GraphOrder = .leastMemory, options: SubmitOptions? = nil
  ) throws -> [ClusterFuture<Value>] {
    try tokens(delayed.map { $0.node }, order, options).map { ClusterFuture($0) }
  }

  /// Lets the cluster call a registered function, with the results of `inputs`.
  public func submit<Function: PortableTaskFunction, each Input: PortableValue>(
    _ function: Function, _ inputs: repeat ClusterFuture<each Input>, fileID: StaticString = #fileID, line: UInt = #line
  ) throws -> ClusterFuture<Function.Result> {
    var list: [AnyDelayed] = []
    for input in repeat each inputs { list.append(input.delayed.erased) }
    return try submit(delayed(function, on: list, fileID: fileID, line: line))
  }

  /// Lets the cluster compute something for each element, as one graph.
  ///
  /// - Returns: The futures in the order of the elements.
  public func map<Element, Value: PortableValue>(
    _ elements: some Sequence<Element>, options: SubmitOptions? = nil, _ body: (Element) throws -> Delayed<Value>
  ) throws -> [ClusterFuture<Value>] {
    try submit(elements.map(body), options: options)
  }

  /// Lets the cluster call each of these functions, as one graph.
  public func map<Function: PortableTaskFunction>(
    _ functions: [Function], options: SubmitOptions? = nil, fileID: StaticString = #fileID, line: UInt = #line
  ) throws -> [ClusterFuture<Function.Result>] {
    try submit(functions.map { delayed($0, on: [], fileID: fileID, line: line) }, options: options)
  }

  /// Lets the cluster compute a result and keep it as long as the given computation, or what is made of it, is kept.
  public func persist<Value: PortableValue>(
    _ delayed: Delayed<Value>, options: SubmitOptions? = nil
  ) throws -> Delayed<Value> {
    try submit(delayed, options: options).delayed
  }

  /// The result, computed on the cluster; blocks the thread.
  @available(*, noasync, message: "use await compute")
  public func compute<Value>(_ delayed: Delayed<Value>, options: ComputeOptions = ComputeOptions()) throws -> Value {
    try delayed.run(on: self, options: options)
  }

  /// The result, computed on the cluster. Cancelling the Swift task that waits cancels the run.
  public func compute<Value>(
    _ delayed: Delayed<Value>, options: ComputeOptions = ComputeOptions()
  ) async throws -> Value {
    try await delayed.compute(on: self, options: options)
  }

  /// Sends the graph of all nodes; a token for each of them.
  private func tokens(_ nodes: [DelayedNode], _ order: GraphOrder, _ options: SubmitOptions?) throws -> [FutureToken] {
    if nodes.isEmpty { return [] }
    let (graph, outputs, _) = Lowering.graph(of: nodes, order: order)
    var wanted: [TaskID] = []
    for task in outputs.map(\.id).sorted() where wanted.last != task { wanted.append(task) }
    var shipment = try GraphShipment(
      graph, number: 0, wanted: wanted, registry: link.registry, defaults: options,
      leastLayerBlocks: link.shell.options.leastLayerBlocks)
    var pieces: [Submission] = []
    var bytes = 0
    var wait = SelfWait()
    while let piece = try shipment.next() {
      bytes += piece.estimatedBytes
      wait.note(piece)
      pieces.append(piece)
    }
    var tokens: [FutureToken?] = Array(repeating: nil, count: wanted.count)
    for (number, place) in shipment.wantedPlaces.enumerated() where tokens[place] == nil {
      let digest = shipment.wantedDigests[number]
      tokens[place] = FutureToken(ResultCell(digest: digest, blocker: wait.blocked(digest)), link)
    }
    let made = tokens.compactMap { $0 }
    let submitted = SubmittedGraph(
      pieces: pieces, cells: made.map(\.cell), inputs: try link.checked(shipment.references),
      byteCount: bytes)
    guard link.post(.submit(submitted), size: bytes, waits: true) else { throw link.closedError }
    var byTask: [UInt32: FutureToken] = [:]
    if outputs.count == 1 { return [made[0]] }
    for (number, place) in shipment.wantedPlaces.enumerated() { byTask[wanted[number].rawValue] = made[place] }
    return outputs.compactMap { byTask[$0.id.rawValue] }
  }
}

extension Submission {
  /// What it takes in memory and on the wire, about.
  var estimatedBytes: Int {
    var bytes = 256 + 64 * traits.count
    for layer in layers { bytes += 64 + layer.arguments.count + 32 * layer.inputs.count + 4 * layer.wanted.count }
    for task in tasks {
      bytes += 64 + 17 * task.dependencies.count
      switch task.work {
      case .call(_, let content), .literal(_, let content): bytes += content.count
      case .gather, .alias, .signal: break
      }
    }
    return bytes
  }
}
