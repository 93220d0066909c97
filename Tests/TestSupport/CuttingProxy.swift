import Glibc

/// Passes TCP connections on to a port of this machine, and cuts some of them when enough bytes have come back.
package final class CuttingProxy: @unchecked Sendable {
  // Sendable: `mutex` guards the variables.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let listener: Int32
  /// Where who is cut off connects to.
  package let port: Int
  private var target = 0
  private var cuts: [Int] = []
  private var cutCount = 0
  private var isClosed = false

  /// - Parameter cuts: After how many bytes from the target each of the first connections is cut; later ones are not.
  package init(cuts: [Int]) {
    self.cuts = cuts
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
    listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    let bound = listener
    var (address, length) = CuttingProxy.loopback(0)
    withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(bound, $0, length)
        _ = getsockname(bound, $0, &length)
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    listen(bound, 16)
    CuttingProxy.start { self.accept() }
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Connections go to this port from now on.
  package func forward(to port: Int) { with { target = port } }

  /// How many connections were cut.
  package var cutsMade: Int { with { cutCount } }

  /// Takes no further connections.
  package func close() {
    with { isClosed = true }
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func with<Result>(_ body: () -> Result) -> Result {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }

  private static func loopback(_ port: Int) -> (sockaddr_in, socklen_t) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return (address, socklen_t(MemoryLayout<sockaddr_in>.size))
  }

  private static func start(_ body: @escaping @Sendable () -> Void) {
    final class Start: Sendable {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let start = Unmanaged.passRetained(Start(body)).toOpaque()
    let status = pthread_create(
      &thread, nil,
      { argument in
        guard let argument else { return nil }
        Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
        return nil
      }, start)
    if status != 0 { fatalError("no thread for a proxy: \(status)") }
    pthread_detach(thread)
  }

  private func accept() {
    while true {
      let near = Glibc.accept(listener, nil, nil)
      if near < 0 { break }
      pthread_mutex_lock(mutex)
      let (isOver, target, cut) = (isClosed, target, cuts.isEmpty ? Int.max : cuts.removeFirst())
      pthread_mutex_unlock(mutex)
      let far = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
      var (address, length) = CuttingProxy.loopback(target)
      let isConnected = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(far, $0, length) == 0 }
      }
      length = 0
      if isOver || !isConnected {
        Glibc.close(near)
        Glibc.close(far)
        continue
      }
      let pair = Pair(near, far)
      CuttingProxy.start { _ = pair.pass(from: near, to: far, atMost: .max) }
      CuttingProxy.start { [self] in
        if pair.pass(from: far, to: near, atMost: cut) { with { cutCount += 1 } }
      }
    }
    Glibc.close(listener)
  }

  /// Two connections, closed when neither direction is used any more.
  private final class Pair: Sendable {
    let near: Int32
    let far: Int32
    init(_ near: Int32, _ far: Int32) {
      self.near = near
      self.far = far
    }

    deinit {
      Glibc.close(near)
      Glibc.close(far)
    }

    /// Passes bytes on until one side ends, or so many have passed: then both sides are cut off, which gives true.
    func pass(from source: Int32, to target: Int32, atMost limit: Int) -> Bool {
      let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
      defer { buffer.deallocate() }
      var rest = limit
      while rest > 0 {
        let got = recv(source, buffer.baseAddress, min(buffer.count, rest), 0)
        if got <= 0 { break }
        rest -= got
        var sent = 0
        while sent < got {
          let count = send(target, buffer.baseAddress! + sent, got - sent, Int32(MSG_NOSIGNAL))
          if count <= 0 { break }
          sent += count
        }
        if sent < got { break }
      }
      shutdown(near, Int32(SHUT_RDWR))
      shutdown(far, Int32(SHUT_RDWR))
      return rest == 0
    }
  }
}
