import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `Layers of blocks` {
  private static let reading = Digest128(low: 1, high: 1)
  private static let mapping = Digest128(low: 2, high: 2)
  private static let joining = Digest128(low: 3, high: 3)

  /// A layer that reads, one that needs a block of it each and one task for all, and one that joins three of those each.
  private func piece(count: UInt32) -> Submission {
    var piece = Submission(graph: 1, isLast: true)
    piece.functions = [DirectCluster.function]
    piece.labels = ["block"]
    piece.tasks = [
      SubmittedTask(digest: DirectCluster.digest(0), label: 0, work: .call(function: 0, arguments: []))
    ]
    piece.layers = [
      SubmittedLayer(digest: Self.reading, label: 0, function: 0, arguments: [7], count: count),
      SubmittedLayer(
        digest: Self.mapping, label: 0, function: 0, arguments: [8], count: count,
        inputs: [.block(of: Self.reading), .shared(DirectCluster.digest(0))]),
      SubmittedLayer(
        digest: Self.joining, label: 0, function: 0, arguments: [], count: count / 3 + (count % 3 == 0 ? 0 : 1),
        inputs: [.range(of: Self.mapping, count: count, size: 3)], isWanted: true),
    ]
    return piece
  }

  private func refusal(_ actions: [SchedulerAction]) -> FailureRecord? {
    for case .tellClient(_, .refused(_, let failure)) in actions { return failure }
    return nil
  }

  @Test func `blocks are tasks with their inputs, and their numbers behind the arguments`() throws {
    var cluster = DirectCluster(workers: 1)
    var actions = cluster.say(.submit(piece(count: 7)))
    #expect(cluster.core.taskCount == 1 + 7 + 7 + 3)
    var given: [Digest128: ComputeTask] = [:]
    while true {
      var next: [SchedulerAction] = []
      for case .tellWorker(let worker, .compute(let list)) in actions {
        for task in list {
          given[task.digest] = task
          next += cluster.finish(task.task, run: task.run.rawValue, on: worker, bytes: 10_000)
        }
      }
      if next.isEmpty { break }
      actions = next
    }
    #expect(given.count == 18)
    let mapped = try #require(given[Self.mapping.member(5)])
    #expect(mapped.work == .call(DirectCluster.function, arguments: [8, 5, 0, 0, 0, 0, 0, 0, 0]))
    #expect(mapped.inputs.map(\.digest) == [Self.reading.member(5), DirectCluster.digest(0)])
    let joined = try #require(given[Self.joining.member(2)])
    #expect(joined.inputs.map(\.digest) == [Self.mapping.member(6)])
    #expect(given[Self.joining.member(1)]?.inputs.map(\.digest) == (3..<6).map { Self.mapping.member($0) })
  }

  @Test func `the same layers again are the same tasks, also as single tasks; other work is refused`() {
    var cluster = DirectCluster(workers: 0)
    _ = cluster.say(.submit(piece(count: 7)))
    var again = piece(count: 7)
    again.graph = 2
    #expect(refusal(cluster.say(.submit(again))) == nil)
    #expect(cluster.core.taskCount == 18)
    var single = Submission(graph: 3, isLast: true)
    single.functions = [DirectCluster.function]
    single.labels = ["single"]
    single.tasks = [
      SubmittedTask(
        digest: Self.reading.member(2), label: 0, work: .call(function: 0, arguments: [7] + 2.portableBytes()))
    ]
    single.wanted = [0]
    #expect(refusal(cluster.say(.submit(single))) == nil)
    single.graph = 4
    single.tasks[0].work = .call(function: 0, arguments: [7] + 3.portableBytes())
    #expect(refusal(cluster.say(.submit(single)))?.kind == .cannotRun)
    again.graph = 5
    again.layers[0].arguments = [9]
    #expect(refusal(cluster.say(.submit(again)))?.kind == .cannotRun)
    _ = cluster.say(.goodbye)
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `a layer that is too large or needs what is not known is refused, and nothing of it is left`() {
    var settings = SchedulerSettings()
    settings.taskLimit = 1000
    settings.dependencyLimit = 1500
    var cluster = DirectCluster(workers: 1, settings: settings)
    #expect(refusal(cluster.say(.submit(piece(count: .max))))?.kind == .cannotRun)
    #expect(refusal(cluster.say(.submit(piece(count: 900))))?.kind == .cannotRun)
    var wide = piece(count: 400)
    wide.layers[1].inputs += [.shared(DirectCluster.digest(0)), .shared(DirectCluster.digest(0))]
    #expect(refusal(cluster.say(.submit(wide)))?.kind == .cannotRun)
    for input: SubmittedLayer.Input in [
      .block(of: Self.joining), .shared(Self.joining), .range(of: Self.reading, count: 8, size: .max),
    ] {
      var unknown = piece(count: 7)
      unknown.layers[1].inputs = [input]
      #expect(refusal(cluster.say(.submit(unknown)))?.kind == .lost)
    }
    #expect(cluster.core.taskCount == 0)
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }

  @Test func `inputs follow from the place in a grid, and may not lie outside of their layer`() {
    var turned = piece(count: 6)
    // The layer is a grid of 3 by 2, what it needs one of 2 by 3, transposed; then sums over the columns of that.
    turned.layers[1].inputs = [
      .strided(
        of: Self.reading,
        BlockStrides(
          count: 6, first: 0, axes: [.init(extent: 3, step: 1), .init(extent: 2, step: 3)], spans: []))
    ]
    turned.layers[2].inputs = [
      .strided(
        of: Self.mapping,
        BlockStrides(count: 6, first: 1, axes: [.init(extent: 2, step: 1)], spans: [.init(extent: 2, step: 2)]))
    ]
    var cluster = DirectCluster(workers: 1)
    #expect(refusal(cluster.say(.submit(turned))) == nil)
    func inputs(_ family: Digest128, _ block: UInt64) -> [Digest128] {
      guard let slot = cluster.core.slot(of: family.member(block)) else { return [] }
      return cluster.core.inputs(of: slot).map { cluster.core.tasks[Int($0)].digest }
    }
    // What nobody needs is forgotten: the first block and the last.
    let mapped = (0..<6).map { inputs(Self.mapping, $0) }
    #expect(mapped == [[], [3], [1], [4], [2], []].map { $0.map { Self.reading.member($0) } })
    #expect(inputs(Self.joining, 0) == [Self.mapping.member(1), Self.mapping.member(3)])
    #expect(inputs(Self.joining, 1) == [Self.mapping.member(2), Self.mapping.member(4)])
    var outside = piece(count: 6)
    outside.layers[1].inputs = [
      .strided(of: Self.reading, BlockStrides(count: 6, first: 1, axes: [.init(extent: 6, step: 1)], spans: []))
    ]
    #expect(refusal(cluster.say(.submit(outside)))?.kind == .cannotRun)
    outside.layers[1].inputs = [
      .strided(
        of: Self.reading,
        BlockStrides(
          count: 6, first: 0, axes: [],
          spans: Array(repeating: .init(extent: .max, step: 0), count: 32)))
    ]
    #expect(refusal(cluster.say(.submit(outside)))?.kind == .cannotRun)
  }

  @Test func `a layer of a million blocks takes little on the wire`() throws {
    let message = ClientToScheduler.submit(piece(count: 1_000_000))
    let bytes = message.portableBytes()
    #expect(bytes.count < 4096)
    #expect(try ClientToScheduler(portableBytes: bytes) == message)
  }
}
