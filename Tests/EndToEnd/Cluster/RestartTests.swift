import ClusterFunctions
import Glibc
import Martlet
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// A cluster of processes that is started anew.
  @Suite struct RestartTests {
    @Test func `workers that are stuck get new processes, in the middle of a load of two clients`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 3) { cluster, client in
          let neighbour = try cluster.client()
          defer { neighbour.close() }
          let processes = try #require(cluster.processes)
          let before = Set(processes.workers)
          let kept = try neighbour.submit(delayed(Numbers(count: 100_000, seed: 1), on: []))
          kept.wait()
          // Bodies that nobody can stop, on all of them.
          let stuck = try neighbour.map((0..<3).map { Slow(milliseconds: 600_000, value: $0) })
          let queued = try neighbour.map((0..<200).map { Slow(milliseconds: 1, value: $0) })
          usleep(200_000)
          let start = ContinuousClock.now
          try client.restart(timeout: .seconds(120))
          #expect(ContinuousClock.now - start < .seconds(100))
          for future in stuck + queued {
            let error = #expect(throws: ClusterTaskError.self) { try future.result(timeout: .seconds(60)) }
            guard error?.kind == .restarted else {
              Issue.record("\(error as Any)")
              break
            }
          }
          #expect(throws: ClusterTaskError.self) { try kept.result(timeout: .seconds(60)) }
          #expect(before.allSatisfy(isGone))
          let after = Set(processes.workers)
          #expect(after.count == 3 && after.isDisjoint(with: before))
          #expect(SchedulerQuestion.workers(at: cluster.httpAddress) == 3)
          // Both go on, and what failed can be had.
          kept.retry()
          #expect(try kept.result(timeout: .seconds(60)).count == 100_000)
          let load = mixedLoad(seed: 5, layers: 4, width: 20, slowestMilliseconds: 0)
          #expect(try load.run(on: client) == load.run(on: SerialExecutorWithoutWaiting.executor))
          try neighbour.restart()
          #expect(try load.run(on: client) == load.run(on: SerialExecutorWithoutWaiting.executor))
        }
      }
    }
  }
}
