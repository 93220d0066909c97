import Glibc
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  @Suite struct LocalSocketTests {
    private func server(
      host: String = "127.0.0.1", takes: Bool = true,
      _ accept: @escaping @Sendable (Connection) -> any ConnectionDelegate
    ) throws -> Server {
      var settings = TCPListener.Settings()
      settings.takesLocalConnections = takes
      settings.maximumConnections = 3
      return try Server(settings: settings, host: host) { accept($0) }
    }

    private var settings: ConnectionSettings {
      var settings = ConnectionSettings()
      settings.triesLocalSocket = true
      return settings
    }

    /// Sends bytes, has them sent back, and says whether they went through the network.
    private func echo(_ server: Server, host: String = "127.0.0.1", _ settings: ConnectionSettings) throws -> Bool {
      let bytes = randomBytes(2_000_000, seed: 4)
      let client = Recorder()
      let isLocal = Shared<Bool?>(nil)
      client.onConnected = { connection in
        isLocal.with { $0 = connection.localPeer != nil }
        if let here = connection.localAddress, connection.localPeer != nil { #expect(here.host == host) }
        #expect(connection.send(bytes))
        connection.closeOutput()
      }
      try Connection.connect(host: host, port: server.port, on: server.loop, settings: settings, delegate: client)
      #expect(eventually { client.isClosed })
      #expect(client.bytes.now == bytes)
      #expect(client.error.now == nil)
      return isLocal.now == false
    }

    @Test func `connections of this machine do without the network where both sides want that`() throws {
      let server = try server { _ in Echo() }
      defer { server.loop.end() }
      #expect(try !echo(server, settings))
      #expect(try echo(server, ConnectionSettings()))
      let other = try self.server(takes: false) { _ in Echo() }
      defer { other.loop.end() }
      #expect(try echo(other, settings))
      #expect(eventually { server.loop.sync { server.listener.connectionCount } == 0 })
    }

    @Test func `a listener on all addresses is reached at each loopback address`() throws {
      let server = try server(host: "") { _ in Echo() }
      defer { server.loop.end() }
      #expect(try !echo(server, settings))
      // Where there is no IPv6 the listener has none.
      if server.listener.address.family == AF_INET6 { #expect(try !echo(server, host: "::1", settings)) }
    }

    @Test func `more connections than are taken wait, whichever way they come`() throws {
      let accepted = Shared<[Connection]>([])
      final class Quiet: ConnectionDelegate {
        func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int { bytes.count }
        func closed(_ connection: Connection, error: NetworkError?) {}
      }
      let server = try server { connection in
        accepted.with { $0.append(connection) }
        return Quiet()
      }
      defer { server.loop.end() }
      let clients = (0..<8).map { _ in Recorder() }
      for (place, client) in clients.enumerated() {
        try server.connect(client, settings: place % 2 == 0 ? settings : ConnectionSettings())
      }
      #expect(eventually { accepted.now.count == 3 })
      usleep(20_000)
      #expect(accepted.now.count == 3)
      while accepted.now.count < 8 {
        let before = accepted.now.count
        let oldest = accepted.now[before - 3]
        server.loop.execute { oldest.close() }
        #expect(eventually { accepted.now.count > before })
        if accepted.now.count == before { return }
      }
    }

    @Test func `a name is free again when its listener has closed`() throws {
      let first = try server { _ in Echo() }
      let port = first.port
      #expect(try !echo(first, settings))
      first.loop.end()
      let loop = try EventLoop(name: "test")
      defer { loop.end() }
      var listening = TCPListener.Settings()
      listening.takesLocalConnections = true
      let listener = try TCPListener(host: "127.0.0.1", port: port, on: loop, settings: listening) { _ in Echo() }
      #expect(listener.address.port == port)
      let client = Recorder()
      let isLocal = Shared(false)
      client.onConnected = { connection in
        isLocal.with { $0 = connection.localPeer != nil }
        connection.closeOutput()
      }
      try Connection.connect(host: "127.0.0.1", port: port, on: loop, settings: settings, delegate: client)
      #expect(eventually { client.isClosed })
      #expect(isLocal.now)
    }

    @Test func `only a process of the same user is talked to`() throws {
      var ends: [Int32] = [-1, -1]
      try #require(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
      #expect(LocalSocket.isOfThisUser(ends[0]))
      let server = try server { _ in Echo() }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      #expect(!LocalSocket.isOfThisUser(socket.descriptor))
      socket.close()
      for end in ends { close(end) }
      // Whoever has the name first: then there is TCP.
      let address = try #require(LocalSocket.address(for: server.listener.address))
      #expect(LocalSocket.listen(on: address, backlog: 1) == nil)
      let foreign = try Resolver.addresses(host: "192.0.2.1", port: 80, numericOnly: true)[0]
      #expect(LocalSocket.address(for: foreign) == nil)
    }
  }
}
