import Martlet
import MartletBytes
import MartletClient
import MartletGraph
import MartletNet
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

/// Says which block was made of what.
struct MixedBlock: PortableBlockFunction {
  static let name = "test.mixed.block"
  static let version = 1
  var tag: Int

  init(tag: Int) { self.tag = tag }
  func write(to writer: inout ByteWriter) { writer.write(varint: UInt64(tag)) }
  init(from reader: inout ByteReader) throws(ByteError) { tag = Int(truncatingIfNeeded: try reader.readVarint()) }

  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Int {
    var value = tag
    for place in inputs.block { value = value &* 31 &+ place &+ 1 }
    for input in 0..<inputs.count {
      for number in try inputs.values(input, as: Int.self) { value = value &* 7 &+ number }
    }
    return value
  }
}

extension ClusterTests {
  /// Layers of blocks that are sent as layers.
  @Suite struct ClientLayerTests {
    @Test func `random layers give the same blocks on a cluster as in this process`() async throws {
      try await asideAlone {
        var registry = try testRegistry()
        try registry.register(blocks: MixedBlock.self)
        var options = LocalClusterOptions()
        options.mode = .inProcess
        options.registry = registry
        let cluster = try LocalCluster(workers: 2, options: options)
        defer { cluster.close() }
        let client = try cluster.client()
        var always = ClientOptions()
        always.leastLayerBlocks = 0
        let eager = try cluster.client(options: always)
        defer { eager.close() }
        for seed in 1...40 as ClosedRange<UInt64> {
          var random = SeededGenerator(seed: seed)
          let made = Self.layers(&random)
          let isFused = random.chance(30)
          let layers = isFused ? made.layers.fused(keeping: [made.last]) : (made.layers, [made.last])
          let array = layers.1[0]
          let places = Self.places(array.blocks)
          let selection: BlockSelection =
            random.chance(50)
            ? .all(array) : .some(array, (0..<3).map { _ in places[random.below(places.count)] })
          var builder = GraphBuilder()
          let nodes = try layers.0.expand([selection], into: &builder)[0]
          let sum = builder.call(Sum(constant: Int(seed)), on: nodes)
          let graph = builder.build()
          let results = try SerialExecutor().run(graph, outputs: nodes)
          let here = nodes.map { results[Node<Int>(id: $0.id, stamp: $0.stamp)] }
          let futures = try client.submit(selection, of: layers.0, as: Int.self)
          #expect(try client.gather(futures) == here, "seed \(seed)")
          // Steps of fused layers cannot be sent as parts of a graph. The others give the same, and the same keys, in any way.
          if isFused { continue }
          for client in [client, eager] {
            let results = try client.run(graph, outputs: nodes + [sum.erased], options: RunOptions())
            #expect(nodes.map { results[Node<Int>(id: $0.id, stamp: $0.stamp)] } == here, "seed \(seed)")
            #expect(results[sum] == here.reduce(Int(seed), &+), "seed \(seed)")
          }
          for least in [0, Int.max] {
            var shipment = try GraphShipment(
              graph, number: 1, wanted: nodes.map(\.id), registry: registry, leastLayerBlocks: least)
            while try shipment.next() != nil {}
            #expect(shipment.wantedDigests.map(\.description) == futures.map(\.key), "seed \(seed)")
          }
        }
        #expect(throws: ClusterError.self) {
          var layers = BlockLayers()
          let array = layers.add("n", MixedBlock(tag: 1), blocks: [2])
          _ = try client.submit(.all(array), of: layers, as: String.self)
        }
        #expect(throws: BlockLayerError.self) {
          var layers = BlockLayers()
          let array = layers.add("n", MixedBlock(tag: 1), blocks: [2])
          _ = try client.submit(.some(array, [[5]]), of: layers, as: Int.self)
        }
        client.close()
      }
    }

    private static func places(_ blocks: [Int]) -> [[Int]] {
      blocks.reduce([[]]) { places, extent in places.flatMap { place in (0..<extent).map { place + [$0] } } }
    }

    private static func layers(_ random: inout SeededGenerator) -> (layers: BlockLayers, last: BlockArray) {
      var layers = BlockLayers()
      var arrays: [BlockArray] = []
      for number in 0..<(1 + random.below(7)) {
        let blocks = (0..<random.below(4)).map { _ in random.pick([1, 2, 3]) }
        var inputs: [BlockInput] = []
        if !arrays.isEmpty {
          for _ in 0..<random.below(4) {
            let array = random.chance(70) ? arrays[arrays.count - 1] : random.pick(arrays)
            let axes = array.blocks.map { extent -> BlockAxis in
              let along = blocks.indices.filter { blocks[$0] == extent }
              if !along.isEmpty, random.chance(60) { return .along(random.pick(along)) }
              return random.chance(50) ? .all : .at(random.below(extent))
            }
            inputs.append(BlockInput(array, axes))
          }
        }
        arrays.append(layers.add("l\(number)", MixedBlock(tag: number), blocks: blocks, inputs: inputs))
      }
      return (layers, arrays[arrays.count - 1])
    }

    @Test func `a million blocks go to the scheduler in less than 4 KiB, and the client keeps the end alone`() throws {
      var registry = TaskFunctionRegistry()
      try registry.register(blocks: MixedBlock.self)
      var layers = BlockLayers()
      let read = layers.add("read", MixedBlock(tag: 1), blocks: [1_000_000])
      let mapped = layers.add("map", MixedBlock(tag: 2), blocks: [1_000_000], inputs: [.same(read)])
      let square = layers.add(
        "fold", MixedBlock(tag: 3), blocks: [1000, 1000], inputs: [])
      let turned = layers.add("turn", MixedBlock(tag: 4), blocks: [1000, 1000], inputs: [.transposed(square)])
      let sums = layers.add("sum", MixedBlock(tag: 5), blocks: [1000], inputs: [BlockInput(turned, [.along(0), .all])])
      let end = layers.add(
        "end", MixedBlock(tag: 6), blocks: [], inputs: [BlockInput(sums, [.all]), BlockInput(mapped, [.at(7)])])
      let shipment = try LayerShipment(layers, [.all(end)], registry: registry)
      #expect(shipment.piece.tasks.isEmpty && shipment.piece.isLast)
      #expect(shipment.piece.layers.map(\.count) == [1_000_000, 1_000_000, 1_000_000, 1_000_000, 1000, 1])
      var batch = MessageBatch<ClientToScheduler>()
      try batch.append(.submit(shipment.piece))
      let bytes = batch.take().reduce(0) { $0 + $1.count }
      #expect(bytes < 4096, "\(bytes) bytes")
      // Of all these the session's tables have one future.
      var core = ClientCore()
      var actions: [ClientAction] = []
      core.handle(.connect, at: Timestamp(nanoseconds: 1), &actions)
      core.handle(.submit(SubmissionID(rawValue: 1), shipment.piece), at: Timestamp(nanoseconds: 2), &actions)
      let made = actions.compactMap { if case .submitted(_, let futures) = $0 { futures.count } else { nil } }
      #expect(made == [1])
    }

    @Test func `labels of layers are cut to what a message takes, and stand there once`() throws {
      var registry = TaskFunctionRegistry()
      try registry.register(blocks: MixedBlock.self)
      // Few characters of many bytes.
      let long = String(repeating: "👨‍👩‍👧‍👦", count: 1024)
      var layers = BlockLayers()
      let first = layers.add(long, MixedBlock(tag: 1), blocks: [4])
      let second = layers.add(long, MixedBlock(tag: 2), blocks: [4], inputs: [.same(first)])
      let shipment = try LayerShipment(layers, [.all(second)], registry: registry)
      #expect(shipment.piece.labels.count == 1)
      #expect(shipment.piece.labels.allSatisfy { $0.utf8.count <= WireLimits.shortText })
      #expect(throws: Never.self) { try Submission(portableBytes: shipment.piece.portableBytes()) }
    }

    @Test func `layers are sent over a connection in less than 4 KiB, and what nobody needs is forgotten`() async throws
    {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 0)
        defer { fixture.end() }
        var registry = try testRegistry()
        try registry.register(blocks: MixedBlock.self)
        let client = try fixture.client { $0.registry = registry }
        var layers = BlockLayers()
        let read = layers.add("read", MixedBlock(tag: 1), blocks: [20_000])
        let end = layers.add("end", MixedBlock(tag: 2), blocks: [1], inputs: [BlockInput(read, [.at(5)])])
        let before = Self.sentBytes(client)
        let future = try client.submit(.all(end), of: layers, as: Int.self)
        #expect(eventually { !future[0].isFinished && fixture.taskCount == 2 })
        #expect(Self.sentBytes(client) - before < 4096)
        client.cancel(future)
        client.close()
        fixture.expectNothingLeft()
      }
    }

    private static func sentBytes(_ client: Client) -> Int {
      let count = Shared<Int?>(nil)
      let shell = client.link.shell
      shell.loop.execute {
        let bytes = shell.scheduler?.sentBytes ?? 0
        count.with { $0 = bytes }
      }
      _ = eventually { count.now != nil }
      return count.now ?? 0
    }
  }
}
