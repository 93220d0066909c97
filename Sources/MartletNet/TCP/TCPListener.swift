import Glibc
import MartletSystem

/// Accepts TCP connections for one loop.
package final class TCPListener: @unchecked Sendable {
  // Sendable: the loop's thread alone uses what is mutable; `address` is constant.

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
    /// Whether processes of this user on this machine can connect without the network: see `LocalSocket`.
    package var takesLocalConnections = false
    /// For the accepted connections.
    package var connection = ConnectionSettings()

    package init() {}
  }

  /// Where it listens, with the port that the system picked for 0.
  package let address: SocketAddress
  let loop: EventLoop
  let settings: Settings
  private let accept: @Sendable (Connection) -> (any ConnectionDelegate)?
  private let trouble: @Sendable (NetworkError) -> Void
  /// Sockets that are open: the first is of the network.
  private var sockets: [ListeningSocket] = []
  private var pauseTimer: LoopTimer?
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
    let descriptor: Int32
    (descriptor, address) = try TCPListener.open(host, port, settings, numericOnly: loop.isOnLoop)
    self.loop = loop
    self.settings = settings
    self.accept = accept
    self.trouble = trouble
    sockets = [ListeningSocket(descriptor, of: self, isLocal: false)]
    if settings.takesLocalConnections {
      sockets += LocalSocket.addresses(ofListener: address).compactMap {
        LocalSocket.listen(on: $0, backlog: settings.backlog).map { ListeningSocket($0, of: self, isLocal: true) }
      }
    }
    if !loop.execute({ self.start() }) {
      for socket in sockets { Glibc.close(socket.descriptor) }
      // They hold this object, and nobody else would let go of them.
      sockets = []
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
    pauseTimer?.disarm()
    pauseTimer = nil
    // They may be all that holds this object.
    let open = sockets
    sockets = []
    for socket in open { socket.close() }
  }

  private func start() {
    for socket in sockets {
      let status = socket.start()
      if status < 0 {
        trouble(.system(-status, "listen on", address.description))
        return close()
      }
    }
  }

  // MARK: For its sockets

  var isFull: Bool { connectionCount >= settings.maximumConnections }

  func took(_ socket: Int32, _ from: SocketAddress, isLocal: Bool) {
    if isLocal, !LocalSocket.isOfThisUser(socket) {
      Glibc.close(socket)
      return
    }
    connectionCount += 1
    let process = isLocal ? LocalSocket.peerProcess(socket) : 0
    let connection = Connection.adopt(
      descriptor: socket, peer: isLocal ? "process \(process)" : from.description, peerProcess: process, on: loop,
      settings: settings.connection, delegate: accept)
    connection.afterClose = { [weak self] in self?.connectionClosed() }
  }

  func cannotAccept(_ error: Int32) {
    setPaused(true)
    let timer = pauseTimer ?? LoopTimer(loop: loop) { [weak self] in self?.setPaused(false) }
    pauseTimer = timer
    timer.arm(after: settings.pause)
    trouble(.system(error, "accept a connection on", address.description))
  }

  private func connectionClosed() {
    connectionCount -= 1
    if !isFull, pauseTimer?.isArmed != true { setPaused(false) }
  }

  func setPaused(_ pauses: Bool) {
    for socket in sockets { socket.setPaused(pauses) }
  }
}
