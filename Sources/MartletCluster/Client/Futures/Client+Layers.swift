public import Martlet
import MartletBytes
import MartletProtocol

extension Client {
  /// Lets the cluster make blocks of layers. The layers go to the scheduler as layers: some hundred bytes each, whatever the
  /// number of their blocks, of which this process keeps only those that are asked for.
  ///
  /// ```swift
  /// let total = try client.submit(.all(sum), of: layers, as: Double.self)[0].result()
  /// ```
  ///
  /// Every step of a layer that was fused is a task of its own there. A block has the same key, and is computed once, where the layer
  /// was expanded into a graph that runs on the cluster, unless it was fused.
  ///
  /// - Parameters:
  ///   - selection: Which blocks. All that they need, and no others, are computed.
  ///   - layers: Their functions have to be registered here and on the workers: `TaskFunctions.register(blocks:)`.
  /// - Returns: The futures in the order of the selection.
  /// - Throws: `BlockLayerError` for blocks that are not there, and for layers whose blocks are given; `ClusterError` for functions
  ///   that are not registered, blocks of another type, or when the client is closed.
  public func submit<Value: PortableValue>(
    _ selection: BlockSelection, of layers: BlockLayers, as type: Value.Type = Value.self
  ) throws -> [ClusterFuture<Value>] {
    let shipment = try LayerShipment(layers, [selection], registry: link.registry)
    if let found = shipment.types.first?.name, found != Value.portableTypeName {
      throw ClusterError.wrongType(found, expected: Value.portableTypeName)
    }
    // The same block may be asked for twice.
    let made = shipment.named.map { FutureToken(ResultCell(digest: $0), link) }
    let tokens = Dictionary(uniqueKeysWithValues: zip(shipment.named, made))
    let bytes = shipment.piece.estimatedBytes
    let submitted = SubmittedGraph(pieces: [shipment.piece], cells: made.map(\.cell), inputs: [], byteCount: bytes)
    guard link.post(.submit(submitted), size: bytes, waits: true) else { throw link.closedError }
    return shipment.selected[0].compactMap { tokens[$0] }.map { ClusterFuture($0) }
  }
}
