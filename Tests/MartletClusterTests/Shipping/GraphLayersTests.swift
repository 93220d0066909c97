import Martlet
import MartletBytes
import MartletGraph
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

/// Graphs that layers were expanded into, as they are sent.
@Suite struct GraphLayersTests {
  private static func registry() throws -> TaskFunctionRegistry {
    var registry = try testRegistry()
    try registry.register(blocks: MixedBlock.self)
    return registry
  }

  /// A layer that reads, one that maps it, a tree of sums of a hundred each.
  private static func layers(_ blocks: Int) -> (
    layers: BlockLayers, read: BlockArray, mapped: BlockArray, end: BlockArray
  ) {
    var layers = BlockLayers()
    let read = layers.add("read", MixedBlock(tag: 1), blocks: [blocks / 100, 100])
    let mapped = layers.add("map", MixedBlock(tag: 2), blocks: read.blocks, inputs: [.same(read)])
    let sums = layers.add(
      "sum", MixedBlock(tag: 3), blocks: [blocks / 100], inputs: [BlockInput(mapped, [.along(0), .all])])
    let end = layers.add("end", MixedBlock(tag: 4), blocks: [], inputs: [BlockInput(sums, [.all])])
    return (layers, read, mapped, end)
  }

  private static func pieces(_ shipment: inout GraphShipment) throws -> [Submission] {
    var pieces: [Submission] = []
    while let piece = try shipment.next() { pieces.append(try Submission(portableBytes: piece.portableBytes())) }
    return pieces
  }

  @Test func `a graph of many blocks goes in less than 4 KiB, with the keys of its layers and of its tasks`() throws {
    let registry = try Self.registry()
    let (layers, _, mapped, end) = Self.layers(20_000)
    var builder = GraphBuilder()
    let nodes = try layers.expand([.all(end), .some(mapped, [[7, 3], [2, 1]])], into: &builder)
    let graph = builder.build()
    let wanted = (nodes[0] + nodes[1]).map(\.id)
    var whole = try GraphShipment(graph, number: 1, wanted: wanted, registry: registry)
    let pieces = try Self.pieces(&whole)
    #expect(pieces.flatMap(\.tasks).isEmpty)
    #expect(pieces.flatMap(\.layers).map(\.count) == [20_000, 20_000, 200, 1])
    #expect(pieces.flatMap(\.layers).map(\.wanted) == [[], [201, 703], [], []])
    #expect(pieces.reduce(0) { $0 + $1.portableBytes().count } < 4096)
    #expect(pieces.map(\.isLast).last == true && pieces.dropLast().allSatisfy { !$0.isLast })

    let direct = try LayerShipment(layers, [.all(end), .some(mapped, [[7, 3], [2, 1]])], registry: registry)
    #expect(whole.wantedDigests == direct.selected.flatMap { $0 })
    // Handles come layer by layer: the two blocks, then the end.
    #expect(whole.wantedPlaces == [2, 1, 0])
    var single = try GraphShipment(graph, number: 1, wanted: wanted, registry: registry, leastLayerBlocks: .max)
    let all = try Self.pieces(&single)
    #expect(all.flatMap(\.layers).isEmpty && all.flatMap(\.tasks).count == 40_201)
    #expect(single.wantedDigests == whole.wantedDigests)
    let keys = Set(all.flatMap(\.tasks).map(\.digest))
    for layer in pieces.flatMap(\.layers) {
      #expect((0..<UInt64(layer.count)).allSatisfy { keys.contains(layer.digest.member($0)) })
    }
  }

  @Test func `of what is needed in small part single blocks go, with the same keys`() throws {
    let registry = try Self.registry()
    let (layers, read, mapped, _) = Self.layers(20_000)
    var builder = GraphBuilder()
    // A quarter of it: the layers go, and what nobody needs is forgotten by the scheduler.
    let quarter = (0..<50).flatMap { row in (0..<100).map { [row, $0] } }
    let nodes = try layers.expand([.some(mapped, quarter)], into: &builder)
    var shipment = try GraphShipment(builder.build(), number: 1, wanted: nodes[0].map(\.id), registry: registry)
    let pieces = try Self.pieces(&shipment)
    #expect(pieces.flatMap(\.layers).map(\.wantedCount) == [0, 5000] && pieces.flatMap(\.tasks).isEmpty)

    var other = GraphBuilder()
    let few = try layers.expand([.some(mapped, Array(quarter.dropLast()))], into: &other)
    var parts = try GraphShipment(other.build(), number: 1, wanted: few[0].map(\.id), registry: registry)
    let tasks = try Self.pieces(&parts)
    #expect(tasks.flatMap(\.layers).isEmpty && tasks.flatMap(\.tasks).count == 2 * 4999)
    #expect(parts.wantedDigests == shipment.wantedDigests.dropLast())
    _ = read
  }

  @Test func `tasks that need blocks, and blocks that need tasks, go by themselves`() throws {
    let registry = try Self.registry()
    var layers = BlockLayers()
    let given = layers.given("given", blocks: [600])
    let onGiven = layers.add("on given", MixedBlock(tag: 1), blocks: [600], inputs: [.same(given)])
    let own = layers.add("own", MixedBlock(tag: 2), blocks: [600])
    var builder = GraphBuilder()
    let sources = (0..<600).map { builder.call(Sum(constant: $0)) }
    let nodes = try layers.expand([.all(onGiven), .all(own)], into: &builder) { array, place in
      array == given ? sources[place[0]].erased : nil
    }
    let total = builder.call(Sum(constant: 0), on: nodes[1])
    var shipment = try GraphShipment(
      builder.build(), number: 1, wanted: nodes[0].map(\.id) + [total.id], registry: registry)
    let pieces = try Self.pieces(&shipment)
    #expect(pieces.flatMap(\.layers).map(\.count) == [600])
    #expect(pieces.flatMap(\.tasks).count == 1201)
    // The layer is there before who needs it.
    #expect(pieces[0].tasks.isEmpty)
    let layer = pieces[0].layers[0]
    let sum = try #require(pieces.flatMap(\.tasks).last { $0.dependencies.count == 600 })
    #expect(sum.dependencies == (0..<600).map { .known(layer.digest.member($0)) })
  }
}
