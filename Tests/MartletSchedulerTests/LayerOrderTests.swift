import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `The order of blocks` {
  private static func digest(_ number: UInt64) -> Digest128 { Digest128(low: number, high: 99) }

  private static func layer(
    _ number: UInt64, _ count: UInt32, _ inputs: [SubmittedLayer.Input] = []
  ) -> SubmittedLayer {
    SubmittedLayer(
      digest: digest(number), label: 0, function: 0, arguments: [UInt8(number)], count: count, inputs: inputs)
  }

  /// Lets one worker of one thread compute all, by priority. The most results that were there at one time, and how many tasks ran.
  private static func peak(_ pieces: [Submission]) -> (results: Int, ran: Int) {
    var cluster = DirectCluster(workers: 1)
    var pending: [ComputeTask] = []
    func take(_ actions: [SchedulerAction]) {
      for case .tellWorker(_, .compute(let list)) in actions { pending += list }
    }
    for piece in pieces { take(cluster.say(.submit(piece))) }
    var peak = 0
    var ran = 0
    while let next = pending.indices.min(by: { pending[$0].priority < pending[$1].priority }) {
      let task = pending.remove(at: next)
      ran += 1
      take(cluster.finish(task.task, run: task.run.rawValue, on: WorkerID(rawValue: 0), bytes: 10_000))
      peak = max(peak, cluster.core.count(.memory))
    }
    return (peak, ran)
  }

  private static func piece(_ layers: [SubmittedLayer], isLast: Bool = true) -> Submission {
    var piece = Submission(graph: 1, isLast: isLast)
    piece.functions = [DirectCluster.function]
    piece.labels = ["block"]
    piece.layers = layers
    return piece
  }

  @Test func `layers are computed through for each block, and sums as soon as they can be`() {
    var end = Self.layer(5, 1, [.range(of: Self.digest(4), count: 30, size: 30)])
    end.isWanted = true
    let layers = [
      Self.layer(1, 300), Self.layer(2, 300),
      Self.layer(3, 300, [.block(of: Self.digest(1)), .block(of: Self.digest(2))]),
      Self.layer(4, 30, [.range(of: Self.digest(3), count: 300, size: 10)]), end,
    ]
    let (results, ran) = Self.peak([Self.piece(layers)])
    #expect(ran == 931)
    // Thirty sums, ten that are summed, and what is between.
    #expect(results < 60)
  }

  @Test func `single tasks that need blocks run when these are there, not behind all of the layer`() {
    var tasks = Submission(graph: 1, isLast: true)
    tasks.functions = [DirectCluster.function]
    tasks.labels = ["sum"]
    tasks.tasks = (0..<30).map { number in
      SubmittedTask(
        digest: DirectCluster.digest(number), label: 0, work: .call(function: 0, arguments: []),
        dependencies: (0..<10).map { .known(Self.digest(1).member(UInt64(number * 10 + $0))) })
    }
    tasks.wanted = Array(0..<30)
    let (results, ran) = Self.peak([Self.piece([Self.layer(1, 300)], isLast: false), tasks])
    #expect(ran == 330 && results < 60)
  }

  @Test func `of a layer that is wanted in part those blocks are named, in their order, and no others are computed`() {
    var cluster = DirectCluster(workers: 1)
    var layer = Self.layer(1, 100)
    layer.wanted = [3, 50, 99]
    let actions = cluster.say(.submit(Self.piece([layer])))
    var named: [TaskHandle] = []
    for case .tellClient(_, .accepted(_, let wanted)) in actions { named = wanted }
    let digests = named.compactMap { cluster.core.slot(of: $0) }.map { cluster.core.tasks[Int($0)].digest }
    #expect(digests == layer.wanted.map { Self.digest(1).member(UInt64($0)) })
    #expect(cluster.core.taskCount == 3)
  }
}
