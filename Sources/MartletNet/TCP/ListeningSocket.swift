import Glibc
import MartletSystem

/// A socket that a listener listens on.
final class ListeningSocket: Channel, @unchecked Sendable {
  // Sendable: see Channel.
  // Until it closes the socket, which the loop holds: so a listener lives as long as its loop.
  private let listener: TCPListener
  private(set) var descriptor: Int32
  /// Whether it is one of the machine rather than of the network.
  private let isLocal: Bool
  private var isListening = false
  private var isPaused = false

  init(_ descriptor: Int32, of listener: TCPListener, isLocal: Bool) {
    self.descriptor = descriptor
    self.listener = listener
    self.isLocal = isLocal
    super.init(loop: listener.loop)
  }

  /// 0 or a negative errno.
  func start() -> Int32 {
    loop.enter(self)
    let status = loop.watch(self, descriptor, waitsFor: UInt32(MARTLET_READABLE))
    isListening = status == 0
    return status
  }

  func close() {
    guard descriptor >= 0 else { return }
    if isListening { loop.unwatch(descriptor) }
    loop.leave(self)
    Glibc.close(descriptor)
    descriptor = -1
  }

  override func loopStops() { listener.close() }

  override func handle(_ happened: UInt32) {
    for _ in 0..<listener.settings.acceptsPerTurn {
      if listener.isFull { return listener.setPaused(true) }
      var from = SocketAddress()
      let socket = martlet_accept(descriptor, &from.storage, &from.length)
      if socket >= 0 {
        listener.took(socket, from, isLocal: isLocal)
        if descriptor < 0 { return }
        continue
      }
      switch -socket {
      case EAGAIN: return
      // The client is gone again, or the network had an error that belongs to it.
      case EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH,
        ETIMEDOUT:
        continue
      // No descriptor or no memory. The kernel would report the waiting connection for ever.
      default: return listener.cannotAccept(-socket)
      }
    }
  }

  func setPaused(_ pauses: Bool) {
    guard descriptor >= 0, isListening, pauses != isPaused else { return }
    isPaused = pauses
    loop.change(self, descriptor, waitsFor: pauses ? 0 : UInt32(MARTLET_READABLE))
  }
}
