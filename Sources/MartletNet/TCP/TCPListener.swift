import Glibc
import MartletSystem

/// Accepts TCP connections for one loop.
package final class TCPListener: Channel, @unchecked Sendable {
  // Sendable: see Channel; `address` is constant.

  /// What a user of the listener may choose.
  package struct Settings: Sendable {
    /// Connections that the kernel keeps until they are accepted.
    package var backlog = 1024
    /// Connections that are accepted before others get their turn.
    package var acceptsPerTurn = 64
    /// Open connections; further ones wait in the kernel until one closes.
    package var maximumConnections = 65_536
    /// How long accepting pauses when no descriptor is left.
    package var pause: Duration = .milliseconds(100)
    /// For the accepted connections.
    package var connection = ConnectionSettings()

    package init() {}
  }

  /// Where it listens, with the port that the system picked for 0.
  package let address: SocketAddress
  private let settings: Settings
  private let accept: @Sendable (Connection) -> (any ConnectionDelegate)?
  private let trouble: @Sendable (NetworkError) -> Void
  private var descriptor: Int32
  private var isListening = false
  private var pauseTimer: LoopTimer?
  private var isPaused = false
  /// Accepted connections that are open. On the loop's thread.
  package private(set) var connectionCount = 0

  /// Starts to listen; from any thread. Blocks while a name is looked up, which the loop's own thread must not: there
  /// `host` has to be in numbers.
  ///
  /// - Parameters:
  ///   - host: An address or name of this machine, the first of whose addresses is taken; empty for all addresses, IPv6 and
  ///     IPv4.
  ///   - port: 0 lets the system pick one.
  ///   - trouble: Called on the loop's thread when accepting has to pause, with the reason.
  ///   - accept: Called on the loop's thread for each new connection; nil closes it.
  package init(
    host: String, port: Int, on loop: EventLoop, settings: Settings = Settings(),
    trouble: @escaping @Sendable (NetworkError) -> Void = { _ in },
    accept: @escaping @Sendable (Connection) -> (any ConnectionDelegate)?
  ) throws(NetworkError) {
    (descriptor, address) = try TCPListener.open(host, port, settings, numericOnly: loop.isOnLoop)
    self.settings = settings
    self.accept = accept
    self.trouble = trouble
    super.init(loop: loop)
    if !loop.execute({ self.start() }) {
      Glibc.close(descriptor)
      throw .stopped(loop.name)
    }
  }

  private static func open(
    _ host: String, _ port: Int, _ settings: Settings, numericOnly: Bool
  ) throws(NetworkError) -> (Int32, SocketAddress) {
    var addresses = try Resolver.addresses(host: host, port: port, numericOnly: numericOnly, passive: true)
    // An IPv6 socket for all addresses takes IPv4, too; the opposite is not true.
    if host.isEmpty { addresses.sort { $0.family == AF_INET6 && $1.family != AF_INET6 } }
    var reason: NetworkError?
    for wanted in addresses {
      let socket = martlet_stream_socket(wanted.family)
      if socket < 0 {
        reason = .system(-socket, "listen on", wanted.description)
        continue
      }
      _ = martlet_set_reuse_address(socket)
      if wanted.family == AF_INET6 { _ = martlet_set_ipv6_only(socket, host.isEmpty ? 0 : 1) }
      _ = martlet_set_buffer_bytes(
        socket, Int32(clamping: settings.connection.kernelSendBytes ?? 0),
        Int32(clamping: settings.connection.kernelReceiveBytes ?? 0))
      var storage = wanted.storage
      var status = martlet_bind(socket, &storage, wanted.length)
      if status == 0, listen(socket, Int32(clamping: settings.backlog)) < 0 { status = -errno }
      if status == 0, let address = SocketAddress({ martlet_local_address(socket, $0, $1) }) {
        return (socket, address)
      }
      reason = .system(-status, "listen on", wanted.description)
      Glibc.close(socket)
    }
    throw reason ?? .unknownHost(host, reason: "it has no address")
  }

  /// Stops listening; accepted connections stay. On the loop's thread.
  package func close() {
    loop.requireOnLoop()
    guard descriptor >= 0 else { return }
    pauseTimer?.disarm()
    pauseTimer = nil
    if isListening { loop.unwatch(descriptor) }
    loop.leave(self)
    Glibc.close(descriptor)
    descriptor = -1
  }

  override func loopStops() { close() }

  private func start() {
    guard descriptor >= 0 else { return }
    loop.enter(self)
    let status = loop.watch(self, descriptor, waitsFor: UInt32(MARTLET_READABLE))
    if status < 0 {
      trouble(.system(-status, "listen on", address.description))
      return close()
    }
    isListening = true
  }

  override func handle(_ happened: UInt32) {
    for _ in 0..<settings.acceptsPerTurn {
      if connectionCount >= settings.maximumConnections { return setPaused(true) }
      var from = SocketAddress()
      let socket = martlet_accept(descriptor, &from.storage, &from.length)
      if socket >= 0 {
        took(socket, from)
        if descriptor < 0 { return }
        continue
      }
      switch -socket {
      case EAGAIN: return
      // The client is gone again, or the network had an error that belongs to it.
      case EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH,
        ETIMEDOUT:
        continue
      default:
        // No descriptor or no memory. The kernel would report the waiting connection for ever.
        setPaused(true)
        let timer = pauseTimer ?? LoopTimer(loop: loop) { [weak self] in self?.setPaused(false) }
        pauseTimer = timer
        timer.arm(after: settings.pause)
        return trouble(.system(-socket, "accept a connection on", address.description))
      }
    }
  }

  private func took(_ socket: Int32, _ from: SocketAddress) {
    connectionCount += 1
    let connection = Connection.adopt(
      descriptor: socket, peer: from.description, on: loop, settings: settings.connection, delegate: accept)
    connection.afterClose = { [weak self] in self?.connectionClosed() }
  }

  private func connectionClosed() {
    connectionCount -= 1
    if connectionCount < settings.maximumConnections, pauseTimer?.isArmed != true { setPaused(false) }
  }

  private func setPaused(_ pauses: Bool) {
    guard descriptor >= 0, isListening, pauses != isPaused else { return }
    isPaused = pauses
    loop.change(self, descriptor, waitsFor: pauses ? 0 : UInt32(MARTLET_READABLE))
  }
}
