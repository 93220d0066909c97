import Glibc
import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import Synchronization
import TestSupport
import Testing

@testable import MartletCluster

/// All suites that open sockets, one test after the other: they share the descriptors and threads of one process.
@Suite(.serialized) enum ClusterTests {}

/// A value that several threads look at.
final class Shared<Value>: @unchecked Sendable {
  // Sendable: `mutex` guards the value. A pthread mutex, because the thread sanitizer understands it.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var value: Value
  init(_ value: Value) {
    self.value = value
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
  }
  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }
  func with<Result>(_ body: (inout Value) -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body(&value)
  }
  var now: Value { with { $0 } }
}

/// Waits until `condition` holds, with a generous limit; false when it never did.
func eventually(seconds: Int = 60, _ condition: () -> Bool) -> Bool {
  let end = ContinuousClock.now + .seconds(seconds)
  while ContinuousClock.now < end {
    if condition() { return true }
    usleep(1000)
  }
  return condition()
}

/// A scheduler on a free port, and a loop for those who connect to it.
final class TestScheduler: Sendable {
  let server: SchedulerServer
  let loop: EventLoop
  let lines: Shared<[String]>
  var port: Int { server.address.port }

  init(_ adjust: (inout SchedulerServerSettings) -> Void = { _ in }) throws {
    var settings = SchedulerServerSettings()
    settings.core.epoch = 77
    settings.http = SchedulerServerSettings.HTTPPlace()
    adjust(&settings)
    let lines = Shared<[String]>([])
    self.lines = lines
    let log = Log(level: .debug) { level, message, fields in
      let line = Log.line(level, message, fields, format: .text, at: "")
      lines.with { $0.append(line) }
    }
    server = try SchedulerServer(settings: settings, log: log)
    loop = try EventLoop(name: "peers")
  }

  func hasLine(_ part: String) -> Bool { lines.now.contains { $0.contains(part) } }

  /// Looks at the scheduler's tables.
  func inspect<Result: Sendable>(_ body: @escaping @Sendable (SchedulerShell) -> Result) -> Result? {
    let result = Shared<Result?>(nil)
    let isHeard = server.inspect { shell in
      let value = body(shell)
      result.with { $0 = value }
    }
    _ = isHeard && eventually { result.with { $0 != nil } }
    return result.now
  }

  /// Ends all of it, and expects that nothing is left.
  func end() {
    let port = self.port
    let httpPort = server.httpAddress?.port ?? port
    server.stop("the test is over")
    server.waitUntilStopped()
    loop.shutdown()
    loop.waitUntilStopped()
    #expect(eventually { openSockets(port: port) + openSockets(port: httpPort) == 0 })
    #expect(eventually { !threadNames().contains { $0 == "scheduler" || $0 == "peers" } })
  }
}

/// Sockets of this machine with a port that are not closed on both sides.
func openSockets(port: Int) -> Int {
  guard let file = fopen("/proc/self/net/tcp", "r") else { return -1 }
  defer { fclose(file) }
  let digits = String(port, radix: 16, uppercase: true)
  let ending = ":" + String(repeating: "0", count: 4 - digits.count) + digits
  var count = 0
  var line = [CChar](repeating: 0, count: 512)
  while fgets(&line, 512, file) != nil {
    let words = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self).split(
      separator: " ")
    // 6 is TIME_WAIT, which is the kernel's affair.
    if words.count > 3, words[1].hasSuffix(ending) || words[2].hasSuffix(ending), words[3] != "06" { count += 1 }
  }
  return count
}

/// The names of this process's threads.
func threadNames() -> [String] {
  guard let folder = opendir("/proc/self/task") else { return [] }
  defer { closedir(folder) }
  var names: [String] = []
  while let entry = readdir(folder) {
    let id = withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    guard let file = fopen("/proc/self/task/\(id)/comm", "r") else { continue }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 64)
    if fgets(&line, 64, file) != nil {
      names.append(String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self))
    }
  }
  return names
}

/// A blocking socket, connected to a port of this machine: a peer that can do what no session does.
struct RawSocket {
  let descriptor: Int32

  init(port: Int, receiveBytes: Int32 = 0) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if receiveBytes > 0 {
      var size = receiveBytes
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var limit = timeval(tv_sec: 10, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let status = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(status == 0)
  }

  /// False when the other side has closed.
  @discardableResult
  func write(_ bytes: [UInt8]) -> Bool {
    var at = 0
    while at < bytes.count {
      let sent = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + at, bytes.count - at, Int32(MSG_NOSIGNAL))
      }
      if sent <= 0 { return false }
      at += sent
    }
    return true
  }

  /// What comes, up to `count` bytes or the end.
  func read(_ count: Int = .max) -> [UInt8] {
    var result: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while result.count < count {
      let got = recv(descriptor, &buffer, min(buffer.count, count - result.count), 0)
      if got <= 0 { break }
      result.append(contentsOf: buffer[0..<got])
    }
    return result
  }

  func endOutput() { shutdown(descriptor, Int32(SHUT_WR)) }
  func close() { Glibc.close(descriptor) }
}
