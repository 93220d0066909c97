import Glibc
import Martlet
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

  static let name = "martlet-worker"

  static let specs: [OptionSpec] = [
    OptionSpec("name", value: "NAME", in: "What it is", "what it is called (its address)"),
    OptionSpec("threads", value: "N", in: "What it is", "tasks that run at one time (the processors of the machine)"),
    OptionSpec(
      "memory-limit", value: "SIZE", in: "What it is",
      "bytes of results and of the process: above 60 % results are spilled, above 80 % no work is begun; 512MB, 4GiB, "
        + "none, or auto: its share of the machine's memory (auto)"),
    OptionSpec(
      "resources", value: "LIST", in: "What it is", "what tasks may ask for beside threads, such as gpu=2,disk=1"),
    OptionSpec(
      "local-directory", value: "DIR", in: "What it is",
      "where results are spilled, in a directory of its own (the system's for short-lived files)"),
    OptionSpec(
      "host", value: "HOST", in: "Where it is",
      "name or address to listen on (127.0.0.1: this machine only); 0.0.0.0 or :: for all addresses"),
    OptionSpec("port", value: "PORT", in: "Where it is", "port for peers and clients (0: a free one)"),
    OptionSpec(
      "advertise", value: "PLACE", in: "Where it is",
      "HOST or HOST:PORT under which others reach it (where it listens)"),
    OptionSpec(
      "http-port", value: "PORT", in: "Where it is",
      "port for /health, /metrics and /api, 0 for a free one, none for nowhere (none)"),
    OptionSpec("http-host", value: "HOST", in: "Where it is", "address for HTTP (127.0.0.1)"),
    OptionSpec(
      "ready-file", value: "FILE", in: "Where it is",
      "written when it can be reached, with tcp://HOST:PORT in its first line; removed at the end"),
    OptionSpec(
      "secret-file", value: "FILE", in: "Who may connect",
      "the scheduler, peers and clients must know the secret in FILE"),
    OptionSpec(
      "insecure", in: "Who may connect",
      "listen beyond this machine without a secret: whoever reaches the port can read the results"),
    OptionSpec(
      "death-timeout", value: "TIME", in: "Its end", "ends when no scheduler was found for so long (60s)"),
    OptionSpec(
      "no-supervisor", in: "Its end",
      "without a second process that starts it again after a crash, ends it at 95 % of the memory limit, and tells the "
        + "scheduler what it died of"),
    OptionSpec(
      "retire-timeout", value: "TIME", in: "Its end",
      "ends so long after TERM, also when not all that it holds was handed over (5min)"),
    OptionSpec("log-level", value: "LEVEL", in: "Logs", "debug, info, warning or error (info)"),
    OptionSpec("log-format", value: "FORMAT", in: "Logs", "text or json, on standard error (text)"),
    OptionSpec("help", in: "Others", "print this page"),
    OptionSpec("version", in: "Others", "print the version"),
  ]

  static var helpPage: String {
    """
    \(name) \(MartletVersion.current): runs the tasks that a scheduler gives it

    Usage: \(name) SCHEDULER [options]

    SCHEDULER is tcp://HOST:PORT or HOST:PORT. Times are numbers with ms, s, min, h
    or d; a number alone is seconds. Sizes are numbers with kB, MB, GB, KiB, MiB or
    GiB; a number alone is bytes.
    \(CommandLineOptions.help(specs))
    TERM lets it take no more work, hand over what it holds, and end. INT ends it
    as soon as its tasks have stopped. A second one of either ends it at once.

    Exit status: 0 retired or stopped as asked, 1 it could not run, 2 the command
    line is wrong, 3 the scheduler does not want it, 4 no scheduler was found.

    Example:
      \(name) tcp://127.0.0.1:8786 --threads 2 --memory-limit 4GiB

    """
  }

  /// What a command line asks for.
  struct Request: Sendable {
    var settings = WorkerServerSettings()
    var readyFile: String?
    var isSupervised = true
    var logLevel = LogLevel.info
    var logFormat = LogFormat.text
  }

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
      if request.isSupervised, page == nil { return supervise(words, request) }
      if let registry { return try serve(request, registry, page) }
      return try serve(request, try ownRegistry(), page)
    } catch {
      complain("\(error)")
      return misused
    }
  }

  /// Starts this program once more and watches it.
  private static func supervise(_ words: [String], _ request: Request) -> Int32 {
    // A program that is a worker among other things has further words before these.
    let before = CommandLine.arguments.dropFirst().dropLast(words.count)
    var settings = SupervisorSettings()
    settings.memoryLimit = Int(request.settings.memoryLimit)
    settings.finalStatuses = [done, misused, refused, gaveUp]
    return Supervisor(
      arguments: before + ["--no-supervisor"] + words, settings: settings, logLevel: request.logLevel,
      logFormat: request.logFormat
    ).run()
  }

  /// The functions of this process, and those that table queries are made of.
  private static func ownRegistry() throws(UsageError) -> TaskFunctionRegistry {
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

  static func request(_ words: [String]) throws(UsageError) -> Request {
    let options = try CommandLineOptions(program: name, specs: specs, operandLimit: 1, words)
    var request = Request()
    guard let scheduler = options.operands.first else {
      throw UsageError("no scheduler is named", remedy: "write \(name) tcp://HOST:\(SchedulerProgram.defaultPort)")
    }
    var settings = WorkerServerSettings(scheduler: scheduler)
    guard HostAndPort(scheduler, defaultPort: SchedulerProgram.defaultPort) != nil else {
      throw UsageError("'\(scheduler)' is not the address of a scheduler", remedy: "write tcp://HOST:PORT")
    }
    settings.name = options.value("name") ?? ""
    let processors = Int(martlet_available_processors())
    settings.threads = try options.integer("threads", in: 1...4096, such: processors) ?? processors
    settings.memoryLimit = try memoryLimit(options, threads: settings.threads, processors: processors)
    settings.resources = try resources(options.value("resources") ?? "")
    settings.localDirectory = options.value("local-directory") ?? ""
    settings.host = options.value("host") ?? settings.host
    settings.port = try options.integer("port", in: 0...65_535, such: 8790) ?? 0
    settings.advertise = options.value("advertise") ?? ""
    if !settings.advertise.isEmpty, HostAndPort(settings.advertise, defaultPort: 1) == nil {
      throw UsageError("--advertise '\(settings.advertise)' is no address", remedy: "write HOST or HOST:PORT")
    }
    if let port = options.value("http-port"), port != "none" {
      settings.httpPort = try options.integer("http-port", in: 0...65_535, such: 8791)
    }
    settings.httpHost = options.value("http-host") ?? settings.httpHost
    if let path = options.value("secret-file") { settings.secret = try Secret.read(path) }
    settings.isInsecure = options.has("insecure")
    if settings.secret.isEmpty, !settings.isInsecure, !SchedulerProgram.isLoopback(settings.host) {
      throw UsageError(
        "--host \(settings.host) can be reached from other machines, and anyone there could read results",
        remedy: "add --secret-file FILE, or --insecure in a network that you trust")
    }
    if let time = try options.duration("death-timeout") { settings.reconnectSeconds = time / .seconds(1) }
    settings.retirePatience = try options.duration("retire-timeout") ?? .seconds(300)
    request.settings = settings
    request.readyFile = options.value("ready-file")
    request.isSupervised = !options.has("no-supervisor")
    request.logLevel = try options.choice("log-level", of: LogLevel.self) ?? .info
    request.logFormat = try options.choice("log-format", of: LogFormat.self) ?? .text
    return request
  }

  private static func memoryLimit(
    _ options: CommandLineOptions, threads: Int, processors: Int
  ) throws(UsageError) -> Int64 {
    switch options.value("memory-limit") ?? "auto" {
    case "auto":
      return Int64(Double(MachineMemory.bytes()) * min(1, Double(threads) / Double(max(1, processors))))
    case "none", "0": return 0
    default: return try options.size("memory-limit") ?? 0
    }
  }

  /// `name=amount,name=amount`.
  static func resources(_ text: String) throws(UsageError) -> [String: Double] {
    var resources: [String: Double] = [:]
    for part in text.split(separator: ",", omittingEmptySubsequences: true) {
      let sides = part.split(separator: "=", omittingEmptySubsequences: false)
      guard sides.count == 2, !sides[0].isEmpty, let amount = Double(sides[1]), amount >= 1, amount < 1e15 else {
        throw UsageError(
          "--resources takes names with amounts, not '\(part)'", remedy: "write --resources gpu=2,disk=1")
      }
      if resources.updateValue(amount, forKey: String(sides[0])) != nil {
        throw UsageError("--resources names '\(sides[0])' twice", remedy: "keep one of them")
      }
    }
    return resources
  }

  private static func complain(_ text: String) {
    OutputText.write("\(name): \(OutputText.oneLine(text))\n", to: STDERR_FILENO)
  }

  /// What the thread of the signals needs, once it is there.
  private final class Running: Sendable {
    struct State {
      var server: WorkerServer?
      var ready: ReadyFile?
      /// The signal that has come.
      var signal: String?
    }
    let state = Mutex(State())
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
        running.state.withLock { $0.ready }?.remove()
        page?.leaving()
      })
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
    if let path = request.readyFile {
      let ready = try ReadyFile(path, lines: [address] + (http.map { [$0] } ?? []))
      running.state.withLock { $0.ready = ready }
    }
    log.info(
      "the worker listens", ("address", address), ("http", http ?? "none"), ("threads", "\(settings.threads)"),
      ("memory", "\(settings.memoryLimit)"), ("functions", "\(registry.functionNames.count)"),
      ("version", MartletVersion.current))
    let end = server.waitUntilEnded()
    running.state.withLock { $0.ready }?.remove()
    switch end {
    case .retired, .stopped:
      log.info("the worker has ended")
      return done
    case .refused: return refused
    case .gaveUp: return gaveUp
    }
  }
}

/// The memory that this process may take.
enum MachineMemory {
  /// That of the machine, or of the container (control groups, version 2 or 1) where that is less.
  static func bytes() -> Int64 {
    let pages = sysconf(Int32(_SC_PHYS_PAGES))
    var bytes = pages > 0 ? Int64(pages) * Int64(sysconf(Int32(_SC_PAGESIZE))) : 4 << 30
    for path in ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"] {
      if let limit = number(in: path), limit > 0 { bytes = min(bytes, limit) }
    }
    return bytes
  }

  private static func number(in path: String) -> Int64? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    if descriptor < 0 { return nil }
    defer { close(descriptor) }
    var text = [UInt8](repeating: 0, count: 64)
    let got = read(descriptor, &text, text.count)
    return got > 0 ? Int64(String(decoding: text[..<got], as: UTF8.self).split(separator: "\n").first ?? "") : nil
  }
}
