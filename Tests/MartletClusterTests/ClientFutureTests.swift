import Martlet
import MartletGraph
import MartletNet
import MartletProtocol
import MartletScheduler
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct ClientFutureTests {
    @Test func `a task that throws fails with its own words, and with the story of the cluster`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let client = try fixture.client()
        let bad = delayed(Fail(), on: [])
        let sum = delayed(Sum(constant: 1), bad)
        let failure = #expect(throws: TaskFailure.self) { _ = try sum.run(on: client) }
        #expect(failure?.key.label == "test.fail")
        #expect(failure?.path.map(\.label) == ["test.sum", "test.fail"])
        #expect(failure?.attempts == 1)
        let remote = failure?.underlying as? ClusterTaskError
        #expect(remote?.kind == .threw && remote?.message == "Refusal()")
        #expect(remote?.story.contains { $0.contains("processing → failed") } == true)

        let future = try client.submit(sum)
        let error = #expect(throws: ClusterTaskError.self) { _ = try future.result() }
        #expect(error?.label == "test.fail" && error?.message == "Refusal()")
        #expect(future.state == .failed && future.error is ClusterTaskError)
        #expect(throws: ClusterTaskError.self) { _ = try client.gather([future]) }
        // What needs it fails as well.
        let next = try client.submit(Sum(constant: 1), future)
        #expect(throws: ClusterTaskError.self) { _ = try next.result() }
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `what cannot be sent is said before anything is`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 0)
        defer { fixture.end() }
        let client = try fixture.client()
        let closure = delayed(Sum(constant: 1), delayed("load the file") { 2 })
        let error = #expect(throws: ShippingError.self) { _ = try closure.run(on: client) }
        #expect(error?.code == .closure && error?.label == "load the file")
        #expect(throws: ShippingError.self) { _ = try client.submit(closure) }
        let stranger = #expect(throws: ShippingError.self) { _ = try client.submit(delayed(Stranger(), on: [])) }
        #expect(stranger?.code == .notRegistered)
        let other = try fixture.client()
        let foreign = try other.submit(delayed(Sum(constant: 1), on: []))
        let denied = #expect(throws: ClusterError.self) { _ = try client.submit(Sum(constant: 2), foreign) }
        #expect(denied?.code == .denied)
        #expect(throws: ClusterError.self) { _ = try delayed(Sum(constant: 2), foreign.delayed).run(on: client) }
        other.close()
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `a future that nobody holds is released on the scheduler`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let client = try fixture.client()
        var futures = try client.map((0..<100).map { Sum(constant: $0) })
        #expect(try client.gather(futures) == Array(0..<100))
        #expect(fixture.taskCount == 100)
        var sum = try client.submit(
          [try client.submit(futures.map(\.delayed).gathered())].map { delayed(SumOf(), $0.delayed) })
        #expect(try sum[0].result() == 4950)
        futures.removeFirst(40)
        // Records of what the sum was made of stay, should it be lost; their results go.
        #expect(eventually { self.heldCount(client) == 61 })
        futures = []
        #expect(eventually { self.heldCount(client) == 1 })
        let computation = sum[0].delayed
        sum = []
        #expect(try computation.run(on: client) == 4950)
        #expect(eventually { self.heldCount(client) == 1 })
        _ = computation
        client.close()
        fixture.expectNothingLeft()
      }
    }

    /// Results that are in memory somewhere on the cluster.
    private func heldCount(_ client: Client) -> Int { (try? client.taskCounts()["memory"]) ?? -1 }

    @Test func `single tasks that are submitted in a loop make few graphs`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let client = try fixture.client()
        let before = fixture.scheduler.inspect { $0.receivedMessages } ?? 0
        // The loop is busy meanwhile, as it is when submitting is faster.
        let goOn = ThreadWaiter()
        client.link.shell.loop.execute { goOn.wait() }
        let futures = try (0..<3000).map { number in try client.submit(delayed(Sum(constant: number % 1000), on: [])) }
        goOn.set()
        #expect(try client.gather(futures) == (0..<3000).map { $0 % 1000 })
        let after = fixture.scheduler.inspect { $0.receivedMessages } ?? 0
        // Of the workers, one for each task at most; of the client, a few.
        #expect(after - before < 1000 + 50, "\(after - before) messages")
        #expect(fixture.taskCount == 1000)
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `of tasks that are joined on their way, one that cannot be taken fails alone`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(slowLabel: "slow")
        defer { fixture.end() }
        let client = try fixture.client()
        let slow = try client.submit(delayed(Sum(constant: 5), on: []).named("slow"))
        #expect(eventually { fixture.taskCount == 1 })
        // The loop is busy meanwhile, as it is when submitting is faster.
        let goOn = ThreadWaiter()
        client.link.shell.loop.execute { goOn.wait() }
        slow.cancel()
        let bad = try client.submit(Sum(constant: 1), slow)
        let good = try (0..<10).map { try client.submit(delayed(Sum(constant: 100 + $0), on: [])) }
        goOn.set()
        #expect(throws: CancellationError.self) { _ = try bad.result(timeout: .seconds(60)) }
        #expect(try client.gather(good) == Array(100..<110))
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `what is cancelled is not computed, and can be tried again`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        defer { fixture.end() }
        let client = try fixture.client()
        let slow = try client.submit(delayed(Sum(constant: 5), on: []).named("slow"))
        let after = try client.submit(Sum(constant: 1), slow)
        #expect(eventually { fixture.workers[0].heldBack.now.count == 1 })
        #expect(!slow.wait(timeout: .milliseconds(5)))
        let late = #expect(throws: ClusterError.self) { _ = try slow.result(timeout: .milliseconds(5)) }
        #expect(late?.code == .timedOut)
        after.cancel()
        #expect(throws: CancellationError.self) { _ = try after.result() }
        #expect(after.state == .cancelled && slow.state == .waiting)
        after.retry()
        #expect(after.state == .waiting)
        fixture.workers[0].goOn()
        #expect(try after.result() == 6)
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `a run that is cancelled returns, and its tasks are dropped`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        defer { fixture.end() }
        let client = try fixture.client()
        let slow = delayed(Sum(constant: 5), on: []).named("slow")
        let source = CancellationSource()
        let ended = Shared(false)
        let worker = fixture.workers[0]
        Thread.start {
          _ = eventually { worker.heldBack.now.count == 1 }
          source.cancel()
          ended.with { $0 = true }
        }
        let options = ComputeOptions(run: RunOptions(cancellation: source))
        #expect(throws: CancellationError.self) {
          _ = try delayed(Sum(constant: 1), slow).run(on: client, options: options)
        }
        #expect(throws: CancellationError.self) { _ = try slow.run(on: client, options: options) }
        #expect(eventually { ended.now })
        worker.goOn()
        #expect(eventually { fixture.taskCount == 0 })
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `futures come as they end`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        defer { fixture.end() }
        let client = try fixture.client()
        let slow = try client.submit(delayed(Sum(constant: 1000), on: []).named("slow"))
        let fast = try client.map((0..<50).map { Sum(constant: $0) })
        let outcome = client.wait(for: [slow] + fast, until: .first)
        #expect(!outcome.finished.isEmpty && outcome.unfinished.contains { $0.key == slow.key })
        let completed = client.asCompleted([slow] + fast, prefetch: 4)
        var values: [Int] = []
        for _ in fast {
          if let future = completed.next() { values.append(try future.result()) }
        }
        #expect(values.sorted() == Array(0..<50))
        #expect(completed.remaining == 1)
        #expect(throws: ClusterError.self) { _ = try completed.next(timeout: .milliseconds(5)) }
        completed.insert(try client.submit(delayed(Sum(constant: 77), on: [])))
        #expect(try completed.next()?.result() == 77)
        let called = Shared<[Int?]>([])
        slow.onCompletion { future in called.with { $0.append(future.state == .succeeded ? 1 : nil) } }
        fixture.workers[0].goOn()
        #expect(try completed.next()?.result() == 1000)
        #expect(completed.next() == nil)
        #expect(eventually { called.now == [1] })
        #expect(client.wait(for: fast + [slow], timeout: .seconds(60)).unfinished.isEmpty)
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `two clients share what they both want`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let (one, two) = (try fixture.client(), try fixture.client())
        let futures = (try one.map((0..<30).map { Sum(constant: $0) }), try two.map((0..<30).map { Sum(constant: $0) }))
        #expect(try one.gather(futures.0) == two.gather(futures.1))
        #expect(fixture.workers.reduce(0) { $0 + $1.runs.now } == 30)
        #expect(futures.0.map(\.key) == futures.1.map(\.key))
        one.close()
        #expect(fixture.taskCount == 30)
        // What is here stays readable.
        #expect(try futures.0[3].result() == 3)
        let error = #expect(throws: ClusterError.self) { _ = try one.submit(delayed(Sum(constant: 1), on: [])) }
        #expect(error?.code == .closed)
        try two.publish(Array(futures.1[0..<3]), as: "first three")
        two.close()
        #expect(eventually { fixture.taskCount == 3 })
        let three = try fixture.client()
        #expect(try three.publishedNames() == ["first three"])
        let taken = try three.dataset("first three", of: Int.self)
        #expect(taken.map(\.key) == futures.0[0..<3].map(\.key))
        #expect(try three.gather(taken) == [0, 1, 2])
        #expect(try delayed(Sum(constant: 40), taken[2].delayed).run(on: three) == 42)
        let wrong = try three.dataset("first three", of: String.self)
        #expect(throws: ClusterError.self) { _ = try wrong[0].result() }
        try three.unpublish("first three")
        #expect(throws: ClusterError.self) { try three.unpublish("first three") }
        three.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `futures of another client are refused clearly, and not touched`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(slowLabel: "slow")
        defer { fixture.end() }
        let (one, two) = (try fixture.client(), try fixture.client())
        let future = try one.submit(delayed(Sum(constant: 3), on: []))
        let uses: [() throws -> Void] = [
          { _ = try two.gather([future]) }, { try two.publish([future], as: "n") }, { _ = try two.whoHas([future]) },
          { try two.replicate([future], copies: 2) }, { _ = try two.rebalance([future]) },
          { _ = try two.queue("q", of: Int.self).put(future) }, { try two.variable("v", of: Int.self).set(future) },
        ]
        for use in uses {
          let error = #expect(throws: ClusterError.self) { try use() }
          #expect(error?.code == .denied && error?.message.contains("another client") == true)
        }
        #expect(try future.result(timeout: .seconds(60)) == 3)
        // Cancelling reaches each at its own client.
        let slow = try [one, two].map { try $0.submit(delayed(Sum(constant: 8), on: []).named("slow")) }
        CompletedClusterFutures(slow).cancelAll()
        #expect(eventually { slow.allSatisfy { $0.state == .cancelled } })
        two.close()
        one.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `a client that goes with all its futures ends its session`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        do {
          var futures: [ClusterFuture<Int>] = []
          do { futures = try fixture.client().map((0..<10).map { Sum(constant: $0) }) }
          #expect(try futures.map { try $0.result() } == Array(0..<10))
        }
        fixture.expectNothingLeft()
        #expect(eventually { !threadNames().contains("client") })
      }
    }

    @Test func `small values are scattered to the scheduler`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let client = try fixture.client()
        let numbers = try client.scatter(each: Array(0..<200))
        let again = try client.scatter(7)
        #expect(again.key == numbers[7].key)
        #expect(try client.submit(Sum(constant: 1), again, numbers[9]).result() == 17)
        #expect(try numbers[150].result() == 150)
        let large = [Int](repeating: 1, count: 10_000)
        let denied = #expect(throws: ClusterTaskError.self) {
          // These workers take no connections.
          _ = try client.scatter(large).result()
        }
        #expect(denied?.kind == .lost)
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `workers, tasks and stories can be looked at`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let client = try fixture.client()
        try client.waitForWorkers(2)
        let workers = try client.workers()
        #expect(workers.map(\.name).sorted() == ["worker 0", "worker 1"])
        #expect(workers[0].threads == 1 && workers[0].resources == ["disk": 2, "gpu": 1])
        let future = try client.submit(delayed(Sum(constant: 1), on: []))
        #expect(try future.result() == 1)
        #expect(try client.whoHas([future]).count == 1)
        #expect(try client.story(of: future).contains { $0.contains("→ memory") })
        client.close()
        fixture.expectNothingLeft()
      }
    }
  }
}

/// A thread for a test.
enum Thread {
  static func start(_ body: @escaping @Sendable () -> Void) {
    Task.detached { try? await aside { body() } }
  }
}
