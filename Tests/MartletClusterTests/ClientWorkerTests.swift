import Martlet
import MartletGraph
import MartletNet
import MartletScheduler
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct ClientWorkerTests {
    @Test func `workers give the same results as this process`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 2)
        let client = try cluster.client()
        for seed in 20...26 as ClosedRange<UInt64> {
          let calls = RandomCalls(seed: seed, tasks: 80)
          let outputs = calls.wanted.map { AnyNode(id: $0, stamp: calls.graph.stamp) }
          let like = try InProcess(calls.graph)
          let there = try client.run(calls.graph, outputs: outputs)
          for task in calls.wanted {
            if let number = like.slot(task).value(as: Int.self) {
              #expect(there[Node<Int>(id: task, stamp: calls.graph.stamp)] == number, "seed \(seed)")
            }
          }
        }
        client.close()
        cluster.end()
      }
    }

    @Test func `large results are fetched from the workers that hold them, and not kept here`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 2)
        let client = try cluster.client()
        let ramps = try client.map((0..<24).map { Ramp(first: $0, count: 20_000) })
        let values = try client.gather(ramps)
        #expect(values.map(\.first) == Array(0..<24) && values.allSatisfy { $0.count == 20_000 })
        #expect(eventually { cluster.heldHere(client) == 0 })
        #expect(try ramps[5].result().last == 20_004)
        #expect(try ramps[5].result() == values[5])
        #expect(Set(try client.whoHas(ramps).flatMap { $0 }).count == 2)
        let sums = try client.map(ramps) { delayed(SumOf(), $0.delayed) }
        #expect(try client.gather(sums) == values.map { $0.reduce(0, +) })
        let all = try ramps.map(\.delayed).run(on: client)
        #expect(all == values)
        client.close()
        cluster.end()
      }
    }

    @Test func `a slow reader has few values waiting for it`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 1)
        let client = try cluster.client()
        let ramps = try client.map((0..<30).map { Ramp(first: $0, count: 20_000) })
        client.wait(for: ramps)
        let completed = client.asCompleted(ramps, prefetch: 3)
        #expect(eventually { cluster.heldHere(client) == 3 })
        var sum = 0
        while let future = completed.next() {
          sum += try future.result()[0]
          #expect(cluster.heldHere(client) <= 6)
        }
        #expect(sum == (0..<30).reduce(0, +))
        #expect(eventually { cluster.heldHere(client) == 0 })
        client.close()
        cluster.end()
      }
    }

    @Test func `large values are put onto workers, and are inputs there`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 2)
        let client = try cluster.client()
        try client.waitForWorkers(2)
        let lists = (0..<6).map { first in (0..<10_000).map { first + $0 } }
        let futures = try client.scatter(each: lists)
        let sums = try client.map(futures) { delayed(SumOf(), $0.delayed) }
        #expect(try client.gather(sums) == lists.map { $0.reduce(0, +) })
        #expect(try futures[3].result() == lists[3])
        #expect(Set(try client.whoHas(futures).flatMap { $0 }).count == 2)
        client.close()
        cluster.end()
      }
    }

    @Test func `results of a worker that is gone are computed again`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 2)
        let client = try cluster.client()
        let ramps = try client.map((0..<10).map { Ramp(first: $0, count: 5000) })
        #expect(client.wait(for: ramps, timeout: .seconds(60)).unfinished.isEmpty)
        cluster.stopWorker(0)
        #expect(try client.gather(ramps).map(\.first) == Array(0..<10))
        client.close()
        cluster.end()
      }
    }

    @Test func `many threads use one client`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 1)
        let client = try cluster.client()
        let sums = Shared<[Int]>([])
        for thread in 0..<4 {
          Thread.start {
            var sum = 0
            for number in 0..<40 {
              let future = try? client.submit(delayed(Sum(constant: number + thread), on: []))
              sum += (try? future?.readBlocking(until: nil)) ?? 0
              if number % 8 == 0 { sum += (try? delayed(Sum(constant: 1), on: []).run(on: client)) ?? 0 }
            }
            sums.with { $0.append(sum) }
          }
        }
        #expect(eventually { sums.now.count == 4 })
        #expect(sums.now.sorted() == (0..<4).map { 780 + 40 * $0 + 5 })
        client.close()
        cluster.end()
      }
    }
  }
}

/// Numbers in a row.
struct Ramp: PortableTaskFunction, Codable {
  static let name = "test.ramp"
  static let version = 1
  var first: Int
  var count: Int
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> [Int] {
    (first..<(first + count)).map { $0 }
  }
}

/// A scheduler and workers as they are, in this process.
final class RealCluster: Sendable {
  let scheduler: TestScheduler
  let registry: TaskFunctionRegistry
  private let workers: [WorkerServer]

  init(workers count: Int) throws {
    var registry = try testRegistry()
    try registry.register(Ramp.self)
    self.registry = registry
    scheduler = try TestScheduler { $0.core.strandedNanoseconds = 1_000_000_000 }
    let port = scheduler.port
    workers = try (0..<count).map { number in
      var settings = WorkerServerSettings(scheduler: "127.0.0.1:\(port)")
      settings.name = "worker \(number)"
      settings.resources = ["gpu": 1, "disk": 2]
      let worker = try WorkerServer(settings, registry: registry)
      try worker.start()
      return worker
    }
    #expect(eventually { self.scheduler.inspect { $0.core.livingWorkers.count } == count })
  }

  func client(_ adjust: (inout ClientOptions) -> Void = { _ in }) throws -> Client {
    var options = ClientOptions()
    options.registry = registry
    adjust(&options)
    return try Client("127.0.0.1:\(scheduler.port)", options: options)
  }

  func stopWorker(_ number: Int) {
    workers[number].stop()
    _ = workers[number].waitUntilEnded()
  }

  /// Values of more than 64 KiB that a client holds.
  func heldHere(_ client: Client) -> Int {
    let count = Shared<Int?>(nil)
    let shell = client.link.shell
    shell.loop.execute {
      let held = shell.entries.count { ($0.value?.byteCount ?? 0) > 64 << 10 }
      count.with { $0 = held }
    }
    _ = eventually { count.now != nil }
    return count.now ?? -1
  }

  func end() {
    for worker in workers { worker.stop() }
    for worker in workers { _ = worker.waitUntilEnded() }
    scheduler.end()
    #expect(eventually { !threadNames().contains("client") })
  }
}
