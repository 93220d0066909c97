import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletNet

/// All suites that open sockets, one test after the other: they share the descriptors and ports of one process.
@Suite(.serialized) enum NetworkTests {}

/// A value that several threads look at.
final class Shared<Value>: @unchecked Sendable {
  // Sendable: `lock` guards the value.
  private let lock = NetLock()
  private var value: Value
  init(_ value: Value) { self.value = value }
  func with<Result>(_ body: (inout Value) -> Result) -> Result { lock.withLock { body(&value) } }
  var now: Value { with { $0 } }
}

/// Waits until `condition` holds, with a generous limit; false when it never did.
func eventually(seconds: Int = 60, _ condition: () -> Bool) -> Bool {
  for _ in 0..<(seconds * 2000) {
    if condition() { return true }
    usleep(500)
  }
  return condition()
}

extension EventLoop {
  /// Runs `body` on the loop's thread and waits for it.
  func sync<Result>(_ body: @escaping @Sendable () -> Result) -> Result? {
    let result = Shared<Result?>(nil)
    guard
      execute({
        let value = body()
        result.with { $0 = value }
      })
    else { return nil }
    _ = eventually { result.with { $0 != nil } }
    return result.now
  }

  func end() {
    shutdown()
    waitUntilStopped()
  }
}

/// A number that several threads count, and that orders nothing else between them: the thread sanitizer sees what does.
final class Count: Sendable {
  private let number = Atomic<Int>(0)
  var value: Int {
    get { number.load(ordering: .relaxed) }
    set { number.store(newValue, ordering: .relaxed) }
  }
  func add(_ more: Int) { number.wrappingAdd(more, ordering: .relaxed) }
}

/// Notices turns of a loop that overlap.
final class TurnWatch: @unchecked Sendable {
  // Sendable: `inside` is touched in turns only, which is what is tested.
  private var inside = 0
  let overlaps = Count()

  /// Runs `body` in a turn of `loop`.
  func turn(of loop: EventLoop, _ body: () -> Void = {}) {
    inside += 1
    if inside != 1 || !loop.isOnLoop { overlaps.add(1) }
    body()
    inside -= 1
  }
}

/// A delegate made of closures that notes what happened. Its variables belong to the loop's thread; tests look at them
/// through `loop.sync`, or at `events`.
final class Recorder: ConnectionDelegate, @unchecked Sendable {
  let events = Shared<[String]>([])
  let error = Shared<NetworkError?>(nil)
  let connection = Shared<Connection?>(nil)
  let bytes = Shared<[UInt8]>([])
  var keepsBytes = true
  var onConnected: (Connection) -> Void = { _ in }
  var onBytes: ((Connection, UnsafeRawBufferPointer) -> Int)?
  var onDirect: (Connection, Int, Int) -> Void = { _, _, _ in }
  var onEnd: (Connection) -> Void = { $0.close() }
  var onPressure: (Connection, Bool) -> Void = { _, _ in }
  var onIdle: (Connection) -> Void = { _ in }
  var onUnreadable: (Connection, Int, Int32) -> Void = { connection, _, _ in connection.close() }

  private func note(_ event: String) { events.with { $0.append(event) } }
  func connected(_ connection: Connection) {
    self.connection.with { $0 = connection }
    note("connected")
    onConnected(connection)
  }
  func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
    if let onBytes { return onBytes(connection, bytes) }
    if keepsBytes { self.bytes.with { $0.append(contentsOf: bytes) } }
    return bytes.count
  }
  func receivedDirectly(_ connection: Connection, filled: Int, of count: Int) { onDirect(connection, filled, count) }
  func inputEnded(_ connection: Connection, unconsumedBytes: Int) {
    note("ended \(unconsumedBytes)")
    onEnd(connection)
  }
  func outputPressureChanged(_ connection: Connection, isHigh: Bool) {
    note(isHigh ? "high" : "low")
    onPressure(connection, isHigh)
  }
  func memoryUnreadable(_ connection: Connection, filled: Int, error: Int32) { onUnreadable(connection, filled, error) }
  func readIdle(_ connection: Connection) {
    note("idle")
    onIdle(connection)
  }
  func closed(_ connection: Connection, error: NetworkError?) {
    self.error.with { $0 = error }
    self.connection.with { $0 = nil }
    note("closed")
  }
  var isClosed: Bool { events.now.last == "closed" }
}

/// A delegate that sends back what it gets, and stops reading while its output is high.
final class Echo: ConnectionDelegate, @unchecked Sendable {
  func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
    connection.send(bytes)
    if connection.isOutputHigh { connection.pauseReading() }
    return bytes.count
  }
  func outputPressureChanged(_ connection: Connection, isHigh: Bool) { if !isHigh { connection.resumeReading() } }
  func inputEnded(_ connection: Connection, unconsumedBytes: Int) { connection.closeOutput() }
  func closed(_ connection: Connection, error: NetworkError?) {}
}

/// A loop with a listener on a port of its own.
struct Server {
  let loop: EventLoop
  let listener: TCPListener
  var port: Int { listener.address.port }

  init(
    settings: TCPListener.Settings = TCPListener.Settings(), loopSettings: LoopSettings = LoopSettings(),
    host: String = "127.0.0.1", _ accept: @escaping @Sendable (Connection) -> (any ConnectionDelegate)?
  ) throws {
    loop = try EventLoop(name: "test", settings: loopSettings)
    listener = try TCPListener(host: host, port: 0, on: loop, settings: settings, accept: accept)
  }

  func connect(
    _ delegate: any ConnectionDelegate, settings: ConnectionSettings = ConnectionSettings(),
    timeout: Duration = .seconds(30)
  ) throws {
    try Connection.connect(
      host: "127.0.0.1", port: port, on: loop, settings: settings, timeout: timeout, delegate: delegate)
  }
}

/// A blocking socket, connected to a port of this machine: a peer that can do what no connection does.
struct RawSocket {
  let descriptor: Int32

  init(port: Int, receiveBytes: Int32 = 0) throws {
    let address = try Resolver.addresses(host: "127.0.0.1", port: port, numericOnly: true)[0]
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    if receiveBytes > 0 {
      var size = receiveBytes
      setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }
    var limit = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    var storage = address.storage
    let status = withUnsafePointer(to: &storage) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Glibc.connect(descriptor, $0, address.length) }
    }
    try #require(status == 0)
  }

  func write(_ bytes: [UInt8]) {
    var at = 0
    while at < bytes.count {
      let sent = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress! + at, bytes.count - at, Int32(MSG_NOSIGNAL))
      }
      if sent <= 0 { return }
      at += sent
    }
  }

  func write(_ text: String) { write(Array(text.utf8)) }

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

  func endOutput() { Glibc.shutdown(descriptor, Int32(SHUT_WR)) }

  /// Closes with a reset instead of an orderly end.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    Glibc.close(descriptor)
  }

  func close() { Glibc.close(descriptor) }
}

/// Descriptors of this process that are open.
func openDescriptors() -> Int {
  guard let folder = opendir("/proc/self/fd") else { return -1 }
  defer { closedir(folder) }
  var count = 0
  while readdir(folder) != nil { count += 1 }
  return count
}

func randomBytes(_ count: Int, seed: UInt64) -> [UInt8] {
  var random = SeededGenerator(seed: seed)
  var result: [UInt8] = []
  result.reserveCapacity(count + 8)
  while result.count < count { withUnsafeBytes(of: random.next()) { result.append(contentsOf: $0) } }
  result.removeLast(result.count - count)
  return result
}
