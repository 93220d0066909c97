import Glibc
import MartletBytes
import MartletProtocol
import TestSupport

@testable import MartletCluster

/// A scheduler or a worker that says to who connects what a closure says: a thread a connection, and blocking sockets.
final class HostileServer: @unchecked Sendable {
  // Sendable: constant after `init`, but for what is shared.
  private let listener: Int32
  private let role: Hello.Role
  private let accepted: Hello.Role
  private let script: @Sendable (HostileConnection) -> Void
  private let open = Shared<[Int32]>([])
  private let threads = Shared(1)
  private let isOver = Shared(false)
  /// How many have connected, and with how many there was a handshake.
  let connections = Shared(0)
  let agreements = Shared(0)
  let port: Int

  /// - Parameters:
  ///   - role: What it says that it is.
  ///   - accepted: Whom it expects.
  ///   - script: What it does with each connection, whose number is its seed; the connection is closed when it returns.
  init(_ role: Hello.Role, accepting accepted: Hello.Role, _ script: @escaping @Sendable (HostileConnection) -> Void) {
    self.role = role
    self.accepted = accepted
    self.script = script
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    self.listener = listener
    var isOn: Int32 = 1
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(listener, $0, length)
        _ = getsockname(listener, $0, &length)
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    listen(listener, 64)
    Thread.start { self.accept() }
  }

  private func accept() {
    while true {
      let descriptor = Glibc.accept(listener, nil, nil)
      if descriptor < 0 { break }
      var limit = timeval(tv_sec: 10, tv_usec: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      open.with { $0.append(descriptor) }
      threads.with { $0 += 1 }
      if isOver.now { shutdown(descriptor, Int32(SHUT_RDWR)) }
      let number = connections.with { number in
        number += 1
        return number
      }
      Thread.start { [self] in
        var hello = Hello(role: role, registry: Digest128(low: 1, high: 2), nonce: [], product: "hostile")
        hello.nonce = [UInt8](repeating: UInt8(truncatingIfNeeded: number), count: Handshake.nonceBytes)
        script(HostileConnection(descriptor, number, hello, accepted, agreements))
        open.with { $0.removeAll { $0 == descriptor } }
        Glibc.close(descriptor)
        threads.with { $0 -= 1 }
      }
    }
    Glibc.close(listener)
    threads.with { $0 -= 1 }
  }

  /// Cuts all connections, takes no others, and gives the port back.
  func end() {
    isOver.with { $0 = true }
    shutdown(listener, Int32(SHUT_RDWR))
    open.with { for descriptor in $0 { shutdown(descriptor, Int32(SHUT_RDWR)) } }
    _ = eventually { threads.now == 0 }
  }

  /// A thread of its own for a closure.
  private enum Thread {
    private final class Start: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    static func start(_ body: @escaping @Sendable () -> Void) {
      var thread = pthread_t()
      let status = pthread_create(
        &thread, nil,
        { argument in
          guard let argument else { return nil }
          Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
          return nil
        }, Unmanaged.passRetained(Start(body)).toOpaque())
      if status != 0 { fatalError("no thread for a hostile server: \(status)") }
      pthread_detach(thread)
    }
  }
}

/// One connection to a hostile server.
final class HostileConnection {
  /// The how manieth it is, from 1.
  let number: Int
  private let descriptor: Int32
  private let hello: Hello
  private let accepted: Hello.Role
  private let agreements: Shared<Int>
  private var received: [UInt8] = []

  init(_ descriptor: Int32, _ number: Int, _ hello: Hello, _ accepted: Hello.Role, _ agreements: Shared<Int>) {
    self.descriptor = descriptor
    self.number = number
    self.hello = hello
    self.accepted = accepted
    self.agreements = agreements
  }

  /// Agrees with the other side; false when it hangs up.
  func agree() -> Bool {
    var handshake = Handshake(own: hello, accepting: [accepted], secret: [])
    write(handshake.start())
    while receive() {
      var answer: [UInt8] = []
      var unused = 0
      guard let progress = try? handshake.receive(received, answer: &answer, unused: &unused) else { return false }
      let count = received.count
      received.removeFirst(count - unused)
      write(answer)
      if case .agreed = progress {
        agreements.with { $0 += 1 }
        return true
      }
    }
    return false
  }

  /// Says anything.
  func write(_ bytes: [UInt8]) {
    var at = 0
    while at < bytes.count {
      let sent = bytes.withUnsafeBytes { send(descriptor, $0.baseAddress! + at, $0.count - at, Int32(MSG_NOSIGNAL)) }
      if sent <= 0 { return }
      at += sent
    }
  }

  /// Waits for more bytes; false when there are none.
  private func receive() -> Bool {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    if count > 0 { received.append(contentsOf: buffer[..<count]) }
    return count > 0
  }

  /// The messages of the next frame; nil when the other side hangs up.
  func nextHead() -> [UInt8]? {
    while true {
      var parser = FrameParser(bodyLimit: 1 << 20)
      if let (found, consumed) = try? received.withUnsafeBytes({ try parser.next($0) }), consumed > 0 {
        received.removeFirst(consumed)
        if case .messages(let head) = found { return head }
        continue
      }
      if !receive() { return nil }
    }
  }

  /// Waits until the other side hangs up, or has heard all and said nothing for so long.
  func linger(milliseconds: Int) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    while poll(&entry, 1, Int32(milliseconds)) > 0, receive() { received = [] }
  }
}

/// Bytes that are nearly right.
enum Damage {
  /// The bytes with some of them cut off, added or changed; now and then as they were.
  static func changed(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<random.below(4) where !bytes.isEmpty {
      let place = random.below(bytes.count)
      switch random.below(6) {
      case 0: bytes.removeLast(random.below(bytes.count))
      case 1: bytes.append(contentsOf: anything(random.below(40), &random))
      case 2: bytes[place] ^= 1 << UInt8(random.below(8))
      case 3: bytes[place] = UInt8(random.below(6))
      case 4: bytes[place] = 255
      default: bytes.remove(at: place)
      }
    }
    return bytes
  }

  /// So many random bytes.
  static func anything(_ count: Int, _ random: inout SeededGenerator) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
  }

  /// A frame of messages, or of data.
  static func frame(_ head: [UInt8], body: [UInt8] = []) -> [UInt8] {
    Frame.prefix(body.isEmpty ? .messages : .data, headBytes: head.count, bodyBytes: body.count) + head + body
  }
}
