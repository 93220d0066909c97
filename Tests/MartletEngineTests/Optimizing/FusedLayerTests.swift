import MartletBytes
import Testing

@testable import MartletEngine
@testable import MartletGraph

/// Something of which one can tell whether there is another reference to it.
private final class Held: Sendable {}

/// Makes a `Held`.
private struct Hold: BlockFunction {
  static let name = "test.hold"
  static let version = 1

  init() {}
  init(from reader: inout ByteReader) throws(ByteError) {}
  func write(to writer: inout ByteWriter) {}
  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Held { Held() }
}

/// Whether the `Held` of the first input could be taken.
private struct Take: BlockFunction {
  static let name = "test.take"
  static let version = 1

  init() {}
  init(from reader: inout ByteReader) throws(ByteError) {}
  func write(to writer: inout ByteWriter) {}
  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Bool {
    var held = try inputs.take(0, as: Held.self)
    return isKnownUniquelyReferenced(&held)
  }
}

/// Passes a `Bool` on, or throws.
private struct Pass: BlockFunction {
  static let name = "test.pass"
  static let version = 1
  struct Refused: Error {}
  var fails = false

  init(fails: Bool = false) { self.fails = fails }
  init(from reader: inout ByteReader) throws(ByteError) {}
  func write(to writer: inout ByteWriter) {}
  func run(_ inputs: borrowing BlockInputs, _ context: borrowing TaskContext) throws -> Bool {
    if fails { throw Refused() }
    return try inputs.value(0, as: Bool.self)
  }
}

@Suite struct FusedLayerTests {
  /// One block that sums over two is not made part of their layer, so that they are inputs of the task.
  private func layers(fails: Bool = false) -> (layers: BlockLayers, outputs: [BlockArray], line: Int) {
    var layers = BlockLayers()
    let held = layers.add("held", Hold(), blocks: [2])
    let taken = layers.add("taken", Take(), blocks: [], inputs: [BlockInput(held, [.all])])
    let line = #line + 1
    let passed = layers.add("passed", Pass(fails: fails), blocks: [], inputs: [.same(taken)])
    let fused = layers.fused(keeping: [passed])
    return (fused.layers, fused.outputs, line)
  }

  @Test func `a step of a fused layer takes an input that nobody else needs`() throws {
    let (layers, outputs, _) = layers()
    #expect(layers.layers.map { $0.functions.count } == [1, 2])
    for (isShared, expected) in [(false, true), (true, false)] {
      var builder = GraphBuilder()
      let node = try layers.expand([.all(outputs[0])], into: &builder)[0][0]
      var outputs = [node]
      if isShared {
        for task in 0..<2 as Range<UInt32> {
          outputs.append(builder.task("also", on: [builder.declaredNode(task)]) { _, _ in 0 }.erased)
        }
      }
      let graph = builder.build()
      let wasTaken = Node<Bool>(id: node.id, stamp: node.stamp)
      #expect(try SerialExecutor().run(graph, outputs: outputs)[wasTaken] == expected)
      #expect(try ThreadPoolExecutor(threads: 1).run(graph, outputs: outputs)[wasTaken] == expected)
    }
  }

  @Test func `the failure of a step says where its layer was written`() throws {
    let (layers, outputs, line) = layers(fails: true)
    var builder = GraphBuilder()
    let node = try layers.expand([.all(outputs[0])], into: &builder)[0][0]
    let graph = builder.build()
    let failure = try #require(throws: TaskFailure.self) { try SerialExecutor().run(graph, outputs: [node]) }
    #expect(failure.underlying is Pass.Refused)
    #expect(failure.location?.line == line)
    #expect(failure.location?.fileID.hasSuffix("FusedLayerTests.swift") == true)
  }
}
