import Glibc
import MartletSystem

extension Connection {
  func start(host: String, port: Int, timeout: Duration, delegate: any ConnectionDelegate) {
    self.delegate = delegate
    // Closed before it began; at the end of that turn nobody could be told.
    guard phase == .connecting else {
      if phase == .closed {
        delegate.closed(self, error: closeError)
        self.delegate = nil
      }
      return
    }
    loop.enter(self)
    connectLimit = timeout
    connectDeadline = martlet_monotonic_nanoseconds() + timeout.nanoseconds
    let timer = LoopTimer(loop: loop) { [weak self] in self?.attemptTimedOut() }
    connectTimer = timer
    timer.arm(at: connectDeadline)
    do throws(NetworkError) {
      begin(with: try Resolver.addresses(host: host, port: port, numericOnly: true))
    } catch {
      if error.code == .invalidAddress, (0...65535).contains(port) {
        let loop = self.loop
        loop.resolver.lookUp(host: host, port: port) { result in
          loop.execute {
            switch result {
            case .success(let addresses): self.begin(with: addresses)
            case .failure(let error): self.close(error)
            }
          }
        }
      } else {
        close(error)
      }
    }
  }

  private func begin(with addresses: [SocketAddress]) {
    guard phase == .connecting else { return }
    self.addresses = addresses.reversed()
    tryNext()
  }

  /// Tries the last of `addresses`, and so on.
  private func tryNext() {
    while phase == .connecting {
      guard let address = addresses.popLast() else {
        return close(lastConnectError ?? .connectTimedOut(peer, connectLimit))
      }
      let status = attempt(address)
      if status == 0 { return }
      attemptFailed(-status)
    }
  }

  /// 0 when connected or under way, else a negative errno.
  private func attempt(_ address: SocketAddress) -> Int32 {
    // A new token: events of the attempt before this one must not be taken for its.
    loop.leave(self)
    loop.enter(self)
    if settings.triesLocalSocket, let local = LocalSocket.address(for: address),
      let socket = LocalSocket.connect(to: local)
    {
      descriptor = socket
      localPeer = address
      peerProcess = LocalSocket.peerProcess(socket)
      madeConnection()
      return 0
    }
    let socket = martlet_stream_socket(address.family)
    if socket < 0 { return socket }
    descriptor = socket
    // Before connecting: the size of the receive buffer decides on the window's scale.
    _ = martlet_set_buffer_bytes(
      socket, Int32(clamping: settings.kernelSendBytes ?? 0), Int32(clamping: settings.kernelReceiveBytes ?? 0))
    var storage = address.storage
    let status = martlet_connect(socket, &storage, address.length)
    if status == 0 {
      madeConnection()
      return 0
    }
    if status != -EINPROGRESS { return status }
    let time = martlet_monotonic_nanoseconds()
    let rest = connectDeadline > time ? connectDeadline - time : 0
    connectTimer?.arm(at: time + rest / UInt64(addresses.count + 1))
    return watchForConnection()
  }

  private func attemptFailed(_ error: Int32) {
    lastConnectError = .system(error, "connect to", peer)
    closeDescriptor()
  }

  private func attemptTimedOut() {
    guard phase == .connecting else { return }
    lastConnectError = .connectTimedOut(peer, connectLimit)
    closeDescriptor()
    // A look-up that is still under way finds the connection closed.
    tryNext()
  }

  /// epoll reports the end of an attempt.
  func connectionAttemptEnded() {
    let error = martlet_take_socket_error(descriptor)
    if error == 0 { return madeConnection() }
    attemptFailed(error)
    tryNext()
  }

  private func madeConnection() {
    // Connecting to a free port of this machine can meet itself: the kernel picks the port as this end's own.
    if localPeer == nil, let here = localAddress, let there = remoteAddress, here.port == there.port,
      here.host == there.host
    {
      attemptFailed(ECONNREFUSED)
      return tryNext()
    }
    connectTimer?.disarm()
    addresses = []
    phase = .open
    lastReceived = loop.now
    lastSent = loop.now
    setOptions()
    updateInterest()
    if phase == .open { delegate?.connected(self) }
  }
}
