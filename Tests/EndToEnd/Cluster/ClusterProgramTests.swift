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

    private func number(in file: String) -> pid_t? {
      Sandbox.contents(file).flatMap { pid_t(String(decoding: $0.dropLast(), as: UTF8.self)) }
    }

    @Test func `several workers of one command line find the scheduler in its file, and end together`() async throws {
      try await asideAlone {
        let sandbox = Sandbox()
        let ready = sandbox.path + "/ready"
        let numbers = (0..<3).map { sandbox.path + "/pid-\($0)" }
        // The workers come first, and wait.
        let workers = try RunningProgram(
          "martlet-worker",
          ["--workers", "3", "--name", "w", "--scheduler-file", ready, "--pid-file", sandbox.path + "/pid"])
        let scheduler = try RunningProgram(
          "martlet-scheduler",
          ["--port", "0", "--http-port", "none", "--ready-file", ready, "--pid-file", sandbox.path + "/own"])
        #expect(eventually { numbers.allSatisfy(exists) }, "\(workers.errors)")
        #expect(number(in: sandbox.path + "/own") == scheduler.process.process)
        let inner = numbers.compactMap(number)
        #expect(Set(inner).count == 3 && !inner.contains(where: isGone))
        #expect(eventually { (0..<3).allSatisfy { scheduler.errors.contains("(w-\($0), ") } }, "\(scheduler.errors)")
        workers.process.send(SIGTERM)
        #expect(workers.end() == .exited(0), "\(workers.errors)")
        #expect(inner.allSatisfy(isGone) && !numbers.contains(where: exists))
        scheduler.process.send(SIGTERM)
        #expect(scheduler.end() == .exited(0))
        #expect(!exists(sandbox.path + "/own"))
      }
    }

    @Test func `a worker whose lifetime is over is followed by a new one`() async throws {
      try await asideAlone {
        let (scheduler, address, _) = try scheduler()
        let sandbox = Sandbox()
        let file = sandbox.path + "/pid"
        let worker = try RunningProgram(
          "martlet-worker", [address, "--pid-file", file, "--lifetime", "500ms", "--lifetime-restart"])
        var seen: Set<pid_t> = []
        #expect(
          eventually {
            if let number = number(in: file) { seen.insert(number) }
            return seen.count == 3
          }, "\(worker.errors)")
        #expect(!worker.errors.contains("has died"))
        worker.process.send(SIGTERM)
        #expect(worker.end() == .exited(0), "\(worker.errors)")
        scheduler.process.send(SIGTERM)
        #expect(scheduler.end() == .exited(0))
      }
    }

    @Test func `a file that cannot be written leaves no other one behind`() async throws {
      try await asideAlone {
        let sandbox = Sandbox()
        let ready = sandbox.path + "/ready"
        let files = ["--ready-file", ready, "--pid-file", sandbox.path + "/none/pid"]
        let scheduler = try RunningProgram("martlet-scheduler", ["--port", "0", "--http-port", "none"] + files)
        #expect(scheduler.end() == .exited(2))
        #expect(scheduler.errors.contains("cannot write the pid file") && !exists(ready))
      }
    }

    @Test func `a scheduler that never comes ends a wait for its file`() async throws {
      try await asideAlone {
        let worker = try RunningProgram(
          "martlet-worker", ["--scheduler-file", "/no/such/file", "--death-timeout", "200ms"])
        #expect(worker.end() == .exited(4))
        #expect(worker.errors.contains("no scheduler has written its address to '/no/such/file'"))
      }
    }
  }
}
