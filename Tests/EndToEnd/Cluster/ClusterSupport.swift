import ClusterFunctions
import Glibc
import Martlet
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

/// All suites that start clusters, one test after the other: they need the processors.
@Suite(.serialized) enum ClusterEndToEnd {}

/// Programs of this build.
enum Programs {
  static func path(_ name: String) -> String {
    let own = ChildProcess.ownProgram ?? ""
    return own.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + name
  }
}

/// Clusters whose workers have the tests' functions.
enum TestCluster {
  static func options() throws -> LocalClusterOptions {
    var registry = TaskFunctionRegistry()
    try ClusterFunctions.register(in: &registry)
    var options = LocalClusterOptions()
    options.registry = registry
    options.workerProgram = Programs.path("cluster-program")
    options.workerArguments = ["worker"]
    return options
  }

  /// Starts a cluster, hands it to `body`, closes it, and expects that nothing is left.
  static func with(
    workers: Int, threads: Int = 1, _ adjust: (inout LocalClusterOptions) -> Void = { _ in },
    _ body: (LocalCluster, Client) throws -> Void
  ) throws {
    var options = try options()
    adjust(&options)
    let cluster = try LocalCluster(workers: workers, threads: threads, options: options)
    defer {
      let processes = try? #require(cluster.processes).all
      let path = cluster.processes?.path ?? ""
      cluster.close()
      #expect(processes?.allSatisfy(isGone) == true)
      #expect(!exists(path))
    }
    var settings = ClientOptions()
    settings.reconnectTimeout = .seconds(20)
    let client = try cluster.client(options: settings)
    defer { client.close() }
    try body(cluster, client)
  }
}

extension LocalProcesses {
  /// Scheduler, supervisors and workers.
  var all: [pid_t] { [schedulerProcess] + supervisorProcesses + workers }

  /// The processes that run tasks.
  var workers: [pid_t] { supervisorProcesses.flatMap(children) }
}

/// The processes that a process has started and that have not ended.
func children(of process: pid_t) -> [pid_t] {
  guard let folder = opendir("/proc") else { return [] }
  defer { closedir(folder) }
  var found: [pid_t] = []
  while let entry = readdir(folder) {
    let name = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    guard let number = pid_t(name), let status = ProcessStatus(number) else { continue }
    if status.parent == process, status.state != "Z" { found.append(number) }
  }
  return found
}

/// What the system tells of a process.
struct ProcessStatus {
  let state: String
  let parent: pid_t

  /// Nil when there is none.
  init?(_ process: pid_t) {
    guard let bytes = Sandbox.contents("/proc/\(process)/stat"), !bytes.isEmpty else { return nil }
    // The name, in parentheses, may have anything in it.
    let text = String(decoding: bytes, as: UTF8.self)
    guard let end = text.lastIndex(of: ")") else { return nil }
    let words = text[text.index(after: end)...].split(separator: " ")
    guard words.count > 2, let parent = pid_t(words[1]) else { return nil }
    state = String(words[0])
    self.parent = parent
  }
}

/// Whether a process has ended; who has to wait for it may not have done so yet.
func isGone(_ process: pid_t) -> Bool { ProcessStatus(process).map { $0.state == "Z" } ?? true }

func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

/// Waits until `condition` holds, with a generous limit; false when it never did.
func eventually(seconds: Int = 60, _ condition: () -> Bool) -> Bool {
  let end = ContinuousClock.now + .seconds(seconds)
  while ContinuousClock.now < end {
    if condition() { return true }
    usleep(2000)
  }
  return condition()
}

/// A program that runs, with what it writes.
final class RunningProgram {
  var process: ChildProcess
  private let sandbox = Sandbox()
  private var input: Int32

  init(_ name: String, _ words: [String]) throws {
    var plan = ChildProcess.Plan(program: Programs.path(name), arguments: [name] + words)
    var ends: [Int32] = [-1, -1]
    try #require(pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    input = ends[1]
    plan.input = ends[0]
    plan.output = open(sandbox.path + "/output", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
    plan.errors = open(sandbox.path + "/errors", O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
    process = try ChildProcess(plan)
    for descriptor in [plan.input, plan.output, plan.errors] { close(descriptor) }
  }

  deinit {
    process.send(SIGKILL)
    _ = process.wait(blocks: true)
    close(input)
  }

  var output: String { sandbox.text("output") ?? "" }
  var errors: String { sandbox.text("errors") ?? "" }
  /// A place for its files.
  var directory: String { sandbox.path }

  func say(_ line: String) { _ = (line + "\n").withCString { write(input, $0, strlen($0)) } }

  /// How it ended; nil when it did not.
  func end(seconds: Int = 60) -> ChildProcess.End? {
    var end: ChildProcess.End?
    _ = eventually(seconds: seconds) {
      end = process.wait(blocks: false)
      return end != nil
    }
    return end
  }
}

/// A graph of short and shorter tasks that need each other.
func mixedLoad(seed: UInt64, layers: Int, width: Int, slowestMilliseconds: Int) -> Delayed<Int> {
  var random = SeededGenerator(seed: seed)
  var last: [Delayed<Int>] = (0..<width).map {
    delayed(Slow(milliseconds: UInt32(random.below(slowestMilliseconds + 1)), value: $0 + Int(seed)), on: [])
  }
  for layer in 0..<layers {
    last = (0..<width).map { place in
      let inputs = (0..<1 + random.below(3)).map { _ in last[random.below(width)].erased }
      // Half of them only wait, for their inputs' sake.
      if random.chance(50) {
        return delayed(
          Slow(milliseconds: UInt32(random.below(slowestMilliseconds + 1)), value: layer &* 31 &+ place), on: inputs)
      }
      return delayed(Plus(constant: layer &* 1000 &+ place), on: inputs)
    }
  }
  return delayed(Plus(constant: 1), on: last.map(\.erased))
}
