package import MartletGraph
import MartletEngine
import MartletNet

/// A worker in this process: sockets, threads, files and values around a `WorkerCore`.
///
/// It lives until it has ended; dropping the last reference does not end it.
package final class WorkerServer: Sendable {
  private let settings: WorkerServerSettings
  private let shell: WorkerShell

  /// Takes the loop's thread; nothing else happens before `start`.
  ///
  /// - Throws: `UsageError` when the settings contradict themselves, `NetworkError` when the system refuses a thread.
  package init(_ settings: WorkerServerSettings, registry: TaskFunctionRegistry) throws {
    guard let scheduler = HostAndPort(settings.scheduler, defaultPort: SchedulerProgram.defaultPort) else {
      throw UsageError(
        "'\(settings.scheduler)' is not the address of a scheduler", remedy: "write it as tcp://HOST:PORT")
    }
    if settings.secret.isEmpty, !settings.isInsecure, !SchedulerProgram.isLoopback(settings.host) {
      throw UsageError(
        "--host \(settings.host) can be reached from other machines, and anyone there could read results",
        remedy: "add --secret-file FILE, or --insecure in a network that you trust")
    }
    if !settings.advertise.isEmpty, HostAndPort(settings.advertise, defaultPort: 1) == nil {
      throw UsageError("'\(settings.advertise)' is no address", remedy: "write it as HOST or HOST:PORT")
    }
    self.settings = settings
    let loop = try EventLoop(name: "worker", settings: settings.loop)
    shell = WorkerShell(loop: loop, settings: settings, scheduler: scheduler, registry: registry)
  }

  /// Listens, and connects to the scheduler in the background, again and again. Blocks while a name is looked up.
  ///
  /// - Throws: `NetworkError` when an address cannot be listened on, `UsageError` when the local directory cannot be used;
  ///   it has ended then.
  package func start() throws {
    do {
      let files = try WorkerServer.files(settings)
      var listening = TCPListener.Settings()
      listening.takesLocalConnections = true
      listening.connection = shell.requesterSettings.connectionSettings
      listening.maximumConnections = settings.maximumRequesters + 64
      let listener: TCPListener
      let http: HTTPServer?
      do {
        listener = try TCPListener(
          host: settings.host, port: settings.port, on: shell.loop, settings: listening,
          trouble: { [log = settings.log] in log.error("\($0)") }, accept: { [shell] in shell.accept($0) })
        http = try settings.httpPort.map { (port) throws(NetworkError) in
          try HTTPServer(host: settings.httpHost, port: port, on: shell.loop) { [shell] in shell.answer($0) }
        }
      } catch {
        files?.close()
        throw error
      }
      shell.setListening(listener, http)
      shell.loop.execute { [shell] in shell.start(listener: listener, http: http, files: files) }
    } catch {
      shell.loop.shutdown()
      shell.loop.waitUntilStopped()
      throw error
    }
  }

  private static func files(_ settings: WorkerServerSettings) throws -> SpillFiles? {
    // Without a limit nothing is ever spilled.
    if settings.memoryLimit == 0 { return nil }
    do throws(SpillDirectory.Failure) {
      return SpillFiles(try SpillDirectory(in: settings.localDirectory))
    } catch {
      throw UsageError("\(error)", remedy: "name a directory that may be written to with --local-directory")
    }
  }

  /// Where peers and clients reach it, as `host:port`; empty before `start`.
  package var address: String { shell.places.withLock { $0.address } }

  /// The port for operators; nil where there is none, or before `start`.
  package var httpPort: Int? { shell.places.withLock { $0.httpPort } }

  /// Takes no more work, hands over what it holds, then ends. Without a scheduler to hand over to it ends at once. Returns at
  /// once.
  package func retire() { shell.loop.execute { [shell] in shell.retire() } }

  /// Ends as soon as its bodies have; what they give, and all results, are lost. Returns at once.
  package func stop() { shell.loop.execute { [shell] in shell.end(.stopped) } }

  /// Waits for the end. Nothing of it runs then, but for bodies that did not heed their cancellation in time.
  @discardableResult
  package func waitUntilEnded() -> WorkerEnd {
    shell.loop.waitUntilStopped()
    shell.inside.waitUntilClosed()
    return shell.places.withLock { $0.end }
  }

  /// Runs `body` on the loop's thread, where the core may be looked at. False when the loop has ended.
  @discardableResult
  func inspect(_ body: @escaping @Sendable (WorkerShell) -> Void) -> Bool {
    shell.loop.execute { [shell] in body(shell) }
  }
}
