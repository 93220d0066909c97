import MartletBytes
import TestSupport
import Testing

@testable import MartletGraph

@Suite struct BlockLayersTests {
  @Test(arguments: sampled(0..<300 as Range<UInt64>))
  func `expanded layers are the blocks by hand, fused or not, sent or not, and no others`(seed: UInt64) async throws {
    let work = RandomLayers(seed: seed, count: 2 + Int(seed % 7))
    var random = SeededGenerator(seed: seed &+ 1_000_000)
    let arrays = [work.arrays[work.arrays.count - 1], random.pick(work.arrays)]
    let wanted = arrays.map { array in
      let places = RandomLayers.places(array.blocks)
      return random.chance(50) ? places : (0..<(1 + random.below(3))).map { _ in random.pick(places) }
    }
    var known: [String: Int] = [:]
    let expected = zip(arrays, wanted).map { array, blocks in blocks.map { work.value(array.layer, $0, &known) } }
    let needed = work.needed(zip(arrays, wanted).flatMap { array, blocks in blocks.map { (array.layer, $0) } })

    var functions = BlockFunctions()
    functions.register(Mixed.self)
    let sent = try BlockLayers(portableBytes: work.layers.portableBytes())
    #expect(sent == work.layers, "seed \(seed)")
    let fused = work.layers.fused(keeping: arrays)
    let sentFused = try BlockLayers(portableBytes: fused.layers.portableBytes())
    #expect(sentFused == fused.layers, "seed \(seed)")
    var keys: [[Key]] = []
    for (layers, arrays, isFused) in [
      (work.layers, arrays, false), (sent, arrays, false), (fused.layers, fused.outputs, true),
      (sentFused, fused.outputs, true),
    ] {
      var builder = GraphBuilder()
      let nodes = try layers.expand(
        zip(arrays, wanted).map { BlockSelection.some($0, $1) }, into: &builder, functions: functions)
      let graph = builder.build()
      if !isFused { #expect(graph.count == needed.count, "seed \(seed)") }
      let parts = (0..<graph.count).reduce(0) { $0 + graph.parts(of: TaskID(rawValue: UInt32($1))).count }
      #expect(parts == needed.count, "seed \(seed)")
      let run = try await SlowRun(graph)
      let values = nodes.map { $0.map { run.value($0, as: [Int].self)?[0] } }
      #expect(values == expected.map { $0.map(Optional.some) }, "seed \(seed)")
      keys.append(nodes.joined().map { graph.key(of: $0.id) })
      let optimized = graph.optimized(for: Array(nodes.joined()), passes: .all)
      let again = try await SlowRun(optimized.graph)
      let optimizedNodes = try nodes.map { try $0.map { try #require(optimized.node($0)) } }
      #expect(optimizedNodes.map { $0.map { again.value($0, as: [Int].self)?[0] } } == values, "seed \(seed)")
    }
    #expect(keys.allSatisfy { $0 == keys[0] }, "seed \(seed)")
  }

  @Test func `a million blocks are some hundred bytes, and only what is asked for becomes tasks`() throws {
    var layers = BlockLayers()
    let ones = layers.add("ones", Mixed(tag: 1), blocks: [1000, 1000])
    let twice = layers.add("twice", Mixed(tag: 2), blocks: [1000, 1000], inputs: [.same(ones), .transposed(ones)])
    let sums = layers.add("sum", Mixed(tag: 3), blocks: [1000], inputs: [BlockInput(twice, [.along(0), .all])])
    #expect(layers.portableBytes().count < 400)
    #expect(layers.layers[0].blockCount == 1_000_000)
    var builder = GraphBuilder()
    let nodes = try layers.expand([.some(sums, [[7]])], into: &builder)
    #expect(nodes.map(\.count) == [1])
    // A sum of a row, and of each block in it two blocks, of which the one on the diagonal is the same.
    #expect(builder.count == 1 + 1000 + 1999)
  }

  @Test func `grids of more blocks than memory could mark are expanded where one asks`() throws {
    var layers = BlockLayers()
    let base = layers.add("base", Mixed(tag: 1), blocks: [1 << 30, 1 << 30])
    let next = layers.add("next", Mixed(tag: 2), blocks: [1 << 30, 1 << 30], inputs: [.transposed(base)])
    var builder = GraphBuilder()
    let nodes = try layers.expand([.some(next, [[5, 1 << 29], [1, 1], [5, 1 << 29]])], into: &builder)
    #expect(builder.count == 4)
    #expect(nodes[0][0] == nodes[0][2])
    #expect(throws: BlockLayerError.self) { try expand([.all(next)], layers) }
    let row = layers.add("row", Mixed(tag: 3), blocks: [], inputs: [BlockInput(next, [.at(0), .all])])
    #expect(throws: BlockLayerError.self) { try expand([.all(row)], layers) }
    #expect(throws: BlockLayerError.self) { try expand([.some(base, [[0, 1 << 30]])], layers) }
  }

  private func expand(_ selections: [BlockSelection], _ layers: BlockLayers) throws {
    var builder = GraphBuilder()
    _ = try layers.expand(selections, into: &builder)
  }

  @Test func `elementwise layers become one, also across a transposition, and sums begin a new one`() throws {
    var layers = BlockLayers()
    let base = layers.add("base", Mixed(tag: 1), blocks: [2, 3])
    let next = layers.add("next", Mixed(tag: 2), blocks: [3, 2], inputs: [.transposed(base)])
    let square = layers.add("square", Mixed(tag: 3), blocks: [3, 2], inputs: [.same(next), .same(next)])
    let sum = layers.add("sum", Mixed(tag: 4), blocks: [2], inputs: [BlockInput(square, [.all, .along(0)])])
    let last = layers.add("last", Mixed(tag: 5), blocks: [2], inputs: [.same(sum)])
    let fused = layers.fused(keeping: [last])
    #expect(fused.layers.layers.map(\.label) == ["base+next+square", "sum+last"])
    #expect(fused.layers.layers.map(\.functions.count) == [3, 2])
    let kept = layers.fused(keeping: [last, next])
    #expect(kept.layers.layers.map(\.label) == ["base+next", "square", "sum+last"])
    #expect(kept.outputs.map(\.layer) == [2, 0])
  }

  @Test func `what one layer needs twice, by itself and through another, is fused as well`() {
    var layers = BlockLayers()
    let base = layers.add("base", Mixed(tag: 1), blocks: [4])
    let next = layers.add("next", Mixed(tag: 2), blocks: [4], inputs: [.same(base)])
    let sum = layers.add("sum", Mixed(tag: 3), blocks: [4], inputs: [.same(base), .same(next)])
    #expect(layers.fused(keeping: [sum]).layers.layers.map(\.label) == ["base+next+sum"])
  }

  @Test func `a block that many use is not computed again for each`() {
    var layers = BlockLayers()
    let base = layers.add("base", Mixed(tag: 1), blocks: [1])
    let next = layers.add("next", Mixed(tag: 2), blocks: [3], inputs: [.broadcast(base, rank: 1)])
    #expect(layers.fused(keeping: [next]).layers.layers.count == 2)
  }

  @Test func `layers that nobody needs are left out`() {
    var layers = BlockLayers()
    let base = layers.add("base", Mixed(tag: 1), blocks: [2])
    let unused = layers.add("unused", Mixed(tag: 2), blocks: [2], inputs: [.same(base)])
    let next = layers.add("next", Mixed(tag: 3), blocks: [2], inputs: [.same(base)])
    #expect(layers.fused(keeping: [next]).layers.layers.map(\.label) == ["base+next"])
    #expect(unused.layer == 1)
  }

  @Test func `blocks can be tasks that are there already`() async throws {
    var builder = GraphBuilder()
    let tasks = (0..<3).map { number in builder.task("mine") { [number] } }
    var layers = BlockLayers()
    let given = layers.given("mine", blocks: [3])
    let next = layers.add("next", Mixed(tag: 1), blocks: [3], inputs: [.same(given)])
    let last = layers.add("last", Mixed(tag: 2), blocks: [3], inputs: [.same(next)])
    let fused = layers.fused(keeping: [last])
    #expect(fused.layers.layers.map(\.label) == ["mine", "next+last"])
    let nodes = try fused.layers.expand([.all(fused.outputs[0])], into: &builder) { _, block in
      tasks[block[0]].erased
    }
    let run = try await SlowRun(builder.build())
    for place in 0..<3 {
      let first = Mixed.value(1, [place], [[[place]]])
      #expect(run.value(nodes[0][place], as: [Int].self) == [Mixed.value(2, [place], [[[first]]])])
    }
    #expect(throws: BlockLayerError.self) { try expand([.all(last)], layers) }
  }

  @Test func `what a step throws is reported with its own key`() async throws {
    var layers = BlockLayers()
    let base = layers.add("base", Mixed(tag: 1), blocks: [2])
    let wrong = layers.add("wrong", Mixed(tag: 666), blocks: [2], inputs: [.same(base)])
    let last = layers.add("last", Mixed(tag: 2), blocks: [2], inputs: [.same(wrong)])
    let fused = layers.fused(keeping: [last])
    var builder = GraphBuilder()
    _ = try fused.layers.expand([.all(fused.outputs[0])], into: &builder)
    let graph = builder.build()
    let failure = await #expect(throws: FusedPartFailure.self) { _ = try await SlowRun(graph) }
    #expect(failure?.part.label == "wrong")
    #expect(failure?.part == graph.parts(of: TaskID(rawValue: 0))[1])
    #expect(failure?.underlying is WrongBlock)
  }

  @Test func `a function that is not known here, or arguments it cannot read, are named`() throws {
    var layers = BlockLayers()
    let base = layers.add("base", Mixed(tag: 1), blocks: [2])
    let sent = try BlockLayers(portableBytes: layers.portableBytes())
    let error = #expect(throws: BlockLayerError.self) { try expand([.all(base)], sent) }
    #expect(error?.description == "the block function test.mixed version 3 is not known here: register it")
  }
}

@Suite struct BlockLayersBytesTests {
  @Test(arguments: sampled(0..<60 as Range<UInt64>))
  func `changed and cut bytes are refused or are other layers, and never trap`(seed: UInt64) throws {
    let work = RandomLayers(seed: seed, count: 5)
    let layers = seed % 2 == 0 ? work.layers : work.layers.fused(keeping: [work.arrays[4]]).layers
    let bytes = layers.portableBytes()
    for count in 0..<bytes.count {
      #expect(throws: ByteError.self) { try BlockLayers(portableBytes: Array(bytes[..<count])) }
    }
    var functions = BlockFunctions()
    functions.register(Mixed.self)
    var random = SeededGenerator(seed: seed)
    for _ in 0..<400 {
      var changed = bytes
      for _ in 0..<(1 + random.below(3)) {
        let value = random.pick([0, 1, 2, 127, 128, 255, random.below(256)])
        changed[random.below(changed.count)] = UInt8(value)
      }
      guard let other = try? BlockLayers(portableBytes: changed) else { continue }
      #expect(try BlockLayers(portableBytes: other.portableBytes()) == other)
      guard let last = other.layers.indices.last else { continue }
      let array = BlockArray(layer: last, blocks: other.layers[last].blocks)
      var builder = GraphBuilder()
      _ = try? other.expand(
        [.some(array, [array.blocks.map { _ in 0 }])], into: &builder, functions: functions, limit: 10_000)
      let fused = other.fused(keeping: [array])
      _ = try? fused.layers.expand([.all(fused.outputs[0])], into: &builder, functions: functions, limit: 10_000)
    }
  }

  @Test func `a version that is not known is refused`() {
    var bytes = BlockLayers().portableBytes()
    bytes[0] = 9
    #expect(throws: ByteError.self) { try BlockLayers(portableBytes: bytes) }
  }
}
