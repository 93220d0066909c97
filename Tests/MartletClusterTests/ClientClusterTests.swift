import Glibc
import Martlet
import MartletGraph
import MartletNet
import TestSupport
import Testing

@testable import MartletCluster

/// Says which thread it runs on, or fails.
struct WhereAmI: PortableTaskFunction, Codable {
  static let name = "test.where"
  static let version = 1
  var fails = false
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    if fails { throw Fail.Refusal() }
    return Int(bitPattern: pthread_self())
  }
}

extension ClusterTests {
  /// What a client can do with workers and with the places of results.
  @Suite struct ClientClusterTests {
    @Test func `a call runs once on each worker, and gives results or errors by worker`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 3)
        defer { cluster.end() }
        let client = try cluster.client()
        let workers = try client.workers()
        let all = try client.runOnWorkers(WhereAmI())
        #expect(all.map(\.worker) == workers.map(\.address))
        #expect(Set(try all.map { try $0.result.get() }).count == 3)
        let one = try client.runOnWorkers(WhereAmI(), workers: [workers[1].name])
        #expect(one.map(\.worker) == [workers[1].address])
        let failed = try client.runOnWorkers(
          WhereAmI(fails: true), workers: [workers[0].address], timeout: .seconds(60))
        #expect(throws: ClusterTaskError.self) { _ = try failed[0].result.get() }
        let nobody = #expect(throws: ClusterError.self) { _ = try client.runOnWorkers(WhereAmI(), workers: ["none"]) }
        #expect(nobody?.code == .denied)
        let stranger = #expect(throws: ClusterError.self) { _ = try client.runOnWorkers(Stranger()) }
        #expect(stranger?.message.contains("test.stranger") == true)
        client.close()
      }
    }

    @Test func `results are replicated, and a lost worker takes none with it`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 3)
        defer { cluster.end() }
        let client = try cluster.client()
        let data = try client.scatter(Array(0..<50_000), broadcasts: true)
        #expect(eventually { (try? client.whoHas([data])[0].count) == 3 })
        let ramp = try client.submit(Ramp(first: 0, count: 20_000))
        ramp.wait()
        try client.replicate([ramp], copies: 2)
        #expect(eventually { (try? client.whoHas([ramp])[0].count) == 2 })
        #expect(throws: ClusterError.self) { try client.replicate([ramp], copies: 0) }
        #expect(try client.rebalance([ramp]) == 1)
        #expect(try client.rebalance() >= 2)
        let kept = try client.scatter(Array(0..<60_000), workers: ["worker 2"])
        let place = try #require(try client.workers().first { $0.name == "worker 2" })
        #expect(eventually { (try? client.whoHas([kept])[0]) == [place.address] })
        #expect(throws: ClusterError.self) { _ = try client.scatter(Array(0..<60_000), workers: ["nobody"]) }
        cluster.stopWorker(0)
        #expect(try client.submit(SumOf(), data).result(timeout: .seconds(60)) == 50_000 * 49_999 / 2)
        client.close()
      }
    }

    @Test func `tasks run on the workers that they are restricted to`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 2)
        defer { cluster.end() }
        let client = try cluster.client()
        let workers = try client.workers()
        for worker in workers {
          let task = delayed(Ramp(first: 0, count: 3000 + worker.id), on: []).workers([worker.name])
          let future = try client.submit(task)
          future.wait()
          #expect(try client.whoHas([future]) == [[worker.address]])
        }
        var options = SubmitOptions()
        options.workers = [workers[1].address]
        options.resources = ["gpu": 1]
        let restricted = try client.submit(
          (0..<4).map { delayed(Ramp(first: 0, count: 4000 + $0), on: []) }, options: options)
        client.wait(for: restricted)
        #expect(try client.whoHas(restricted) == Array(repeating: [workers[1].address], count: 4))
        let free = try client.submit(
          delayed(Ramp(first: 0, count: 5000), on: []).workers(["nobody"], allowsOthers: true))
        #expect(try free.result().count == 5000)
        options.workers = []
        options.resources = ["gpu": 2]
        let never = try client.submit(delayed(Ramp(first: 0, count: 6000), on: []), options: options)
        #expect(!never.wait(timeout: .milliseconds(200)))
        #expect(
          eventually { (try? client.story(of: never).last?.contains("needs gpu=2, no worker has more than 1")) == true }
        )
        never.cancel()
        options.workerPatience = .milliseconds(300)
        let impatient = try client.submit(delayed(Ramp(first: 0, count: 6001), on: []), options: options)
        let error = #expect(throws: ClusterTaskError.self) { _ = try impatient.result(timeout: .seconds(60)) }
        #expect(error?.kind == .cannotRun && error?.message.contains("needs gpu=2, no worker has more than 1") == true)
        let told = Shared<[ClientEventReport]>([])
        let attentive = try cluster.client { $0.onEvent = { event in told.with { $0.append(event) } } }
        options.workerPatience = nil
        let waiting = try attentive.submit(delayed(Ramp(first: 0, count: 6002), on: []).named("odd"), options: options)
        #expect(
          eventually {
            told.now.contains { event in
              if case .waitsForWorker("odd", 1, _, "needs gpu=2, no worker has more than 1") = event {
                true
              } else {
                false
              }
            }
          })
        waiting.cancel()
        attentive.close()
        client.close()
      }
    }

    @Test func `a worker that is retired hands over and goes`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 2)
        defer { cluster.end() }
        let client = try cluster.client()
        let data = try client.scatter(Array(0..<50_000), workers: ["worker 0"])
        data.wait()
        #expect(throws: ClusterError.self) { _ = try client.retireWorkers(["worker 0", "nobody"]) }
        #expect(try client.retireWorkers(["worker 0"]) == 1)
        #expect(eventually { (try? client.workers().map(\.name)) == ["worker 1"] })
        let sum = try client.submit(SumOf(), data)
        #expect(try sum.result() == 50_000 * 49_999 / 2)
        client.close()
      }
    }

    /// Fifty leaves and a slow sum of them, computed on a thread of its own; their sum, when it is there.
    private func computeSlowSum(on client: Client, _ observer: Advances) -> Shared<Int?> {
      let log = EventLog(observer: observer)
      let leaves = (0..<50).map { delayed(Sum(constant: $0), on: []).named("leaf") }
      let slow = delayed(Sum(constant: 0), on: leaves.map(\.erased)).named("slow")
      let result = Shared<Int?>(nil)
      Thread.start {
        var options = ComputeOptions()
        options.run.events = log
        let value = try? slow.run(on: client, options: options)
        result.with { $0 = value }
      }
      return result
    }

    @Test func `a run tells how far its tasks are, by label`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        defer { fixture.end() }
        let client = try fixture.client()
        let observer = Advances()
        let result = computeSlowSum(on: client, observer)
        #expect(
          eventually { observer.last.now.contains { $0.label == "leaf" && $0.finished == 50 } },
          "\(observer.last.now)")
        #expect(eventually { observer.last.now.contains { $0.label == "slow" && $0.running == 1 } })
        #expect(result.now == nil)
        fixture.workers[0].goOn()
        #expect(eventually { result.now == 50 * 49 / 2 })
        #expect(observer.ended.now == 1)
        // Some a second, and not one a task.
        #expect(observer.count.now < 40)
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `a run whose connection breaks tells how far it is when the connection is back`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        defer { fixture.end() }
        let client = try fixture.client()
        let observer = Advances()
        let result = computeSlowSum(on: client, observer)
        func isAtTheEnd() -> Bool {
          let labels = observer.last.now
          return labels.contains { $0.label == "leaf" && $0.finished == 50 }
            && labels.contains { $0.label == "slow" && $0.running == 1 }
        }
        #expect(eventually { isAtTheEnd() })
        let shell = client.link.shell
        shell.loop.execute {
          guard let line = shell.scheduler else { return }
          line.finish()
          shell.schedulerEnded(line, SessionEnd(.lost, "cut by the test"))
          // What comes from here on is of the new connection.
          observer.last.with { $0 = [] }
        }
        #expect(eventually { isAtTheEnd() }, "\(observer.last.now)")
        // The worker may hear of it later than the client.
        #expect(
          eventually {
            fixture.workers[0].goOn()
            return result.now == 50 * 49 / 2
          })
        client.close()
        fixture.expectNothingLeft()
      }
    }
  }
}

/// Notes what a run tells.
private final class Advances: RunObserver {
  let last = Shared<[RunAdvance]>([])
  let count = Shared(0)
  let ended = Shared(0)
  func runBegan(_ run: ObservedRun) {}
  func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance]) {
    last.with { $0 = labels }
    count.with { $0 += 1 }
  }
  func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?) { ended.with { $0 += 1 } }
}

extension ClusterTests {
  @Suite struct LocalClusterScaleTests {
    @Test func `closing ends the wait for workers that hand over, and questions are answered meanwhile`() async throws {
      try await asideAlone {
        var options = LocalClusterOptions()
        options.mode = .inProcess
        var registry = try testRegistry()
        try registry.register(Patient.self)
        options.registry = registry
        let cluster = try LocalCluster(workers: 2, options: options)
        let client = try cluster.client()
        let young = try #require(try client.workers().first { $0.name == "local-1" })
        let future = try client.submit(delayed(Patient(), on: []).workers([young.name]))
        #expect(eventually { Patient.begun.now > 0 })
        let scaled = Shared(false)
        Thread.start {
          try? cluster.scale(to: 1)
          scaled.with { $0 = true }
        }
        #expect(eventually { cluster.workerCount == 1 })
        #expect(cluster.address.hasPrefix("tcp://") && cluster.httpAddress.hasPrefix("http://"))
        #expect(!scaled.now && !future.isFinished)
        cluster.close()
        #expect(eventually { scaled.now })
        client.close()
      }
    }

    @Test func `the wait for the first connection can be cancelled`() async throws {
      try await asideAlone {
        let source = CancellationSource()
        var options = ClientOptions()
        options.registry = try testRegistry()
        options.connectTimeout = .seconds(1000)
        options.cancellation = source
        let error = Shared<(any Error)?>(nil)
        Thread.start { [options] in
          do {
            // A port that nobody listens on.
            _ = try Client("127.0.0.1:1", options: options)
          } catch let thrown {
            error.with { $0 = thrown }
          }
        }
        usleep(20_000)
        #expect(error.now == nil)
        source.cancel()
        #expect(eventually { error.now is CancellationError })
        #expect(eventually { !threadNames().contains("client") })
      }
    }
  }
}

/// Goes on until it is told to stop.
struct Patient: PortableTaskFunction, Codable {
  static let name = "test.patient"
  static let version = 1
  static let begun = Shared(0)
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Int {
    Patient.begun.with { $0 += 1 }
    while true {
      try context.checkCancellation()
      usleep(1000)
    }
  }
}
