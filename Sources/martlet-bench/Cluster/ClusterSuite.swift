import Glibc
import Martlet
import MartletCluster
import MartletGraph
import MartletSystem

/// A whole cluster on this machine, in processes: scheduler, two workers of one thread, and this one as client.
enum ClusterSuite: BenchSuite {
  static let name = "cluster"
  static let summary = "a scheduler, two workers and a client: tasks a second, round trip, METG, a large result"

  static func run(_ options: BenchOptions) throws {
    try ClusterFunctions.register()
    var local = LocalClusterOptions()
    // This program is the worker, too: see `MartletBench.main`.
    local.workerProgram = programPath()
    local.workerArguments = ["worker"]
    let cluster = try LocalCluster(workers: 2, threads: 1, options: local)
    defer { cluster.close() }
    let client = try cluster.client()
    defer { client.close() }
    let rounds = options.isToy ? 1 : min(options.rounds, 9)
    print("cluster: scheduler, 2 workers × 1 thread, client; median (best) of \(rounds) rounds")
    for kind in [throughput, roundTrip, stencil, granularity, transfer] { try kind(client, options, rounds) }
  }

  private static func isWanted(_ name: String, _ options: BenchOptions) -> Bool {
    options.only == nil || options.only == name
  }

  // MARK: Tasks a second

  private static func throughput(_ client: Client, _ options: BenchOptions, _ rounds: Int) throws {
    for (place, first) in ClusterShape.all(isToy: options.isToy, round: 0).enumerated() {
      guard isWanted(first.name, options) else { continue }
      let expected = try SerialExecutor().run(first.graph, outputs: first.outputs)
      let results = try client.run(first.graph, outputs: first.outputs)
      if let wrong = first.outputs.first(where: { results[$0] != expected[$0] }) {
        throw WrongResult(description: "\(first.name) gave \(results[wrong]), not \(expected[wrong]) as on one thread")
      }
      // Built beforehand: what is measured begins where a program hands its graph over.
      var shapes = (0...rounds).map { ClusterShape.all(isToy: options.isToy, round: $0 + 1)[place] }
      let timings = try Timings(rounds: rounds) {
        let shape = shapes.removeLast()
        _ = try client.run(shape.graph, outputs: shape.outputs)
      }
      let count = Double(first.graph.count)
      print(
        "  \(leading(first.name, 14))\(padded("\(first.graph.count)", 8)) tasks"
          + padded(count / timings.median * 1e9, 10, digits: 0) + " ("
          + padded(count / timings.best * 1e9, 0, digits: 0) + ") a second")
    }
  }

  // MARK: One task, there and back

  private static func roundTrip(_ client: Client, _ options: BenchOptions, _ rounds: Int) throws {
    guard isWanted("roundtrip", options) else { return }
    let count = options.isToy ? 20 : 3000
    var times: [Double] = []
    for number in 0..<(count + count / 10) {
      let start = martlet_monotonic_nanoseconds()
      let value = try client.submit(ClusterPoint(seed: number)).result()
      let time = Double(martlet_monotonic_nanoseconds() - start)
      if value != number { throw WrongResult(description: "a round trip gave \(value), not \(number)") }
      if number >= count / 10 { times.append(time) }
    }
    times.sort()
    let p50 = times[times.count / 2] / 1000
    let p99 = times[min(times.count - 1, times.count * 99 / 100)] / 1000
    print(
      "  \(leading("round trip", 14))\(padded("\(count)", 8)) tasks   p50" + padded(p50, 7, digits: 0) + " µs   p99"
        + padded(p99, 7, digits: 0) + " µs")
  }

  // MARK: The smallest task that uses half of the workers

  /// What a task of the stencil costs beside its body: of both processors.
  private static func stencil(_ client: Client, _ options: BenchOptions, _ rounds: Int) throws {
    guard isWanted("stencil", options) else { return }
    let (width, steps) = (8, options.isToy ? 5 : 500)
    for iterations in [0, 12_500, 25_000, 50_000] {
      var shapes = (0...rounds).map {
        ClusterShape.stencil(width: width, steps: steps, iterations: iterations, round: 100_000 + iterations + $0)
      }
      let wall = try Timings(rounds: rounds) {
        let shape = shapes.removeLast()
        _ = try client.run(shape.graph, outputs: shape.outputs)
      }
      let body = Timings(rounds: rounds) {
        for task in 0..<100 { _ = opaque(kernel(task, iterations)) }
      }
      let scale = 2 / Double(width * steps) / 1000
      print(
        "  \(leading("stencil", 14))\(padded("\(width * steps)", 8)) tasks   bodies of"
          + padded(body.median / 100_000, 5, digits: 1) + " µs:" + padded(wall.median * scale, 7, digits: 1) + " ("
          + padded(wall.best * scale, 0, digits: 1) + ") µs of both processors a task")
    }
  }

  /// METG(50 %) of stencils (`GranularitySweep`).
  private static func granularity(_ client: Client, _ options: BenchOptions, _ rounds: Int) throws {
    guard isWanted("metg", options) else { return }
    let steps = options.isToy ? 5 : 100
    var round = 1000
    for width in [8, 32] {
      let sweep = try GranularitySweep(
        tasks: width * steps, processors: 2, iterations: options.isToy ? 200 : 100_000, rounds: rounds
      ) { iterations in
        var shapes = (0...rounds).map { _ in
          round += 1
          return ClusterShape.stencil(width: width, steps: steps, iterations: iterations, round: round)
        }
        return try Timings(rounds: rounds) {
          let shape = shapes.removeLast()
          _ = try client.run(shape.graph, outputs: shape.outputs)
        }
      }
      print("  metg          \(padded("\(width * steps)", 8)) tasks   stencil \(width) wide" + sweep.text + " µs")
    }
  }

  // MARK: A large result from worker to worker

  /// Two blocks are made at the same time, so on two workers; where they meet, one of them has come over.
  private static func transfer(_ client: Client, _ options: BenchOptions, _ rounds: Int) throws {
    guard isWanted("transfer", options) else { return }
    let byteCount = options.isToy ? 1 << 20 : 100_000_000
    var rates: [Double] = []
    for round in 0..<rounds {
      let blocks = try client.map((0..<2).map { ClusterBlock(byteCount: byteCount, seed: 2 * round + $0) })
      for block in blocks { block.wait() }
      let places = try client.whoHas(blocks)
      guard Set(places.joined()).count == 2 else { continue }
      let start = martlet_monotonic_nanoseconds()
      let sum = try client.submit(ClusterMeeting(seed: round), blocks[0], blocks[1]).result()
      let time = Double(martlet_monotonic_nanoseconds() - start)
      if sum != 2 * byteCount { throw WrongResult(description: "\(sum) bytes met, not \(2 * byteCount)") }
      rates.append(Double(byteCount) / time)
    }
    rates.sort()
    guard let best = rates.last else { throw BenchError("both blocks were made on one worker, in every round") }
    print(
      "  \(leading("transfer", 14))\(padded("\(byteCount / 1_000_000)", 8)) MB    "
        + padded(rates[rates.count / 2], 6, digits: 2) + " (" + padded(best, 0, digits: 2) + ") GB/s")
  }
}
