import ClusterFunctions
import Glibc
import Martlet
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// Tasks use the cluster from within while its workers are killed.
  @Suite struct InsideFaultTests {
    @Test func `tasks that wait for tasks survive the loss of workers`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 2, { $0.schedulerFlags = ["--allowed-failures", "100"] }) { cluster, client in
          let processes = try #require(cluster.processes)
          let future = try client.submit(HalvedSum(from: 0, to: 256, milliseconds: 4))
          var random = SeededGenerator(seed: 30)
          var killed = 0
          while !future.isFinished, killed < 3 {
            usleep(500_000)
            guard let victim = processes.workers.randomElement(using: &random), !future.isFinished else { continue }
            kill(victim, SIGKILL)
            killed += 1
          }
          #expect(try future.result(timeout: .seconds(120)) == 255 * 128)
          #expect(killed >= 1)
        }
      }
    }

    @Test func `what a killed worker held is free again`() async throws {
      try await asideAlone {
        try TestCluster.with(workers: 2, { $0.schedulerFlags = ["--allowed-failures", "100"] }) { cluster, client in
          let processes = try #require(cluster.processes)
          let path = "/tmp/martlet-places-\(getpid())"
          defer { unlink("\(path)-0") }
          // The first one is inside for so long that its worker is killed there; the others are inside for a moment only.
          let held = try client.submit(BeInside("held", places: 1, path: path, milliseconds: 3000, number: 0))
          let waiting = try client.map(
            (1..<5).map { BeInside("held", places: 1, path: path, milliseconds: 2, number: $0) })
          var holder: pid_t?
          #expect(
            eventually {
              holder = processes.workers.first { hasOpen("\(path)-0", $0) }
              usleep(100_000)
              return holder.map { hasOpen("\(path)-0", $0) } ?? false
            })
          kill(try #require(holder), SIGKILL)
          #expect(try client.gather(waiting) == [1, 1, 1, 1])
          #expect(try held.result(timeout: .seconds(60)) == 1)
        }
      }
    }

    /// Whether a process has opened the file. To try its lock instead would be in the way of those that are tested.
    private func hasOpen(_ path: String, _ process: pid_t) -> Bool {
      guard let directory = opendir("/proc/\(process)/fd") else { return false }
      defer { closedir(directory) }
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        var target = [CChar](repeating: 0, count: 512)
        guard readlink("/proc/\(process)/fd/\(name)", &target, 511) > 0 else { continue }
        if String(decoding: target.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self) == path {
          return true
        }
      }
      return false
    }
  }
}
