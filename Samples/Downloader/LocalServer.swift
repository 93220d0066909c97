import Dispatch
import Glibc

/// A server on this machine that answers `GET /N` with N times the letter x after a short wait, and every fifth request
/// with an error: what a downloader meets outside.
final class LocalServer: Sendable {
  let port: UInt16
  private let listener: Int32

  init() throws {
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = listener
    let isBound = withUnsafeMutableBytes(of: &address) { bytes in
      let name = bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self)
      return bind(descriptor, name, length) == 0 && listen(descriptor, 64) == 0
        && getsockname(descriptor, name, &length) == 0
    }
    guard isBound else { throw DownloadError("no server: \(String(cString: strerror(errno)))") }
    port = UInt16(bigEndian: address.sin_port)
    DispatchQueue.global().async { [self] in serve() }
  }

  private func serve() {
    var requests = 0
    while case let client = accept(listener, nil, nil), client >= 0 {
      requests += 1
      let fails = requests % 5 == 0
      DispatchQueue.global().asyncAfter(deadline: .now() + .milliseconds(20)) { Self.answer(client, fails) }
    }
  }

  private static func answer(_ client: Int32, _ fails: Bool) {
    var request = [UInt8](repeating: 0, count: 1024)
    let count = recv(client, &request, request.count, 0)
    let words = String(decoding: request[..<max(0, count)], as: UTF8.self).split(separator: " ")
    let length = words.count > 1 ? Int(words[1].dropFirst()) ?? 0 : 0
    let text = fails ? "HTTP/1.0 503 Busy\r\n\r\n" : "HTTP/1.0 200 OK\r\n\r\n" + String(repeating: "x", count: length)
    _ = text.withCString { send(client, $0, strlen($0), Int32(MSG_NOSIGNAL)) }
    close(client)
  }
}
