import Dispatch
import Glibc
import Martlet

/// Fetches a hundred pages from a server that is slow and fails now and then: hundreds of waits, and no thread is held by any.
@main
struct Downloader {
  static func main() async {
    do {
      let server = try LocalServer()
      let sizes = try await pages(of: server.port, count: 100).compute(
        options: ComputeOptions(run: RunOptions(resources: ["connections": 16])))
      print("\(sizes.count) pages, \(sizes.reduce(0, +)) letters")
      guard sizes == (0..<100).map({ 10 * $0 }) else { throw DownloadError("pages are missing or cut short") }
    } catch {
      print("downloader: \(error)")
      exit(1)
    }
  }

  static func pages(of port: UInt16, count: Int) -> [Delayed<Int>] {
    (0..<count).map { number in
      delayed("fetch") { try await fetch("/\(10 * number)", port: port) }
        .retries(5, delay: .milliseconds(10))
        .timeout(.seconds(10))
        .resources(["connections": 1])
        .map("size") { $0.count }
    }
  }

  /// The body of a page.
  static func fetch(_ path: String, port: UInt16) async throws -> String {
    let descriptor = try connected(to: port)
    let request = Array("GET \(path) HTTP/1.0\r\n\r\n".utf8).withUnsafeBytes { DispatchData(bytes: $0) }
    let channel = DispatchIO(type: .stream, fileDescriptor: descriptor, queue: .global()) { _ in close(descriptor) }
    defer { channel.close() }
    channel.write(offset: 0, data: request, queue: .global()) { _, _, _ in }
    let reply = try await everything(from: channel)
    let parts = reply.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
    guard reply.hasPrefix("HTTP/1.0 200"), parts.count == 2 else {
      throw DownloadError("\(path): \(reply.prefix { $0 != "\r\n" })")
    }
    return String(parts[1])
  }

  private static func connected(to port: UInt16) throws -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
    address.sin_port = port.bigEndian
    let status = withUnsafeBytes(of: &address) {
      connect(
        descriptor, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(MemoryLayout<sockaddr_in>.size))
    }
    guard status == 0 else {
      close(descriptor)
      throw DownloadError("no connection: \(String(cString: strerror(errno)))")
    }
    return descriptor
  }

  /// What comes until the server ends.
  private static func everything(from channel: DispatchIO) async throws -> String {
    let received = Received()
    return try await withCheckedThrowingContinuation { continuation in
      channel.read(offset: 0, length: Int.max, queue: received.queue) { isDone, data, failure in
        received.bytes += data.map(Array.init) ?? []
        guard isDone else { return }
        if failure == 0 {
          continuation.resume(returning: String(decoding: received.bytes, as: UTF8.self))
        } else {
          continuation.resume(throwing: DownloadError("cut off: \(String(cString: strerror(failure)))"))
        }
      }
    }
  }
}

/// Bytes that come piece by piece.
private final class Received: @unchecked Sendable {
  // Sendable: only touched on its queue, one piece after the other.
  let queue = DispatchQueue(label: "received")
  var bytes: [UInt8] = []
}

/// What went wrong, in a line.
struct DownloadError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}
