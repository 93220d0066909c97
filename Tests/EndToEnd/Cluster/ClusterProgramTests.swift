import Glibc
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterEndToEnd {
  /// `martlet-scheduler` and `martlet-worker` as processes.
  @Suite struct ClusterProgramTests {
    /// A scheduler on a free port, once it can be reached.
    private func scheduler(_ flags: [String] = []) throws -> (RunningProgram, address: String, ready: String) {
      let sandbox = Sandbox()
      let ready = sandbox.path + "-ready"
      let program = try RunningProgram(
        "martlet-scheduler", ["--port", "0", "--http-port", "0", "--ready-file", ready] + flags)
      #expect(eventually { exists(ready) }, "\(program.errors)")
      let lines = String(decoding: Sandbox.contents(ready) ?? [], as: UTF8.self).split(separator: "\n")
      return (program, String(lines.first ?? ""), ready)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `a scheduler that is told to end does, with its ready file`(signal: Int32) async throws {
      try await asideAlone {
        let (program, address, ready) = try scheduler()
        #expect(address.hasPrefix("tcp://127.0.0.1:"))
        program.process.send(signal)
        #expect(program.end() == .exited(0))
        #expect(!exists(ready))
        #expect(program.output.isEmpty)
        #expect(program.errors.contains("\(signal == SIGINT ? "INT" : "TERM") was received: the scheduler ends"))
      }
    }

    @Test func `a second signal ends a scheduler at once`() async throws {
      try await asideAlone {
        let (program, address, ready) = try scheduler()
        // One that never reads its farewell.
        let port = try #require(address.split(separator: ":").last.flatMap { UInt16($0) })
        let descriptor = connected(to: port)
        defer { close(descriptor) }
        program.process.send(SIGSTOP)
        program.process.send(SIGTERM)
        program.process.send(SIGINT)
        program.process.send(SIGCONT)
        let end = program.end()
        // The first may have ended it before the second was looked at.
        #expect(end == .exited(128 + SIGINT) || end == .exited(128 + SIGTERM) || end == .exited(0))
        #expect(!exists(ready))
      }
    }

    private func connected(to port: UInt16) -> Int32 {
      let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      _ = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
      }
      return descriptor
    }

    @Test(arguments: [
      ("martlet-scheduler", ["--prot", "1"], "there is no option --prot (did you mean --port?)"),
      ("martlet-scheduler", ["--host", "0.0.0.0"], "can be reached from other machines"),
      ("martlet-scheduler", ["--port", "x"], "--port takes a whole number"),
      ("martlet-worker", [], "no scheduler is named"),
      ("martlet-worker", ["127.0.0.1:1", "--thread", "2"], "there is no option --thread (did you mean --threads?)"),
      ("martlet-worker", ["127.0.0.1:1", "--secret-file", "/no/such"], "cannot open the secret file '/no/such'"),
    ])
    func `a command line that cannot be followed is one line and status 2`(
      program: String, words: [String], message: String
    ) async throws {
      try await asideAlone {
        let running = try RunningProgram(program, words)
        #expect(running.end() == .exited(2))
        let lines = running.errors.split(separator: "\n")
        #expect(lines.count == 1 && lines[0].hasPrefix("\(program): ") && lines[0].contains(message))
        #expect(running.output.isEmpty)
      }
    }

    @Test func `a worker without a scheduler waits, then gives up, and its supervisor with it`() async throws {
      try await asideAlone {
        // A port of its own, on which nobody listens.
        let (scheduler, address, _) = try scheduler()
        scheduler.process.send(SIGTERM)
        #expect(scheduler.end() == .exited(0))
        let worker = try RunningProgram("martlet-worker", [address, "--death-timeout", "300ms"])
        #expect(worker.end() == .exited(4))
      }
    }

    @Test func `a worker retires when it is told, and both its processes end`() async throws {
      try await asideAlone {
        let (scheduler, address, _) = try scheduler()
        let sandbox = Sandbox()
        let ready = sandbox.path + "/ready"
        let worker = try RunningProgram("martlet-worker", [address, "--ready-file", ready])
        #expect(eventually { exists(ready) }, "\(worker.errors)")
        let inner = children(of: worker.process.process)
        #expect(inner.count == 1)
        worker.process.send(SIGTERM)
        #expect(worker.end() == .exited(0))
        #expect(inner.allSatisfy(isGone))
        #expect(!exists(ready))
        scheduler.process.send(SIGTERM)
        #expect(scheduler.end() == .exited(0))
      }
    }
  }
}
