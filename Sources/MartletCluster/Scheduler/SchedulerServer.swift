package import MartletNet

/// A scheduler's process but for its command line: sockets around the core, on one thread.
///
/// It lives until `stop`; dropping the last reference does not end it.
package final class SchedulerServer: Sendable {
  private let shell: SchedulerShell
  private let listener: TCPListener
  private let http: HTTPServer?

  /// Where clients and workers reach it, with the port that the system picked for 0.
  package var address: SocketAddress { listener.address }

  /// Where operators reach it.
  package var httpAddress: SocketAddress? { http?.address }

  /// Begins to listen. Blocks while a name is looked up.
  /// - Throws: `NetworkError` when an address cannot be listened on; nothing is left then.
  package init(settings: SchedulerServerSettings, log: Log) throws(NetworkError) {
    let loop = try EventLoop(name: "scheduler", settings: settings.loop)
    let shell = SchedulerShell(loop: loop, settings: settings, log: log)
    do throws(NetworkError) {
      var listening = TCPListener.Settings()
      listening.takesLocalConnections = true
      listening.connection = shell.sessionSettings.connectionSettings
      // Some more than are served, so that those beyond are told why.
      listening.maximumConnections = settings.maximumPeers + 64
      listener = try TCPListener(
        host: settings.host, port: settings.port, on: loop, settings: listening,
        trouble: { log.error("\($0)") }, accept: { shell.accept($0) })
      http = try settings.http.map { (place) throws(NetworkError) in
        try SchedulerServer.listen(place, shell)
      }
    } catch {
      loop.shutdown()
      loop.waitUntilStopped()
      throw error
    }
    self.shell = shell
    loop.execute { [listener, http] in shell.start(listener: listener, http: http) }
  }

  private static func listen(
    _ place: SchedulerServerSettings.HTTPPlace, _ shell: SchedulerShell
  ) throws(NetworkError) -> HTTPServer {
    do throws(NetworkError) {
      return try HTTPServer(host: place.host, port: place.port, on: shell.loop) { shell.answer($0) }
    } catch {
      guard place.takesAnother, error.code == .addressInUse else { throw error }
      shell.log.warning("port \(place.port) for HTTP is in use: another one is taken")
      return try HTTPServer(host: place.host, port: 0, on: shell.loop) { shell.answer($0) }
    }
  }

  /// Says goodbye to all peers, closes everything and ends the thread, within the settings' `farewell`. Returns at once.
  package func stop(_ reason: String) {
    shell.loop.execute { [shell] in shell.stop(reason) }
  }

  /// Waits for the end. Not on the loop's thread.
  package func waitUntilStopped() { shell.loop.waitUntilStopped() }

  /// Runs `body` on the loop's thread, where the core may be looked at. False when the loop has ended.
  @discardableResult
  func inspect(_ body: @escaping @Sendable (SchedulerShell) -> Void) -> Bool {
    shell.loop.execute { [shell] in body(shell) }
  }
}
