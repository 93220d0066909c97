import Glibc
import Martlet
import MartletEngine
package import MartletGraph
import MartletNet
import MartletSystem
import Synchronization

/// `martlet-worker`: the words of the command line in, the exit status out.
package enum WorkerProgram {
  /// Retired, or stopped as asked.
  package static let done: Int32 = 0
  /// It could not run.
  package static let failed: Int32 = 1
  /// The command line is wrong.
  package static let misused: Int32 = 2
  /// The scheduler does not want it.
  package static let refused: Int32 = 3
  /// No scheduler was found.
  package static let gaveUp: Int32 = 4
  /// Its lifetime is over, or the cluster is restarted: its supervisor shall start it again.
  static let again: Int32 = 5

  /// Runs until it has ended. Blocks; to be called once, on the first thread.
  ///
  /// - Parameter registry: The functions that it knows; nil: those of the process.
  package static func run(_ words: [String], registry: TaskFunctionRegistry? = nil) -> Int32 {
    // Whoever asks for help gets it, even where the rest of the line is wrong.
    if words.contains("--help") || words.contains("-h") {
      OutputText.write(helpPage, to: STDOUT_FILENO)
      return done
    }
    if words.contains("--version") || words.contains("-V") {
      OutputText.write("\(name) \(MartletVersion.current)\n", to: STDOUT_FILENO)
      return done
    }
    let page = RunningTasksPage.attach()
    // Whoever ends without this has crashed: in a task that calls `exit`, for one.
    defer { page?.leaving() }
    do throws(UsageError) {
      let request = try request(words)
      if request.restarts, !request.isSupervised, page == nil {
        throw UsageError("nobody would start it again after its lifetime", remedy: "leave out --no-supervisor")
      }
      if !request.family.isEmpty { return startFamily(words, request) }
      if request.isSupervised, page == nil { return supervise(words, request) }
      if let registry { return try serve(request, registry, page) }
      return try serve(request, try ownRegistry(request.plugIns), page)
    } catch {
      complain("\(error)")
      return misused
    }
  }

  /// Starts this program once for each worker.
  private static func startFamily(_ words: [String], _ request: Request) -> Int32 {
    let before = Array(CommandLine.arguments.dropFirst().dropLast(words.count))
    let program = ChildProcess.ownProgram ?? CommandLine.arguments.first ?? ""
    do throws(ChildProcessError) {
      return try ProcessFamily(program: program, arguments: request.family.map { before + $0 }).run()
    } catch {
      complain("\(error)")
      return failed
    }
  }

  /// Starts this program once more and watches it.
  private static func supervise(_ words: [String], _ request: Request) -> Int32 {
    // A program that is a worker among other things has further words before these.
    let before = CommandLine.arguments.dropFirst().dropLast(words.count)
    var settings = SupervisorSettings()
    settings.memoryLimit = Int(request.settings.memoryLimit)
    settings.finalStatuses = [done, misused, refused, gaveUp]
    settings.restartStatuses = [again]
    return Supervisor(
      arguments: before + ["--no-supervisor"] + words, settings: settings, logLevel: request.logLevel,
      logFormat: request.logFormat
    ).run()
  }

  /// The functions of this process, and those that table queries are made of.
  private static func ownRegistry(_ plugIns: [String]) throws(UsageError) -> TaskFunctionRegistry {
    for path in plugIns {
      do throws(PlugInError) {
        try PlugInLoader.load(path)
      } catch {
        throw UsageError("--load \(error.path): \(error.reason)", remedy: error.remedy)
      }
    }
    do throws(TaskRegistryError) {
      try TableFunctions.register()
    } catch {
      // Where somebody works with them already, there are no others.
      if error.code != .locked {
        throw UsageError("\(error)", remedy: "load no plug-in that uses the names martlet.table.*")
      }
    }
    return TaskFunctions.locked()
  }

  private static func complain(_ text: String) {
    OutputText.write("\(name): \(OutputText.oneLine(text))\n", to: STDERR_FILENO)
  }

  /// What the thread of the signals needs, once it is there.
  private final class Running: Sendable {
    struct State {
      var server: WorkerServer?
      /// The signal that has come.
      var signal: String?
    }
    let state = Mutex(State())
    let files = ProgramFiles()
  }

  private static func obey(_ signal: String, _ server: WorkerServer) {
    if signal == "INT" { server.stop() } else { server.retire() }
  }

  private static func serve(_ request: Request, _ registry: TaskFunctionRegistry, _ page: RunningTasksPage?)
    throws(UsageError) -> Int32
  {
    var settings = request.settings
    let log = Log(level: request.logLevel, format: request.logFormat)
    settings.log = log
    settings.page = page
    let running = Running()
    EndingSignals.watch(
      patience: (settings.retirePatience ?? .zero) + settings.stopPatience + .seconds(5),
      { signal in
        log.info("\(signal) was received")
        let server = running.state.withLock { state in
          state.signal = signal
          return state.server
        }
        if let server { obey(signal, server) }
      },
      last: {
        running.files.remove()
        page?.leaving()
      })
    if let file = request.schedulerFile {
      let isTold = { running.state.withLock { $0.signal != nil } }
      guard let address = PlaceFiles.address(in: file, within: .seconds(settings.reconnectSeconds), unless: isTold)
      else {
        if isTold() { return done }
        complain("no scheduler has written its address to '\(file)' (start one with --ready-file \(file))")
        return gaveUp
      }
      try checkAddress(address)
      settings.scheduler = address
    }
    let server: WorkerServer
    do {
      server = try WorkerServer(settings, registry: registry)
      try server.start()
    } catch let error as UsageError {
      throw error
    } catch {
      complain("\(error)")
      return failed
    }
    // A signal may have come before there was a server to end.
    let signal = running.state.withLock { state in
      state.server = server
      return state.signal
    }
    if let signal { obey(signal, server) }
    let address = "tcp://\(server.address)"
    let http = server.httpPort.map { "http://\(SocketAddress.text(settings.httpHost, $0))" }
    try running.files.write(
      pid: request.pidFile, ready: request.readyFile, lines: [address] + (http.map { [$0] } ?? []))
    log.info(
      "the worker listens", ("address", address), ("http", http ?? "none"), ("threads", "\(settings.threads)"),
      ("memory", "\(settings.memoryLimit)"), ("functions", "\(registry.functionNames.count)"),
      ("version", MartletVersion.current))
    if let lifetime = request.lifetime { retire(server, after: lifetime, log) }
    let end = server.waitUntilEnded()
    running.files.remove()
    switch end {
    case .retired, .stopped:
      log.info("the worker has ended")
      let wasTold = running.state.withLock { $0.signal != nil }
      return request.restarts && !wasTold ? again : done
    case .restarted: return again
    case .refused: return refused
    case .gaveUp: return gaveUp
    }
  }
}

extension WorkerProgram {
  /// Lets a worker hand over what it holds and end, when its time has come.
  private static func retire(_ server: WorkerServer, after lifetime: Duration, _ log: Log) {
    Task.detached {
      try? await Task.sleep(for: lifetime)
      log.info("the worker's lifetime is over: it retires")
      server.retire()
    }
  }
}
