import ClusterFunctions
import Glibc
import Martlet
import MartletGraph
import MartletProtocol
import MartletScheduler
import MartletWorker
import Testing

@testable import MartletCluster

/// A scheduler, workers that know the functions which use the cluster from within, and a client, in this process.
final class InsideFixture {
  let scheduler: TestScheduler
  let registry: TaskFunctionRegistry
  let client: Client
  private(set) var workers: [TestWorker] = []
  let directory: String

  init(workers count: Int, threads: Int = 1, _ adjust: @escaping (inout WorkerServerSettings) -> Void = { _ in }) throws
  {
    var registry = TaskFunctionRegistry()
    try ClusterFunctions.register(in: &registry)
    self.registry = registry
    scheduler = try TestScheduler()
    directory = "/tmp/martlet-inside-\(getpid())-\(UInt32.random(in: 0 ... .max))"
    mkdir(directory, 0o700)
    for number in 0..<count {
      let worker = try TestWorker("inside \(number)", port: scheduler.port, registry, directory: directory) {
        $0.threads = threads
        adjust(&$0)
      }
      workers.append(worker)
    }
    var options = ClientOptions()
    options.registry = registry
    client = try Client("127.0.0.1:\(scheduler.port)", options: options)
    #expect(eventually { self.scheduler.inspect { $0.core.livingWorkers.count } == count })
  }

  /// Bodies that were begun and have not ended, on all workers.
  var executing: Int { workers.reduce(0) { $0 + Int($1.inspect { $0.core.metrics.executing } ?? 0) } }

  /// A path that nobody else has, below the fixture's directory.
  func path(_ name: String) -> String { "\(directory)/\(name)" }

  /// Ends all, and expects that nothing is left of tasks, bodies, threads and sessions.
  func end() {
    client.close()
    for worker in workers { worker.server.stop() }
    for worker in workers { worker.server.waitUntilEnded() }
    for worker in workers {
      #expect(!worker.hasLine("bodies run on"), "\(worker.lines.now)")
    }
    #expect(eventually { self.scheduler.inspect { $0.core.leftover() ?? "nothing" } == "nothing" })
    #expect(scheduler.inspect { $0.core.brokenInvariant() ?? "none" } == "none")
    scheduler.end()
    #expect(
      eventually {
        !threadNames().contains {
          $0.hasPrefix("body-") || $0.hasPrefix("waiting-") || $0 == "worker" || $0 == "client"
        }
      }, "\(threadNames())")
    for place in 0..<8 { unlink(path("inside-\(place)")) }
    rmdir(directory)
  }
}
