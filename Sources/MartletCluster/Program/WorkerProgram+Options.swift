import MartletEngine
import MartletNet
import MartletSystem

// The command line of `martlet-worker`, and its explanation.

extension WorkerProgram {
  static let name = "martlet-worker"

  static let specs: [OptionSpec] = [
    OptionSpec("name", value: "NAME", in: "What it is", "what it is called (its address)"),
    OptionSpec(
      "workers", value: "N", in: "What it is",
      "processes, each a worker, called NAME-0, NAME-1 and so on (1); --threads is of each"),
    OptionSpec(
      "threads", value: "N", in: "What it is",
      "tasks that run at one time (the processors of the machine, shared by the workers)"),
    OptionSpec(
      "memory-limit", value: "SIZE", in: "What it is",
      "bytes of results and of the process: above 60 % results are spilled, above 80 % no work is begun; 512MB, 4GiB, "
        + "0.25 of the machine's memory, none, or auto: its share of it (auto)"),
    OptionSpec(
      "resources", value: "LIST", in: "What it is", "what tasks may ask for beside threads, such as gpu=2,disk=1"),
    OptionSpec(
      "load", value: "LIBRARY", repeats: true, in: "What it is",
      "a plug-in with functions, built against this version; may be given more than once"),
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
      "port for /health, /metrics and /api, 0 for a free one, or none (none)"),
    OptionSpec("http-host", value: "HOST", in: "Where it is", "address for HTTP (127.0.0.1)"),
    OptionSpec(
      "ready-file", value: "FILE", in: "Where it is",
      "written when it can be reached, with tcp://HOST:PORT in its first line; removed at the end"),
    OptionSpec(
      "scheduler-file", value: "FILE", in: "Where it is",
      "instead of SCHEDULER: what the scheduler's --ready-file writes, awaited as long as --death-timeout says"),
    OptionSpec(
      "pid-file", value: "FILE", in: "Where it is", "written with the number of the process; removed at the end"),
    OptionSpec(
      "secret-file", value: "FILE", in: "Who may connect",
      "the scheduler, peers and clients must know the secret in FILE"),
    OptionSpec(
      "insecure", in: "Who may connect",
      "listen beyond this machine without a secret: whoever reaches the port can read the results"),
    OptionSpec(
      "death-timeout", value: "TIME", in: "Its end", "ends when no scheduler was found for so long (60s)"),
    OptionSpec("lifetime", value: "TIME", in: "Its end", "retires after so long (never)"),
    OptionSpec(
      "lifetime-stagger", value: "TIME", in: "Its end",
      "so much longer or shorter, at random, so that not all workers retire at once"),
    OptionSpec("lifetime-restart", in: "Its end", "is started again after its lifetime"),
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
    /// Where the scheduler's address is to be read; else it is in the settings.
    var schedulerFile: String?
    var readyFile: String?
    var pidFile: String?
    var plugIns: [String] = []
    var isSupervised = true
    /// When it retires by itself, and whether it is started again then.
    var lifetime: Duration?
    var restarts = false
    /// The command lines of several workers; empty for one.
    var family: [[String]] = []
    var logLevel = LogLevel.info
    var logFormat = LogFormat.text
  }

  static func request(_ words: [String]) throws(UsageError) -> Request {
    let options = try CommandLineOptions(program: name, specs: specs, operandLimit: 1, words)
    var request = Request()
    var settings = WorkerServerSettings(scheduler: options.operands.first ?? "")
    request.schedulerFile = options.value("scheduler-file")
    switch (options.operands.first, request.schedulerFile) {
    case (nil, nil):
      throw UsageError("no scheduler is named", remedy: "write \(name) tcp://HOST:\(SchedulerProgram.defaultPort)")
    case (let scheduler?, nil): try checkAddress(scheduler)
    case (nil, _?): break
    case (let scheduler?, _?):
      throw UsageError("'\(scheduler)' and --scheduler-file both name a scheduler", remedy: "keep one of them")
    }
    settings.name = options.value("name") ?? ""
    let processors = Int(martlet_available_processors())
    let workers = try options.integer("workers", in: 1...1024, such: 2) ?? 1
    settings.threads = try options.integer("threads", in: 1...4096, such: processors) ?? max(1, processors / workers)
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
    request.pidFile = options.value("pid-file")
    request.plugIns = options.list("load")
    request.isSupervised = !options.has("no-supervisor")
    try readLifetime(options, &request)
    if workers > 1 { request.family = try family(options, workers, threads: settings.threads) }
    request.logLevel = try options.choice("log-level", of: LogLevel.self) ?? .info
    request.logFormat = try options.choice("log-format", of: LogFormat.self) ?? .text
    return request
  }

  static func checkAddress(_ scheduler: String) throws(UsageError) {
    guard HostAndPort(scheduler, defaultPort: SchedulerProgram.defaultPort) != nil else {
      throw UsageError("'\(scheduler)' is not the address of a scheduler", remedy: "write tcp://HOST:PORT")
    }
  }

  private static func readLifetime(_ options: CommandLineOptions, _ request: inout Request) throws(UsageError) {
    request.restarts = options.has("lifetime-restart")
    guard let lifetime = try options.duration("lifetime") else {
      for name in ["lifetime-stagger", "lifetime-restart"] where options.has(name) {
        throw UsageError("--\(name) has no lifetime", remedy: "add --lifetime 12h")
      }
      return
    }
    let stagger = try options.duration("lifetime-stagger") ?? .zero
    guard stagger < lifetime else {
      throw UsageError("--lifetime-stagger is not less than --lifetime", remedy: "make it shorter")
    }
    request.lifetime = lifetime + stagger * Double.random(in: -1...1)
  }

  /// The command line of each of several workers.
  private static func family(
    _ options: CommandLineOptions, _ count: Int, threads: Int
  ) throws(UsageError) -> [[String]] {
    for name in ["port", "http-port", "advertise"] {
      guard let value = options.value(name), value != "0", value != "none" else { continue }
      throw UsageError(
        "--\(name) \(value) cannot be that of \(count) workers", remedy: "leave it out, or start them one by one")
    }
    let rest = options.words(without: ["workers", "threads", "name", "ready-file", "pid-file"])
    return (0..<count).map { number in
      var words = ["--threads=\(threads)"]
      if let name = options.value("name") { words.append("--name=\(name)-\(number)") }
      for file in ["ready-file", "pid-file"] {
        if let path = options.value(file) { words.append("--\(file)=\(path)-\(number)") }
      }
      return words + rest
    }
  }

  private static func memoryLimit(
    _ options: CommandLineOptions, threads: Int, processors: Int
  ) throws(UsageError) -> Int64 {
    switch options.value("memory-limit") ?? "auto" {
    case "auto":
      return Int64(Double(MachineMemory.bytes()) * min(1, Double(threads) / Double(max(1, processors))))
    case "none", "0": return 0
    case let text where text.hasPrefix("0.") || text.hasPrefix("."):
      guard let share = Double(text), share > 0 else { return try options.size("memory-limit") ?? 0 }
      return Int64(Double(MachineMemory.bytes()) * share)
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
}
