import ClusterFunctions
import Glibc
import Martlet
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// Processes that cannot write what they would spill.
  @Suite struct FullDiskTests {
    @Test(.enabled(if: !isSanitized, "a sanitizer takes more memory than the worker's limit"))
    func `a worker that can write no file keeps its results, goes on, and says so in one line`() async throws {
      try await asideAlone {
        let sandbox = Sandbox()
        let ready = sandbox.path + "-ready"
        let scheduler = try RunningProgram("martlet-scheduler", ["--port", "0", "--ready-file", ready])
        #expect(eventually { exists(ready) }, "\(scheduler.errors)")
        let lines = String(decoding: Sandbox.contents(ready) ?? [], as: UTF8.self).split(separator: "\n")
        let address = String(try #require(lines.first))
        let worker = try RunningProgram(
          "cluster-program",
          ["worker", address, "--memory-limit", "512MiB", "--threads", "1", "--local-directory", sandbox.path])
        var registry = TaskFunctionRegistry()
        try ClusterFunctions.register(in: &registry)
        var options = ClientOptions()
        options.registry = registry
        let client = try Client(address, options: options)
        defer { client.close() }
        let process = try client.submit(delayed(LimitFiles(bytes: 4096), on: [])).result(timeout: .seconds(60))
        // 352 MB of 512: more than is to be spilled, less than what stops the worker.
        let blocks = (0..<11).map { Numbers(count: 4_000_000, seed: UInt64($0)) }
        let futures = try client.map(blocks)
        for future in futures { #expect(future.wait(timeout: .seconds(60)), "\(worker.errors)") }
        let tasks = blocks.map { delayed($0, on: []) }
        let mixed = try client.submit(delayed(Mix(), on: tasks.map(\.erased))).result(timeout: .seconds(60))
        #expect(try mixed == delayed(Mix(), on: tasks.map(\.erased)).run(on: SerialExecutor()))
        let again = try client.submit(delayed(LimitFiles(bytes: 4095), on: [])).result(timeout: .seconds(60))
        #expect(again == process, "the worker was started anew: \(worker.errors)")
        let complaint = "results stay in memory, they cannot be spilled: cannot write"
        let complaints = worker.errors.split(separator: "\n").filter { $0.contains(complaint) }
        #expect(complaints.count == 1, "\(worker.errors)")
        #expect(complaints.first?.contains("File too large") == true, "\(complaints)")
        worker.process.send(SIGINT)
        #expect(worker.end() != nil)
      }
    }
  }
}
