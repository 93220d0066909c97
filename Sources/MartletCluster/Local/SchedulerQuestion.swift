import Glibc

/// Asks a scheduler on this machine what it tells operators.
enum SchedulerQuestion {
  /// How many workers it has; nil when it does not answer within a second.
  ///
  /// - Parameter place: `http://127.0.0.1:PORT`.
  static func workers(at place: String) -> Int? {
    guard let port = place.split(separator: ":").last.flatMap({ UInt16($0) }) else { return nil }
    guard let page = get("/metrics", port: port) else { return nil }
    let line = page.split(separator: "\n").first { $0.hasPrefix("martlet_workers ") }
    return line.flatMap { Int($0.dropFirst("martlet_workers ".count)) }
  }

  private static func get(_ path: String, port: UInt16) -> String? {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var limit = timeval(tv_sec: 1, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard status == 0 else { return nil }
    let request = Array("GET \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".utf8)
    guard send(descriptor, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else { return nil }
    var answer: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    while answer.count < 1 << 20 {
      let got = recv(descriptor, &piece, piece.count, 0)
      if got < 0 { return nil }
      if got == 0 { break }
      answer += piece[..<got]
    }
    return String(decoding: answer, as: UTF8.self)
  }
}
