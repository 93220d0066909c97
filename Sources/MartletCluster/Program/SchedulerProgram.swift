import Glibc
import MartletNet
import MartletScheduler
import Synchronization

/// `martlet-scheduler`: the words of the command line in, the exit status out.
package enum SchedulerProgram {
  /// Stopped as asked.
  package static let done: Int32 = 0
  /// It could not run.
  package static let failed: Int32 = 1
  /// The command line is wrong.
  package static let misused: Int32 = 2

  static let name = "martlet-scheduler"
  static let defaultPort = HostAndPort.schedulerPort
  static let defaultHTTPPort = 8787

  static let specs: [OptionSpec] = [
    OptionSpec(
      "host", value: "HOST", in: "Where it listens",
      "name or address to listen on (127.0.0.1: this machine only); 0.0.0.0 or :: for all addresses"),
    OptionSpec("port", value: "PORT", in: "Where it listens", "port for clients and workers, 0 for a free one (8786)"),
    OptionSpec(
      "http-port", value: "PORT", in: "Where it listens",
      "port for /health, /metrics and /api, 0 for a free one, or none (8787, or a free one)"),
    OptionSpec("http-host", value: "HOST", in: "Where it listens", "address for HTTP (127.0.0.1)"),
    OptionSpec(
      "ready-file", value: "FILE", in: "Where it listens",
      "written when it can be reached, with tcp://HOST:PORT in its first line; removed at the end"),
    OptionSpec(
      "pid-file", value: "FILE", in: "Where it listens", "written with the number of the process; removed at the end"),
    OptionSpec(
      "secret-file", value: "FILE", in: "Who may connect", "only peers that know the secret in FILE may connect"),
    OptionSpec(
      "insecure", in: "Who may connect",
      "listen beyond this machine without a secret: whoever reaches the port can run every function of the workers"),
    OptionSpec(
      "allowed-failures", value: "N", in: "Tasks and workers", "workers that may die of a task before it fails (3)"),
    OptionSpec("heartbeat", value: "TIME", in: "Tasks and workers", "how often workers say that they are there (1s)"),
    OptionSpec(
      "worker-ttl", value: "TIME", in: "Tasks and workers",
      "a worker or client that is silent for so long is lost (300s)"),
    OptionSpec(
      "idle-timeout", value: "TIME", in: "Tasks and workers",
      "end when no client was there and nothing ran for so long (never)"),
    OptionSpec("log-level", value: "LEVEL", in: "Logs", "debug, info, warning or error (info)"),
    OptionSpec("log-format", value: "FORMAT", in: "Logs", "text or json, on standard error (text)"),
    OptionSpec("help", in: "Others", "print this page"),
    OptionSpec("version", in: "Others", "print the version"),
  ]

  static var helpPage: String {
    """
    \(name) \(MartletVersion.current): gives the tasks of clients to workers

    Usage: \(name) [options]

    Times are numbers with ms, s, min, h or d; a number alone is seconds.
    \(CommandLineOptions.help(specs))
    TERM or INT ends it within a second, a second one at once.

    Example:
      \(name) --port 8786

    """
  }

  /// What a command line asks for.
  struct Request: Sendable {
    var settings = SchedulerServerSettings()
    var readyFile: String?
    var pidFile: String?
    var logLevel = LogLevel.info
    var logFormat = LogFormat.text
  }

  /// Runs until it is told to end. Blocks; to be called once, on the first thread.
  package static func run(_ words: [String]) -> Int32 {
    // Whoever asks for help gets it, even where the rest of the line is wrong.
    if words.contains("--help") || words.contains("-h") {
      OutputText.write(helpPage, to: STDOUT_FILENO)
      return done
    }
    if words.contains("--version") || words.contains("-V") {
      OutputText.write("\(name) \(MartletVersion.current)\n", to: STDOUT_FILENO)
      return done
    }
    do throws(UsageError) {
      return try serve(try request(words))
    } catch {
      complain("\(error)")
      return misused
    }
  }

  static func request(_ words: [String]) throws(UsageError) -> Request {
    let options = try CommandLineOptions(program: name, specs: specs, words)
    var request = Request()
    var settings = SchedulerServerSettings()
    settings.host = try host(options, "host") ?? "127.0.0.1"
    settings.port = try options.integer("port", in: 0...65_535, such: defaultPort) ?? defaultPort
    if options.value("http-port") == "none" {
      if options.has("http-host") {
        throw UsageError("--http-host has no port", remedy: "leave out --http-port none")
      }
    } else {
      let port = try options.integer("http-port", in: 0...65_535, such: defaultHTTPPort)
      settings.http = SchedulerServerSettings.HTTPPlace(
        host: try host(options, "http-host") ?? "127.0.0.1", port: port ?? defaultHTTPPort, takesAnother: port == nil)
      if let port, port != 0, port == settings.port {
        throw UsageError("--port and --http-port are both \(port)", remedy: "give them different ports")
      }
    }
    if let path = options.value("secret-file") { settings.secret = try Secret.read(path) }
    if settings.secret.isEmpty, !options.has("insecure"), !isLoopback(settings.host) {
      throw UsageError(
        "--host \(settings.host) can be reached from other machines, and anyone there could run tasks",
        remedy: "add --secret-file FILE, or --insecure in a network that you trust")
    }
    settings.core.epoch = UInt64.random(in: 1 ... .max)
    settings.core.allowedFailures =
      try options.integer("allowed-failures", in: 0...255, such: 3) ?? settings.core.allowedFailures
    if let beat = try options.duration("heartbeat") {
      settings.core.heartbeatNanoseconds = Int64(beat / .nanoseconds(1))
    }
    if let silence = try options.duration("worker-ttl") {
      settings.core.silenceNanoseconds = Int64(silence / .nanoseconds(1))
    }
    guard settings.core.silenceNanoseconds >= 2 * settings.core.heartbeatNanoseconds else {
      throw UsageError(
        "--worker-ttl has to be twice --heartbeat or more: else living workers are taken for lost",
        remedy: "make --worker-ttl longer")
    }
    settings.idleLimit = try options.duration("idle-timeout")
    request.settings = settings
    request.readyFile = options.value("ready-file")
    request.pidFile = options.value("pid-file")
    request.logLevel = try options.choice("log-level", of: LogLevel.self) ?? .info
    request.logFormat = try options.choice("log-format", of: LogFormat.self) ?? .text
    return request
  }

  private static func host(_ options: CommandLineOptions, _ name: String) throws(UsageError) -> String? {
    guard let host = options.value(name) else { return nil }
    if host.hasPrefix("tcp://") || host.isEmpty {
      throw UsageError("--\(name) takes a name or an address, not '\(host)'", remedy: "write --\(name) 127.0.0.1")
    }
    return host
  }

  /// Whether only this machine reaches such an address. A name that the system may map to anything is not taken for it,
  /// but for `localhost`.
  static func isLoopback(_ host: String) -> Bool {
    if host == "localhost" || host == "::1" { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }

  private static func complain(_ text: String) {
    OutputText.write("\(name): \(OutputText.oneLine(text))\n", to: STDERR_FILENO)
  }

  /// What the thread of the signals needs, once it is there.
  private final class Running: Sendable {
    struct State {
      var server: SchedulerServer?
      var isEnding = false
    }
    let state = Mutex(State())
    let files = ProgramFiles()
  }

  private static let farewell = "the scheduler was told to end"

  private static func serve(_ request: Request) throws(UsageError) -> Int32 {
    let log = Log(level: request.logLevel, format: request.logFormat)
    let running = Running()
    EndingSignals.watch(
      patience: .milliseconds(900),
      { signal in
        log.info("\(signal) was received: the scheduler ends")
        let server = running.state.withLock { state in
          state.isEnding = true
          return state.server
        }
        server?.stop(farewell)
      }, last: { running.files.remove() })
    let server: SchedulerServer
    do throws(NetworkError) {
      server = try SchedulerServer(settings: request.settings, log: log)
    } catch {
      complain("\(error)")
      return failed
    }
    // A signal may have come before there was a server to stop.
    let isEnding = running.state.withLock { state in
      state.server = server
      return state.isEnding
    }
    if isEnding { server.stop(farewell) }
    let address = "tcp://\(server.address)"
    let http = server.httpAddress.map { "http://\($0)" }
    try running.files.write(
      pid: request.pidFile, ready: request.readyFile, lines: [address] + (http.map { [$0] } ?? []))
    log.info(
      "the scheduler listens", ("address", address), ("http", http ?? "none"),
      ("secret", request.settings.secret.isEmpty ? "none" : "yes"), ("version", MartletVersion.current))
    server.waitUntilStopped()
    running.files.remove()
    log.info("the scheduler has ended")
    return done
  }
}
