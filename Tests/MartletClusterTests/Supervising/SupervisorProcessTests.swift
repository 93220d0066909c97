import Glibc
import MartletSystem
import TestSupport
import Testing

@testable import MartletCluster

/// Supervisors as processes, with what they start.
@Suite(.serialized) struct SupervisorProcessTests {
  /// A supervisor of a process.
  private final class Running {
    var process: ChildProcess
    let directory: String
    private let output: Int32
    private let errors: Int32

    /// - Parameter words: What is supervised; `self`: this test program's `supervised` mode.
    init(_ words: [String], limit: Int = 0) throws {
      defaultEndingSignals()
      var template = Array("/tmp/martlet-supervisor-XXXXXX".utf8CString)
      try #require(mkdtemp(&template) != nil)
      directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
      let own = try #require(ChildProcess.ownProgram)
      let program = own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/cluster-program"
      output = open(directory + "/output", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
      errors = open(directory + "/errors", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
      var plan = ChildProcess.Plan(
        program: program, arguments: ["cluster-program", "supervise", String(limit)] + words)
      plan.environment.append("DIRECTORY=\(directory)")
      // The report on a crash takes longer than the test.
      plan.environment.append("SWIFT_BACKTRACE=enable=no")
      plan.output = output
      plan.errors = errors
      process = try ChildProcess(plan)
    }

    convenience init(script: String) throws { try self.init(["/bin/sh", "-c", script]) }

    deinit {
      process.send(SIGKILL)
      _ = process.wait(blocks: true)
      close(output)
      close(errors)
      for name in ["output", "errors", "count", "pid", "other"] { unlink("\(directory)/\(name)") }
      rmdir(directory)
    }

    /// How it ended; nil when it did not.
    func end() -> ChildProcess.End? {
      var end: ChildProcess.End?
      _ = eventually {
        end = process.wait(blocks: false)
        return end != nil
      }
      return end
    }

    func text(_ name: String) -> String {
      guard let file = fopen("\(directory)/\(name)", "r") else { return "" }
      defer { fclose(file) }
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let count = fread(&bytes, 1, bytes.count, file)
      return String(decoding: bytes[..<count], as: UTF8.self)
    }

    /// A number that the script writes; waits for it.
    func number(_ name: String) throws -> pid_t {
      #expect(eventually { text(name).hasSuffix("\n") })
      return try #require(pid_t(text(name).dropLast()))
    }
  }

  /// Whether a process has ended; who has to wait for it may not have done so yet.
  private func isGone(_ process: pid_t) -> Bool {
    guard let file = fopen("/proc/\(process)/stat", "r") else { return true }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 512)
    guard fgets(&line, 512, file) != nil else { return true }
    return String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).contains(") Z ")
  }

  private let count = "echo x >> $DIRECTORY/count; n=$(wc -l < $DIRECTORY/count); "

  @Test func `an end that is meant is passed on, with what was said`() async throws {
    try await asideAlone {
      let running = try Running(script: "echo out; echo said >&2; exit 2")
      #expect(running.end() == .exited(2))
      #expect(running.text("output") == "out\n")
      #expect(running.text("errors") == "said\n")
    }
  }

  @Test func `a process that crashes is started again, until it ends well`() async throws {
    let script = count + "echo start $n >&2; [ $n -ge 3 ] || kill -KILL $$; exit 0"
    try await asideAlone {
      let running = try Running(script: script)
      #expect(running.end() == .exited(0))
      let lines = running.text("errors").split(separator: "\n")
      #expect(lines.filter { $0.hasPrefix("start ") } == ["start 1", "start 2", "start 3"])
      #expect(lines.filter { $0.contains("the child has died: signal 9 (KILL), ") }.count == 2)
    }
  }

  @Test func `a process that always crashes is given up`() async throws {
    let script = count + "exit 1"
    try await asideAlone {
      let running = try Running(script: script)
      #expect(running.end() == .exited(1))
      #expect(running.text("count") == "x\nx\nx\nx\nx\n")
      #expect(running.text("errors").hasSuffix("the child died 5 times within 60 s: it is not started again\n"))
    }
  }

  @Test func `a program that is not there is an error at once`() async throws {
    try await asideAlone {
      let running = try Running(["/no/such/program"])
      #expect(running.end() == .exited(1))
      #expect(running.text("errors").hasSuffix("cannot start '/no/such/program': No such file or directory\n"))
    }
  }

  @Test(arguments: [SIGTERM, SIGINT, SIGHUP])
  func `a signal is passed on, and the process's status is the supervisor's`(signal: Int32) async throws {
    let script = "trap 'exit 41' TERM INT HUP; echo $$ > $DIRECTORY/pid; while :; do sleep 0.01; done"
    try await asideAlone {
      let running = try Running(script: script)
      _ = try running.number("pid")
      running.process.send(signal)
      #expect(running.end() == .exited(41))
    }
  }

  @Test func `a process that does not want to end is killed by the third signal`() async throws {
    try await asideAlone {
      let running = try Running(script: "trap '' TERM; echo $$ > $DIRECTORY/pid; while :; do sleep 0.01; done")
      let child = try running.number("pid")
      for _ in 0..<3 {
        running.process.send(SIGTERM)
        usleep(200_000)  // equal signals that wait become one
      }
      #expect(running.end() == .exited(137))
      #expect(eventually { isGone(child) })
    }
  }

  @Test func `a supervisor that is killed leaves no process`() async throws {
    try await asideAlone {
      let running = try Running(script: "trap '' TERM; echo $$ > $DIRECTORY/pid; while :; do sleep 0.01; done")
      let child = try running.number("pid")
      running.process.send(SIGKILL)
      #expect(running.end() == .signalled(SIGKILL))
      #expect(eventually { isGone(child) })
    }
  }

  @Test func `what a crashed process has started ends with it`() async throws {
    let script =
      count
      + "[ $n -ge 2 ] && exit 0; sleep 1000 & echo $! > $DIRECTORY/other; kill -KILL $$"
    try await asideAlone {
      let running = try Running(script: script)
      #expect(running.end() == .exited(0))
      let other = try running.number("other")
      #expect(eventually { isGone(other) })
    }
  }

  @Test func `a frozen supervisor does not lose the end of its process`() async throws {
    let script = count + "echo $$ > $DIRECTORY/pid; [ $n -ge 2 ] && exit 0; while :; do sleep 0.01; done"
    try await asideAlone {
      let running = try Running(script: script)
      let child = try running.number("pid")
      running.process.send(SIGSTOP)
      kill(child, SIGKILL)
      usleep(20_000)
      running.process.send(SIGCONT)
      #expect(running.end() == .exited(0))
      #expect(running.text("errors").contains("the child has died: signal 9 (KILL)"))
    }
  }

  @Test func `the next process learns how the last one ended, and in which tasks`() async throws {
    try await asideAlone {
      let running = try Running(["self", "supervised", "abort"])
      #expect(running.end() == .exited(0))
      let lines = running.text("output").split(separator: "\n")
      #expect(
        lines.prefix(4) == [
          "cause: signal 6 (ABRT)", "worker: worker 7 99", "tasks: 11 #1.4 2, 33 #3.4 4",
          "lines: first line|last words",
        ])
      #expect(lines.last == "variable: gone")
    }
  }

  @Test func `a task that ends the process with status 0 has not ended the worker`() async throws {
    try await asideAlone {
      let running = try Running(["self", "supervised", "exit"])
      #expect(running.end() == .exited(0))
      #expect(running.text("output").hasPrefix("cause: exit status 0\n"))
    }
  }

  @Test func `a process that takes more memory than it may is ended`() async throws {
    try await asideAlone {
      let running = try Running(["self", "supervised", "allocate"], limit: 64 << 20)
      #expect(running.end() == .exited(0))
      let lines = running.text("output").split(separator: "\n")
      #expect(lines.first?.hasSuffix(" in memory, 95 % of its limit of 64 MiB are allowed") == true)
      let peak = try #require(lines.first { $0.hasPrefix("peak: ") }?.split(separator: " ").dropFirst().first)
      #expect(try #require(Int(peak)) >= 60)
    }
  }

  @Test func `nobody who reads nothing can stop it`() async throws {
    // The lines fill the supervisor's buffer and the pipe; the process waits in its write, and still ends when told.
    let script = "exec yes 0123456789012345678901234567890123456789 >&2"
    try await asideAlone {
      var ends: [Int32] = [-1, -1]
      try #require(martlet_open_pipe(&ends) == 0)
      defer { for end in ends { close(end) } }
      let own = try #require(ChildProcess.ownProgram)
      let program = own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/cluster-program"
      var plan = ChildProcess.Plan(
        program: program, arguments: ["cluster-program", "supervise", "0", "/bin/sh", "-c", script])
      plan.errors = ends[1]
      var process = try ChildProcess(plan)
      var available: Int32 = 0
      #expect(
        eventually {
          _ = ioctl(ends[0], UInt(FIONREAD), &available)
          return available >= 60_000
        })
      process.send(SIGTERM)
      var end: ChildProcess.End?
      #expect(
        eventually {
          end = process.wait(blocks: false)
          return end != nil
        })
      #expect(end == .exited(143))
      process.send(SIGKILL)
      _ = process.wait(blocks: true)
    }
  }
}
