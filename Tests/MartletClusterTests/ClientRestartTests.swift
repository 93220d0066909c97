import Martlet
import MartletEngine
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  /// A cluster that a client restarts, in front of others.
  @Suite struct ClientRestartTests {
    @Test func `all clients lose what they wait for, nobody hangs, and work goes on`() async throws {
      try await asideAlone {
        let cluster = try RealCluster(workers: 2)
        defer { cluster.end() }
        let client = try cluster.client()
        let neighbour = try cluster.client()
        let here = try client.submit(Ramp(first: 1, count: 3))
        #expect(try here.result() == [1, 2, 3])
        // On a worker only.
        let far = try neighbour.submit(Ramp(first: 0, count: 50_000))
        far.wait()
        let published = try neighbour.submit(Ramp(first: 0, count: 4))
        try neighbour.publish([published], as: "kept")
        let never = try neighbour.submit(
          delayed(Ramp(first: 0, count: 1), on: [far.delayed.erased]).workers(["nobody"]))
        // The scheduler has heard of all of it when it answers this.
        #expect(try neighbour.publishedNames() == ["kept"])
        let waiting = Shared<(any Error)?>(nil)
        startThread(named: "waits") {
          let error = thrown { _ = try never.result() }
          waiting.with { $0 = error }
        }
        try client.restart()
        #expect(eventually { waiting.now != nil })
        for error in [waiting.now, thrown { _ = try far.result(timeout: .seconds(60)) }] {
          let found = "\(error.map { "\($0)" } ?? "nothing")"
          let error = error as? ClusterTaskError
          #expect(error?.kind == .restarted, "\(found)")
          #expect(error?.message.contains("restarted by client ") == true, "\(found)")
        }
        #expect(try here.result() == [1, 2, 3])
        #expect(try client.workers().map(\.name).sorted() == ["worker 0", "worker 1"])
        #expect(try client.publishedNames() == [])
        #expect(try client.taskCounts().values.reduce(0, +) == 0)
        // From its graph, which its client has kept.
        far.retry()
        #expect(try far.result(timeout: .seconds(60)).count == 50_000)
        #expect(try neighbour.submit(Ramp(first: 5, count: 1)).result() == [5])
        client.close()
        neighbour.close()
      }
    }

    @Test func `a run fails, and a worker that does not come back is named`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 2, slowLabel: "slow")
        let client = try fixture.client { $0.name = "the first one" }
        let neighbour = try fixture.client()
        let sum = delayed(Sum(constant: 1), on: []).named("slow")
        let failure = Shared<(any Error)?>(nil)
        startThread(named: "runs") {
          let error = thrown { _ = try sum.run(on: neighbour) }
          failure.with { $0 = error }
        }
        #expect(eventually { fixture.workers.contains { !$0.heldBack.now.isEmpty } })
        // These workers know nothing of restarts, and do not connect again.
        let error = thrown { try client.restart(timeout: .milliseconds(200)) } as? ClusterError
        #expect(error?.code == .timedOut)
        #expect(error?.message.contains("worker 0 on worker 0") == true)
        #expect(error?.message.contains("worker 1 on worker 1") == true)
        #expect(eventually { failure.now != nil })
        let below = (failure.now as? TaskFailure)?.underlying as? ClusterTaskError
        #expect(below?.kind == .restarted && below?.message.contains("the first one") == true, "\(failure.now as Any)")
        fixture.expectNothingLeft()
        client.close()
        neighbour.close()
        fixture.end()
      }
    }
  }
}

/// What a body throws.
private func thrown(_ body: () throws -> Void) -> (any Error)? {
  do {
    try body()
    return nil
  } catch { return error }
}
