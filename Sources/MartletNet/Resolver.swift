import Glibc
import MartletSystem

/// Looks names up on threads of their own, because getaddrinfo may block for half a minute.
///
/// At most `limit` look-ups are under way; others wait for their turn.
final class Resolver: @unchecked Sendable {
  // Sendable: `lock` guards both variables.
  private let lock = NetLock()
  private var running = 0
  private var waiting: [@Sendable () -> Void] = []
  private let limit = 16

  /// Calls `done` on another thread, once. Names in numbers give their answer there, too.
  func lookUp(
    host: String, port: Int, _ done: @escaping @Sendable (Result<[SocketAddress], NetworkError>) -> Void
  ) {
    let work: @Sendable () -> Void = {
      do throws(NetworkError) {
        done(.success(try Resolver.addresses(host: host, port: port)))
      } catch {
        done(.failure(error))
      }
    }
    let starts = lock.withLock {
      if running == limit {
        waiting.append(work)
        return false
      }
      running += 1
      return true
    }
    if !starts { return }
    let status = startNetThread("resolver") { [self] in
      var next: (@Sendable () -> Void)? = work
      while let body = next {
        body()
        next = lock.withLock {
          if waiting.isEmpty {
            running -= 1
            return nil
          }
          return waiting.removeFirst()
        }
      }
    }
    if status != 0 {
      lock.withLock { running -= 1 }
      done(.failure(.noThread("looking up \"\(host)\"", -status)))
    }
  }

  /// The addresses of `host`, in the order to try them. Blocks unless `numericOnly`.
  ///
  /// An empty host is every address of this machine when `passive`, and loopback otherwise.
  static func addresses(
    host: String, port: Int, numericOnly: Bool = false, passive: Bool = false
  ) throws(NetworkError) -> [SocketAddress] {
    guard (0...65535).contains(port) else { throw .invalidPort(port) }
    // A zero byte would end the name early for the system.
    guard !host.utf8.contains(0) else { throw .unknownHost(host, reason: "a zero byte in the name") }
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_NUMERICSERV | (numericOnly ? AI_NUMERICHOST : 0) | (passive ? AI_PASSIVE : 0)
    var list: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host.isEmpty ? nil : host, String(port), &hints, &list)
    if status != 0 {
      if numericOnly, status == EAI_NONAME { throw .notNumeric(host) }
      let reason = status == EAI_SYSTEM ? String(cString: strerror(errno)) : String(cString: gai_strerror(status))
      throw .unknownHost(host, reason: reason)
    }
    defer { freeaddrinfo(list) }
    var result: [SocketAddress] = []
    var next = list
    while let entry = next {
      if let address = entry.pointee.ai_addr {
        result.append(SocketAddress(address, length: entry.pointee.ai_addrlen))
      }
      next = entry.pointee.ai_next
    }
    if result.isEmpty { throw .unknownHost(host, reason: "it has no address") }
    return result
  }
}
