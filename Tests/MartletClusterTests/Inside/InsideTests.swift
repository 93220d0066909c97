import ClusterFunctions
import Martlet
import MartletGraph
import MartletWorker
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  /// Tasks that use the cluster on which they run.
  @Suite struct InsideTests {
    @Test func `tasks wait for tasks to any depth on one worker with one thread`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        let sum = try fixture.client.submit(HalvedSum(from: 0, to: 256))
        #expect(try sum.result(timeout: .seconds(60)) == 255 * 128)
        let other = try fixture.client.submit(AsyncHalvedSum(from: 0, to: 256))
        #expect(try other.result(timeout: .seconds(60)) == 255 * 128)
        let number = try fixture.client.submit(Fibonacci(20))
        #expect(try number.result(timeout: .seconds(60)) == 6765)
        fixture.end()
      }
    }

    @Test func `tasks wait for tasks on several workers with several threads`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 2, threads: 2)
        let sums = try fixture.client.map((0..<4).map { HalvedSum(from: $0, to: $0 + 64) })
        let others = try fixture.client.map((0..<4).map { AsyncHalvedSum(from: $0, to: $0 + 64) })
        let expected = (0..<4).map { ($0..<$0 + 64).reduce(0, +) }
        #expect(try fixture.client.gather(sums) == expected)
        #expect(try fixture.client.gather(others) == expected)
        fixture.end()
      }
    }

    @Test(arguments: ["result", "gather", "needs"])
    func `a task that waits for itself fails with the reason`(way: String) async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        for future in [try fixture.client.submit(AskItself(way)), try fixture.client.submit(AsyncAskItself(way))] {
          let error = #expect(throws: ClusterTaskError.self) { try future.result(timeout: .seconds(60)) }
          #expect(error?.kind == .threw)
          #expect(error?.message.contains("\(future.key) waits for a result that cannot be there") == true)
        }
        fixture.end()
      }
    }

    @Test func `with few threads that may sleep, tasks that wait on their threads get on`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1) {
          $0.core.sleepingThreads = 3
          $0.core.suspendedTasks = 3
        }
        let sum = try fixture.client.submit(HalvedSum(from: 0, to: 64))
        #expect(try sum.result(timeout: .seconds(60)) == 63 * 32)
        let other = try fixture.client.submit(AsyncHalvedSum(from: 0, to: 64))
        #expect(try other.result(timeout: .seconds(60)) == 63 * 32)
        fixture.end()
      }
    }

    @Test func `tasks that talk to each other share one thread`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        let asks = try fixture.client.submit(Ask("first", [1, 2, 3, 4, 5]))
        let answers = try fixture.client.submit(Answer("first", count: 5))
        #expect(try asks.result(timeout: .seconds(60)) == 30)
        #expect(try answers.result(timeout: .seconds(60)) == 5)
        fixture.end()
      }
    }

    @Test func `very many tasks wait without a thread, and hold nobody up`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        let waiting = try fixture.client.map((0..<500).map { AsyncWaitForEvent("many", number: $0) })
        #expect(eventually { fixture.executing == 500 })
        #expect(threadNames().count { $0.hasPrefix("body-") } == 1)
        #expect(try fixture.client.submit(Plus(constant: 7)).result(timeout: .seconds(60)) == 7)
        let naps = try fixture.client.map((0..<100).map { Nap(milliseconds: 20, number: $0) })
        #expect(try fixture.client.gather(naps) == Array(0..<100))
        try fixture.client.event("many").set()
        #expect(try fixture.client.gather(waiting) == Array(0..<500))
        try fixture.client.event("many").clear()
        fixture.end()
      }
    }

    @Test func `blocking tasks have threads of their own, and take none of those that compute`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        let waiting = try fixture.client.map(0..<12) { number in
          delayed(Slow(milliseconds: 400, value: number), on: []).blocking()
        }
        #expect(eventually { fixture.executing == 12 })
        let quick = try fixture.client.submit(Plus(constant: 3))
        #expect(try quick.result(timeout: .seconds(60)) == 3)
        #expect(waiting.contains { !$0.isFinished })
        #expect(try fixture.client.gather(waiting) == Array(0..<12))
        fixture.end()
      }
    }

    @Test func `a task that waits is cancelled where it waits`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        let futures = try [
          fixture.client.submit(delayed(WaitForEvent("never", number: 1), on: [])),
          fixture.client.submit(delayed(AsyncWaitForEvent("never", number: 2), on: [])),
        ]
        // One that waits for a task.
        let third = try fixture.client.submit(AskForNever())
        #expect(eventually { fixture.executing == 4 })
        fixture.client.cancel(futures)
        third.cancel()
        #expect(eventually { fixture.executing == 0 })
        fixture.end()
      }
    }

    @Test func `the time of a task that waits runs`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        let futures = try fixture.client.submit([
          delayed(WaitForEvent("never", number: 1), on: []).timeout(.milliseconds(300)),
          delayed(AsyncWaitForEvent("never", number: 2), on: []).timeout(.milliseconds(300)),
        ])
        for future in futures {
          #expect(throws: ClusterTaskError.self) { try future.result(timeout: .seconds(60)) }
          #expect((future.error as? ClusterTaskError)?.kind == .timedOut)
        }
        #expect(eventually { fixture.executing == 0 })
        fixture.end()
      }
    }

    @Test func `a worker ends at once while its tasks wait`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        let waiting = try fixture.client.map((0..<20).map { AsyncWaitForEvent("end", number: $0) })
        let others = try fixture.client.map((0..<5).map { WaitForEvent("end", number: $0) })
        #expect(eventually { fixture.executing == 25 })
        withExtendedLifetime((waiting, others)) { fixture.end() }
      }
    }

    @Test func `what a task waits for may fail, and the task sees it`() async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 1)
        #expect(try fixture.client.submit(AskInVain(catches: true)).result(timeout: .seconds(60)) == "it refuses")
        let failing = try fixture.client.submit(AskInVain(catches: false))
        #expect(throws: ClusterTaskError.self) { try failing.result(timeout: .seconds(60)) }
        #expect("\(String(describing: failing.error))".contains("it refuses"))
        fixture.end()
      }
    }

    @Test(arguments: [1, 2])
    func `there are never more inside of a semaphore than it has places`(places: Int) async throws {
      try await asideAlone {
        let fixture = try InsideFixture(workers: 2, threads: 2)
        let inside = try fixture.client.map(
          (0..<12).map {
            BeInside("places", places: places, path: fixture.path("inside"), milliseconds: 5, number: $0)
          })
        #expect(try fixture.client.gather(inside) == Array(repeating: 1, count: 12))
        fixture.end()
      }
    }

    @Test func `only tasks of a cluster have its client`() async throws {
      #expect(throws: ClusterError.self) { _ = try Client.current }
      do {
        _ = try Client.current
      } catch let error as ClusterError {
        #expect(error.code == .notInTask)
      }
      // The same function on threads of this process.
      #expect(try await Delayed.numberOfNap(5).compute() == 5)
      #expect(throws: TaskFailure.self) { try delayed(WaitForEvent("none", number: 1), on: []).run() }
    }
  }
}

extension Delayed<Int> {
  fileprivate static func numberOfNap(_ number: Int) -> Delayed<Int> {
    delayed(Plus(constant: 0), on: [delayed(Nap(milliseconds: 1, number: number), on: []).erased])
  }
}
