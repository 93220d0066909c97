import Glibc
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  /// What a listener does when there is no room for another connection.
  @Suite struct AcceptingTests {
    @Test func `without descriptors accepting pauses, and goes on when there are some`() async {
      await #expect(processExitsWith: .success) {
        let troubles = Shared<[NetworkError.Code]>([])
        let loop = try EventLoop(name: "test")
        var settings = TCPListener.Settings()
        settings.pause = .milliseconds(5)
        let accepted = Shared(0)
        let listener = try TCPListener(
          host: "127.0.0.1", port: 0, on: loop, settings: settings,
          trouble: { error in troubles.with { $0.append(error.code) } },
          accept: { _ in
            accepted.with { $0 += 1 }
            return Echo()
          })
        let socket = try RawSocket(port: listener.address.port)
        #expect(eventually { accepted.now == 1 })
        let address = try Resolver.addresses(host: "127.0.0.1", port: listener.address.port, numericOnly: true)[0]
        var storage = address.storage
        let next = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(7), &limit)
        let normal = limit.rlim_cur
        limit.rlim_cur = rlim_t(next + 1)
        setrlimit(__rlimit_resource_t(7), &limit)
        // Dispatch looks at its threads now and then, and has files open for that: what they leave free is taken.
        for _ in 0..<10 {
          while open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 {}
          usleep(2000)
        }
        withUnsafePointer(to: &storage) {
          $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = Glibc.connect(next, $0, address.length) }
        }
        #expect(eventually { troubles.now.count >= 2 })
        #expect(troubles.now.allSatisfy { $0 == .tooManyDescriptors } && accepted.now == 1)
        limit.rlim_cur = normal
        setrlimit(__rlimit_resource_t(7), &limit)
        #expect(eventually { accepted.now == 2 })
        socket.close()
        loop.end()
      }
    }

    @Test func `connections above the maximum wait until one closes`() throws {
      var settings = TCPListener.Settings()
      settings.maximumConnections = 2
      let accepted = Shared(0)
      let server = try Server(settings: settings) { _ in
        accepted.with { $0 += 1 }
        return Echo()
      }
      defer { server.loop.end() }
      let sockets = try (0..<4).map { _ in try RawSocket(port: server.port) }
      #expect(eventually { accepted.now == 2 })
      sockets[2].write("x")
      usleep(20_000)
      #expect(accepted.now == 2)
      sockets[0].close()
      #expect(sockets[2].read(1) == [120])
      #expect(accepted.now == 3)
      for socket in sockets[1...] { socket.close() }
    }
  }
}
