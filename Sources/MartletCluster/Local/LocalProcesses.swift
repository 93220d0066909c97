import Glibc
import MartletEngine
import MartletSystem
import Synchronization

/// A cluster of processes of this machine.
package final class LocalProcesses: LocalBackend, @unchecked Sendable {
  // Sendable: one thread at a time starts and ends processes, the cluster sees to that; `isHurried` is atomic, `places` is
  // used under its lock; what tests use is for one thread at a time.

  let secret = RandomSecret.make()
  private let threads: Int
  private let options: LocalClusterOptions
  private let directory: ClusterDirectory
  private let secretFile: String
  private var scheduler: Member?
  private var members: [Member] = []
  private var named = 0
  private var isClosed = false

  private let isHurried = Atomic<Bool>(false)
  private let lock = Lock()
  private var places = ["", ""]

  var address: String { lock.withLock { places[0] } }
  var httpAddress: String { lock.withLock { places[1] } }
  var workerCount: Int { members.count }

  /// A process of the cluster.
  private struct Member {
    let name: String
    var process: ChildProcess
  }

  init(threads: Int, _ options: LocalClusterOptions) throws {
    self.threads = threads
    self.options = options
    do throws(ClusterDirectoryError) {
      directory = try ClusterDirectory(in: options.directory)
      secretFile = try directory.write("secret", secret + [10])
    } catch {
      throw ClusterError.notStarted("the directory", "\(error)", [])
    }
    do {
      try startScheduler(port: options.port)
    } catch {
      close()
      throw error
    }
  }

  // MARK: Starting

  private func startScheduler(port: Int) throws {
    let own = SameProgram.current
    let program = try own ?? program(named: "martlet-scheduler")
    unlink("\(directory.path)/scheduler.ready")
    scheduler = try start(
      "scheduler", program,
      (own == nil ? [] : [SameProgram.schedulerWord]) + ["--port", String(port), "--http-port", "0"]
        + common("scheduler") + options.schedulerFlags)
    let lines = try waitUntilReady("scheduler")
    lock.withLock { places = [lines[0], lines.count > 1 ? lines[1] : ""] }
  }

  func scale(to count: Int) throws {
    if isClosed { throw ClusterError.clusterClosed }
    if members.count > count { return try retire(members.count - count) }
    let first = members.count
    do {
      while members.count < count { members.append(try startWorker()) }
      for member in members[first...] { _ = try waitUntilReady(member.name) }
      try LocalProcesses.waitForWorkers(count, at: httpAddress, within: options.startTimeout) { [unowned self] in
        if let (name, end) = self.firstThatEnded() { throw self.didNotStart(name, self.text(of: end)) }
      }
    } catch {
      let begun = Array(members[first...])
      members.removeLast(begun.count)
      end(begun, with: SIGINT, within: options.closeTimeout)
      throw error
    }
  }

  private func startWorker() throws -> Member {
    let name = "worker-\(named)"
    named += 1
    var words: [String] = []
    let program: String
    if let other = options.workerProgram {
      program = other
      words = options.workerArguments
    } else if let own = SameProgram.current {
      program = own
      words = [SameProgram.workerWord]
    } else {
      program = try self.program(named: "martlet-worker")
    }
    words += [address, "--name", name, "--threads", String(threads), "--local-directory", directory.path]
    words += ["--retire-timeout", "\(max(1, options.retireTimeout.components.seconds))s"]
    if options.memoryLimit > 0 { words += ["--memory-limit", String(options.memoryLimit)] }
    if !options.resources.isEmpty {
      let list = options.resources.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
      words += ["--resources", list.joined(separator: ",")]
    }
    return try start(name, program, words + common(name) + options.workerFlags)
  }

  private func common(_ name: String) -> [String] {
    ["--secret-file", secretFile, "--ready-file", "\(directory.path)/\(name).ready"]
  }

  private func start(_ name: String, _ program: String, _ words: [String]) throws -> Member {
    var plan = ChildProcess.Plan(program: program, arguments: [program] + words)
    let nowhere = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { Glibc.close(nowhere) }
    plan.input = nowhere
    let log = options.showsLogs ? -1 : directory.openForAppending("\(name).log")
    defer { if log >= 0 { Glibc.close(log) } }
    plan.output = log
    plan.errors = log
    do {
      return Member(name: name, process: try ProcessThread.run { [plan] in try ChildProcess(plan) })
    } catch {
      throw ClusterError.notStarted(name, "\(error)", [])
    }
  }

  /// The path of one of our programs.
  private func program(named name: String) throws -> String {
    let own = ChildProcess.ownProgram?.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    let place =
      options.binaries ?? getenv("MARTLET_BIN").map { String(cString: $0) } ?? own?.joined(separator: "/") ?? "."
    let path = "\(place)/\(name)"
    guard access(path, X_OK) == 0 else { throw ClusterError.noProgram(name, place) }
    return path
  }

  // MARK: Waiting

  /// The lines of a process's ready file.
  private func waitUntilReady(_ name: String) throws -> [String] {
    let deadline = LocalProcesses.deadline(options.startTimeout)
    while true {
      if let lines = directory.lines("\(name).ready"), !lines.isEmpty { return lines }
      if let (name, end) = firstThatEnded() { throw didNotStart(name, text(of: end)) }
      if martlet_monotonic_nanoseconds() > deadline {
        throw didNotStart(name, "it was not ready within \(options.startTimeout)")
      }
      usleep(1000)
    }
  }

  /// Waits until the scheduler has so many workers.
  static func waitForWorkers(
    _ count: Int, at place: String, within limit: Duration, _ look: () throws -> Void = {}
  ) throws {
    let deadline = deadline(limit)
    var known = 0
    repeat {
      // After the last one went, the scheduler may need a moment to know.
      known = SchedulerQuestion.workers(at: place) ?? known
      if known >= count { return }
      try look()
      usleep(2000)
    } while martlet_monotonic_nanoseconds() < deadline
    throw ClusterError.notStarted(
      "a part", "\(known) of \(count) workers have come to the scheduler within \(limit)", [])
  }

  private static func deadline(_ limit: Duration) -> UInt64 {
    martlet_monotonic_nanoseconds() &+ UInt64(max(0, min(limit / .nanoseconds(1), 1e18)))
  }

  /// A process that has ended by itself.
  private func firstThatEnded() -> (name: String, end: ChildProcess.End)? {
    if let end = scheduler?.process.wait(blocks: false) { return ("scheduler", end) }
    for place in members.indices {
      if let end = members[place].process.wait(blocks: false) { return (members[place].name, end) }
    }
    return nil
  }

  private func text(of end: ChildProcess.End) -> String { "it ended with \(SupervisorCore.text(of: end))" }

  private func didNotStart(_ name: String, _ reason: String) -> ClusterError {
    ClusterError.notStarted(name, reason, directory.lastLines("\(name).log"))
  }

  // MARK: Ending

  private func retire(_ count: Int) throws {
    let leaving = Array(members.suffix(count))
    members.removeLast(count)
    // The last of all has nobody to hand its results to.
    if members.isEmpty { return end(leaving, with: SIGINT, within: options.closeTimeout) }
    end(leaving, with: SIGTERM, within: options.retireTimeout + options.closeTimeout, mayHurry: true)
  }

  func hurry() { isHurried.store(true, ordering: .relaxed) }

  /// Ends processes and waits for them; those that take too long are killed, and what they supervise with them.
  private func end(
    _ some: [Member], with signal: Int32, within limit: Duration, mayHurry: Bool = false
  ) {
    var some = some
    for member in some { member.process.send(signal) }
    let deadline = LocalProcesses.deadline(limit)
    for place in some.indices {
      while some[place].process.wait(blocks: false) == nil {
        // Who is stopped hears nothing else.
        if martlet_monotonic_nanoseconds() > deadline || mayHurry && isHurried.load(ordering: .relaxed) {
          some[place].process.send(SIGKILL)
        }
        usleep(1000)
      }
    }
  }

  func close() {
    if isClosed { return }
    isClosed = true
    end(members, with: SIGINT, within: options.closeTimeout)
    members = []
    if let scheduler { end([scheduler], with: SIGTERM, within: options.closeTimeout) }
    scheduler = nil
    directory.remove()
  }

  // MARK: For tests

  /// The scheduler's process; 0 when there is none.
  package var schedulerProcess: Int32 { scheduler?.process.process ?? 0 }

  /// The processes that were started for the workers: supervisors.
  package var supervisorProcesses: [Int32] { members.map(\.process.process) }

  /// Starts a scheduler at the place of the one that has ended.
  package func restartScheduler() throws {
    if let scheduler { end([scheduler], with: SIGKILL, within: options.closeTimeout) }
    scheduler = nil
    guard let port = address.split(separator: ":").last.flatMap({ Int($0) }) else { return }
    try startScheduler(port: port)
  }

  /// The directory with its files.
  package var path: String { directory.path }
}
