import Glibc
import MartletSystem

/// An address with a port, IPv4 or IPv6, in numbers.
package struct SocketAddress: @unchecked Sendable, CustomStringConvertible {
  // Sendable: bytes only.
  var storage = sockaddr_storage()
  var length: socklen_t = 0

  init() {}

  init(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
    let room = MemoryLayout<sockaddr_storage>.size
    self.length = min(length, socklen_t(room))
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(self.length)))
    }
  }

  /// Lets `fill` (getsockname and such) write the address; nil when it returns a negative status.
  init?(_ fill: (UnsafeMutablePointer<sockaddr_storage>, UnsafeMutablePointer<socklen_t>) -> Int32) {
    if fill(&storage, &length) < 0 { return nil }
  }

  var family: Int32 { Int32(storage.ss_family) }

  /// The port, or 0 when this is not an address of the Internet.
  package var port: Int {
    switch family {
    case AF_INET: withUnsafeBytes(of: storage) { Int(UInt16(bigEndian: $0.load(as: sockaddr_in.self).sin_port)) }
    case AF_INET6: withUnsafeBytes(of: storage) { Int(UInt16(bigEndian: $0.load(as: sockaddr_in6.self).sin6_port)) }
    default: 0
    }
  }

  /// The address without the port, in numbers.
  package var host: String {
    var copy = storage
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let status = withUnsafePointer(to: &copy) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        getnameinfo($0, length, &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
      }
    }
    if status != 0 { return "?" }
    return text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
  }

  /// `HOST:PORT`, or `[HOST]:PORT` for IPv6.
  package var description: String { SocketAddress.text(host, port) }

  /// A host and a port as one text.
  package static func text(_ host: String, _ port: Int) -> String {
    host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
  }
}
