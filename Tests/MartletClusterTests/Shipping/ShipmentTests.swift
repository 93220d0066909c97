import MartletBytes
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

@Suite struct ShipmentTests {
  @Test func `any graph of portable functions gives the same results when every task goes through bytes`() throws {
    let registry = try testRegistry()
    for seed in sampled(0..<150 as Range<UInt64>) {
      var random = SeededGenerator(seed: seed &+ 1000)
      let calls = RandomCalls(seed: seed, tasks: 1 + random.below(80))
      let pieceBytes = random.pick([300, 1000, 4 << 20])
      var shipment = try GraphShipment(
        calls.graph, number: 7, wanted: calls.wanted, registry: registry, pieceBytes: pieceBytes)
      var cluster = OneByOne(registry)
      var count = 0
      while let piece = try shipment.next() {
        let bytes = piece.portableBytes()
        #expect(piece.graph == 7)
        #expect(piece.tasks.count == 1 || bytes.count <= pieceBytes, "seed \(seed)")
        count += piece.tasks.count
        try cluster.take(bytes)
      }
      #expect(count == shipment.count, "seed \(seed)")
      let expected = try InProcess(calls.graph)
      for (place, task) in calls.wanted.enumerated() {
        let digest = shipment.wantedDigests[place]
        #expect(cluster.wanted[shipment.wantedPlaces[place]] == digest, "seed \(seed)")
        let result = try #require(cluster.results[digest], "seed \(seed)")
        #expect(try result.type.bytes(of: expected.slot(task)) == result.bytes, "seed \(seed), task \(task)")
      }
      #expect(Set(cluster.wanted).count <= Set(calls.wanted).count)
    }
  }

  @Test func `keys depend on the work alone, not on the graph that it stands in`() throws {
    let registry = try testRegistry()
    for seed in sampled(0..<40 as Range<UInt64>) {
      func digests(shift: Int) throws -> [Digest128] {
        let calls = RandomCalls(seed: seed, tasks: 50, shift: shift)
        var shipment = try GraphShipment(calls.graph, number: 1, wanted: calls.wanted, registry: registry)
        while try shipment.next() != nil {}
        return shipment.wantedDigests
      }
      #expect(try digests(shift: 0) == digests(shift: 3), "seed \(seed)")
    }
  }

  @Test func `different work has different keys, also where labels are the same`() throws {
    let registry = try testRegistry()
    func digest(_ numbers: [Int], after early: Bool = false) throws -> Digest128 {
      var builder = GraphBuilder()
      let nodes = numbers.map { builder.literal($0) }
      let list = builder.gather(nodes)
      if early { builder.waitNext(for: [nodes[0].erased]) }
      let sum = builder.call(SumOf(), on: [list])
      var shipment = try GraphShipment(builder.build(), number: 1, wanted: [sum.id], registry: registry)
      while try shipment.next() != nil {}
      return shipment.wantedDigests[0]
    }
    let all = [
      try digest([1, 2]), try digest([2, 1]), try digest([1, 2, 2]), try digest([]), try digest([1, 2], after: true),
    ]
    #expect(Set(all).count == all.count)
    // An array of nothing: of which type shows in the key.
    var builder = GraphBuilder()
    let none = [builder.gather([Node<Int>]()).id, builder.gather([Node<String>]()).id]
    var shipment = try GraphShipment(builder.build(), number: 1, wanted: none, registry: registry)
    while try shipment.next() != nil {}
    #expect(shipment.wantedDigests[0] != shipment.wantedDigests[1])
  }

  @Test func `literals and calls keep the keys that the builder gave`() throws {
    var builder = GraphBuilder()
    let one = builder.literal(1)
    let call = builder.call(Sum(constant: 2), on: [one])
    let graph = builder.build()
    var shipment = try GraphShipment(graph, number: 1, wanted: [one.id, call.id], registry: try testRegistry())
    while try shipment.next() != nil {}
    #expect(shipment.wantedDigests == [graph.key(of: one.id).digest, graph.key(of: call.id).digest])
  }

  @Test func `traits travel, and labels are cut to what a message takes`() throws {
    var builder = GraphBuilder()
    let traits = TaskTraits(
      isSource: true, estimatedResultBytes: 12, isBlocking: true, priority: -3,
      retry: RetryPolicy(limit: 100_000, delay: .microseconds(3), factor: 1e9, longestDelay: .seconds(Int64.max)),
      timeout: .zero, resources: [ResourceNeed("gpu", amount: 2), ResourceNeed("disk"), ResourceNeed("gpu")])
    let label = String(repeating: "ä", count: 4000)
    let node = builder.call(Sum(constant: 1), label: label, traits: traits)
    let pieces = try GraphShipment.pieces(
      of: builder.build(), number: 1, wanted: [node.id, node.id], registry: try testRegistry())
    let piece = try Submission(portableBytes: pieces[0].portableBytes())
    #expect(pieces.count == 1)
    #expect(piece.isLast)
    #expect(piece.wanted == [0])
    #expect(piece.labels[0].hasSuffix("ä…"))
    var wanted = WorkTraits()
    wanted.priority = -3
    wanted.retries = .max
    wanted.retryDelayNanoseconds = 3000
    wanted.retryFactor = 1e6
    wanted.retryLongestDelayNanoseconds = .max
    wanted.timeoutNanoseconds = 1
    wanted.estimatedResultBytes = 12
    wanted.isSource = true
    wanted.isBlocking = true
    wanted.resources = [ResourceAmount(name: "disk", amount: 1), ResourceAmount(name: "gpu", amount: 3)]
    #expect(piece.traits == [wanted])
  }

  private struct Unknown: PortableValue, Codable { var x = 1 }
  private struct Opaque: Sendable {}
  private struct Unwilling: PortableValue, Codable {
    struct Refusal: Error {}
    init() {}
    init(from decoder: any Decoder) throws {}
    func encode(to encoder: any Encoder) throws { throw Refusal() }
  }

  @Test func `a task that cannot travel is named, with what to do`() throws {
    func error(
      _ code: ShippingError.Code, _ label: String, _ remedy: String, _ build: (inout GraphBuilder) -> AnyNode
    ) throws {
      var registry = try testRegistry()
      try registry.register(value: Unwilling.self)
      var builder = GraphBuilder()
      let node = build(&builder)
      let last = builder.gather([node.typed(as: Int.self)])
      let graph = builder.build()
      let error = #expect(throws: ShippingError.self) {
        try GraphShipment.pieces(of: graph, number: 1, wanted: [last.id], registry: registry)
      }
      #expect(error?.code == code)
      #expect(error?.label == label)
      #expect(error?.remedy.contains(remedy) == true, "\(error?.description ?? "")")
    }
    try error(.closure, "double", "PortableTaskFunction") { $0.task("double") { 2 }.erased }
    try error(.closure, "wait", "PortableTaskFunction") { $0.asyncTask("wait") { 2 }.erased }
    try error(.notPortable, "test.local", "Let Local be a PortableTaskFunction") { $0.call(Local()).erased }
    try error(.notRegistered, "mine", "register(Stranger.self)") { $0.call(Stranger(), label: "mine").erased }
    try error(.unknownType, "value", "register(value: Unknown.self)") { $0.literal(Unknown(), label: "value").erased }
    try error(.unknownType, "value", "register(value: Opaque.self)") { $0.literal(Opaque(), label: "value").erased }
    try error(.tooLarge, "bytes", "Scatter") {
      $0.literal([UInt8](repeating: 1, count: 9 << 20), label: "bytes").erased
    }
    func later(_ builder: inout GraphBuilder) -> AnyNode {
      let value: any Sendable = Unwilling()
      func literal<Value: Sendable>(_ value: Value) -> AnyNode { builder.literal(value, label: "no").erased }
      return literal(value as! Unwilling)
    }
    try error(.unwritable, "no", "Correct", later)
  }

  @Test func `a constant of the known type that is only Sendable where it is added travels too`() throws {
    func erased<Value: Sendable>(_ value: Value, _ builder: inout GraphBuilder) -> TaskID { builder.literal(value).id }
    var builder = GraphBuilder()
    let node = erased([[1, 2], [3]], &builder)
    let keyed = builder.literal([[1, 2], [3]])
    var shipment = try GraphShipment(
      builder.build(), number: 1, wanted: [node, keyed.id], registry: try testRegistry())
    var cluster = OneByOne(try testRegistry())
    while let piece = try shipment.next() { try cluster.take(piece.portableBytes()) }
    #expect(shipment.wantedDigests[0] == shipment.wantedDigests[1])
    #expect(cluster.results[shipment.wantedDigests[0]]?.bytes == [[1, 2], [3]].portableBytes())
    #expect(cluster.runs == 1)
  }
}
