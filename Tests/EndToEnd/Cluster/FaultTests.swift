import ClusterFunctions
import Glibc
import Martlet
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// Processes die, freeze, and take the others with them or not.
  @Suite struct FaultTests {
    @Test func `workers that are killed one after the other change no result`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 4, { $0.schedulerFlags = ["--allowed-failures", "100"] }) { cluster, client in
          let processes = try #require(cluster.processes)
          var random = SeededGenerator(seed: 20)
          let load = mixedLoad(seed: 3, layers: 24, width: 80, slowestMilliseconds: 30)
          let expected = try load.run(on: SerialExecutorWithoutWaiting.executor)
          let future = try client.submit(load)
          var killed = 0
          while !future.isFinished, killed < 60 {
            usleep(1_000_000)
            // Its supervisor may be between two of them.
            guard let victim = processes.workers.randomElement(using: &random), !future.isFinished else { continue }
            kill(victim, SIGKILL)
            killed += 1
          }
          #expect(try future.result(timeout: .seconds(60)) == expected)
          #expect(killed >= 2)
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 4 })
        }
      }
    }

    @Test func `a worker that freezes is given up, and comes back`() async throws {
      try await asideAlone {
        try TestCluster.with(
          workers: 3, { $0.schedulerFlags = ["--heartbeat", "100ms", "--worker-ttl", "500ms"] }
        ) { cluster, client in
          let processes = try #require(cluster.processes)
          let victim = try #require(processes.workers.first)
          let load = mixedLoad(seed: 4, layers: 10, width: 30, slowestMilliseconds: 6)
          let expected = try load.run(on: SerialExecutorWithoutWaiting.executor)
          let future = try client.submit(load)
          usleep(100_000)
          kill(victim, SIGSTOP)
          defer { kill(victim, SIGCONT) }
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 2 })
          #expect(try future.result(timeout: .seconds(60)) == expected)
          kill(victim, SIGCONT)
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 3 })
          #expect(processes.workers.contains(victim))
        }
      }
    }

    @Test(arguments: [("trap", "signal "), ("exit", "exit status 0"), ("kill", "signal 9 (KILL)")])
    func `a task that ends its workers fails alone, with their story`(way: String, cause: String) async throws {
      try await asideAlone {
        try TestCluster.with(workers: 2, { $0.schedulerFlags = ["--allowed-failures", "1"] }) { cluster, client in
          let others = try client.map((0..<40).map { Slow(milliseconds: 10, value: $0) })
          let deadly = try client.submit(delayed(End(way: way), on: []))
          let error = #expect(throws: ClusterTaskError.self) { try deadly.result(timeout: .seconds(60)) }
          #expect(error?.kind == .killedWorkers)
          #expect(error?.deaths.count == 2)
          for death in error?.deaths ?? [] {
            #expect(death.worker.hasPrefix("worker-"))
            #expect(death.cause.hasPrefix(cause))
            #expect(death.peakBytes > 1 << 20)
            let isTold = death.lastLines.contains { $0.contains("the task of the test stops here") }
            #expect(isTold == (way == "trap"), "\(death.lastLines)")
          }
          #expect(try others.map { try $0.result(timeout: .seconds(60)) } == Array(0..<40))
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 2 })
        }
      }
    }

    @Test func `of five workers four die of a task, and no task beside it fails`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 5) { cluster, client in
          let before = Set(try #require(cluster.processes).workers)
          let others = try client.map((0..<60).map { Slow(milliseconds: 20, value: $0) })
          let deadly = try client.submit(delayed(End(way: "kill"), on: []))
          let error = #expect(throws: ClusterTaskError.self) { try deadly.result(timeout: .seconds(60)) }
          // Three deaths are allowed.
          #expect(error?.kind == .killedWorkers && error?.deaths.count == 4)
          #expect(error?.deaths.allSatisfy { $0.cause.hasPrefix("signal 9 (KILL)") } == true)
          #expect(try others.map { try $0.result(timeout: .seconds(60)) } == Array(0..<60))
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 5 })
          let after = Set(try #require(cluster.processes).workers)
          #expect(!before.intersection(after).isEmpty)
        }
      }
    }

    @Test func `where no death is allowed, those that waited on the worker that died are done elsewhere`() async throws
    {
      try await asideAlone {
        try TestCluster.with(workers: 2, { $0.schedulerFlags = ["--allowed-failures", "0"] }) { cluster, client in
          // Many are in the hands of each worker when it happens.
          let before = try client.map((0..<100).map { Slow(milliseconds: 2, value: $0) })
          let deadly = try client.submit(delayed(End(way: "kill"), on: []))
          let after = try client.map((100..<200).map { Slow(milliseconds: 2, value: $0) })
          let error = #expect(throws: ClusterTaskError.self) { try deadly.result(timeout: .seconds(60)) }
          #expect(error?.deaths.count == 1)
          #expect(try (before + after).map { try $0.result(timeout: .seconds(60)) } == Array(0..<200))
        }
      }
    }

    @Test(.enabled(if: !isSanitized, "a sanitizer takes more memory than the worker's limit"))
    func `a task that takes too much memory ends its worker, not the machine`() async throws {
      try await asideAlone {
        try TestCluster.with(
          workers: 1,
          {
            $0.schedulerFlags = ["--allowed-failures", "0"]
            $0.memoryLimit = 256 << 20
          }
        ) { cluster, client in
          let before = try #require(cluster.processes).workers
          let large = try client.submit(delayed(Allocate(bytes: 1 << 30), on: []))
          let error = #expect(throws: ClusterTaskError.self) { try large.result(timeout: .seconds(60)) }
          #expect(error?.kind == .killedWorkers)
          #expect(
            error?.message.contains(" in memory, 95 % of its limit of 256 MiB are allowed") == true,
            "\(error?.message ?? "")")
          let small = try client.submit(delayed(Slow(milliseconds: 0, value: 3), on: []))
          #expect(try small.result(timeout: .seconds(60)) == 3)
          #expect(try #require(cluster.processes).workers != before)
        }
      }
    }

    @Test func `a scheduler that is killed is an error within seconds, and workers find the next one`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 2) { cluster, client in
          let processes = try #require(cluster.processes)
          let before = Set(processes.workers)
          var options = ClientOptions()
          options.reconnectTimeout = .milliseconds(500)
          let hasty = try cluster.client(options: options)
          defer { hasty.close() }
          let future = try hasty.submit(delayed(Slow(milliseconds: 1000, value: 1), on: []))
          kill(processes.schedulerProcess, SIGKILL)
          let began = ContinuousClock.now
          let error = #expect(throws: ClusterError.self) { try future.result(timeout: .seconds(60)) }
          #expect(error?.code == .lost)
          #expect(ContinuousClock.now - began < .seconds(30))
          let address = cluster.address
          try processes.restartScheduler()
          #expect(cluster.address == address)
          #expect(eventually { SchedulerQuestion.workers(at: cluster.httpAddress) == 2 })
          #expect(Set(processes.workers) == before)
          // The other client has waited.
          let load = mixedLoad(seed: 5, layers: 3, width: 10, slowestMilliseconds: 0)
          #expect(try load.run(on: client) == load.run(on: SerialExecutor()))
        }
      }
    }
  }
}

/// Results of graphs without their waiting times.
enum SerialExecutorWithoutWaiting {
  /// As many threads as it takes: they sleep.
  static var executor: any Executor { ThreadPoolExecutor(threads: 32) }
}
