import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  /// How connections come about, and how they end.
  @Suite struct ConnectionEndsTests {
    @Test func `nobody listening is an error that names the place`() throws {
      let server = try Server { _ in nil }
      defer { server.loop.end() }
      let port = server.port
      _ = server.loop.sync { server.listener.close() }
      let client = Recorder()
      try Connection.connect(host: "127.0.0.1", port: port, on: server.loop, delegate: client)
      #expect(eventually { client.isClosed })
      let error = try #require(client.error.now)
      #expect(error.code == .refused && error.message.contains("127.0.0.1:\(port)") && !error.remedy.isEmpty)
    }

    @Test func `connecting gives up after its timeout`() throws {
      // Nothing is accepted and the kernel's queue is full, so it drops further attempts.
      var settings = TCPListener.Settings()
      settings.backlog = 0
      settings.maximumConnections = 0
      let server = try Server(settings: settings) { _ in nil }
      defer { server.loop.end() }
      let fillers = (0..<4).map { _ in Recorder() }
      for filler in fillers { try server.connect(filler, timeout: .seconds(60)) }
      #expect(eventually { fillers.contains { $0.events.now == ["connected"] } })
      usleep(50_000)
      let client = Recorder()
      try server.connect(client, timeout: .milliseconds(150))
      #expect(eventually { client.isClosed })
      #expect(client.error.now?.code == .timedOut)
      #expect(client.events.now == ["closed"])
    }

    @Test func `names are looked up without holding up the loop`() throws {
      let server = try Server(host: "localhost") { _ in Echo() }
      defer { server.loop.end() }
      let client = Recorder()
      client.onConnected = {
        $0.send([1, 2, 3])
        $0.closeOutput()
      }
      try Connection.connect(host: "localhost", port: server.port, on: server.loop, delegate: client)
      let lost = Recorder()
      try Connection.connect(
        host: "no-such-host.invalid", port: 1, on: server.loop, timeout: .seconds(5), delegate: lost)
      #expect(eventually { client.isClosed && lost.isClosed })
      #expect(client.bytes.now == [1, 2, 3])
      let code = try #require(lost.error.now?.code)
      #expect(code == .unknownHost || code == .timedOut)
      let wrong = Recorder()
      try Connection.connect(host: "127.0.0.1", port: 70_000, on: server.loop, delegate: wrong)
      #expect(eventually { wrong.isClosed })
      #expect(wrong.error.now?.code == .invalidAddress)
    }

    @Test func `IPv4 and IPv6 reach a listener on all addresses`() throws {
      let server = try Server(host: "") { _ in Echo() }
      defer { server.loop.end() }
      for host in server.listener.address.host == "::" ? ["127.0.0.1", "::1"] : ["127.0.0.1"] {
        let client = Recorder()
        client.onConnected = {
          $0.send([7])
          $0.closeOutput()
        }
        try Connection.connect(host: host, port: server.port, on: server.loop, delegate: client)
        #expect(eventually { client.isClosed })
        #expect(client.bytes.now == [7], "\(host)")
      }
    }

    @Test func `a taken port is an error that says so`() throws {
      let server = try Server { _ in nil }
      defer { server.loop.end() }
      let error = #expect(throws: NetworkError.self) {
        try TCPListener(host: "127.0.0.1", port: server.port, on: server.loop) { _ in nil }
      }
      #expect(error?.code == .addressInUse)
      let foreign = #expect(throws: NetworkError.self) {
        try TCPListener(host: "192.0.2.1", port: 0, on: server.loop) { _ in nil }
      }
      #expect(foreign?.code == .addressNotAvailable)
    }

    @Test func `a reset in the middle of a message closes with an error`() throws {
      let reader = Recorder()
      reader.onBytes = { _, _ in 0 }
      let server = try Server { _ in reader }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      socket.write("half a mess")
      #expect(eventually { server.loop.sync { server.listener.connectionCount } == 1 })
      socket.reset()
      #expect(eventually { reader.isClosed })
      #expect(reader.error.now?.code == .reset)
    }

    @Test func `a reset while reading is paused is noticed`() throws {
      let reader = Recorder()
      let server = try Server { connection in
        connection.pauseReading()
        return reader
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      socket.write("never read")
      #expect(eventually { server.loop.sync { server.listener.connectionCount } == 1 })
      socket.reset()
      #expect(eventually { reader.isClosed })
      #expect(reader.error.now?.code == .reset)
    }

    @Test func `bytes that came before a reset are read first`() throws {
      let reader = Recorder()
      let server = try Server { connection in
        connection.pauseReading()
        reader.connection.with { $0 = connection }
        return reader
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      socket.write("last words")
      socket.endOutput()
      #expect(eventually { server.loop.sync { server.listener.connectionCount } == 1 })
      _ = server.loop.sync { reader.connection.now?.resumeReading() }
      #expect(eventually { reader.isClosed })
      #expect(reader.bytes.now == Array("last words".utf8) && reader.error.now == nil)
      socket.close()
    }

    @Test func `a close while sending drops the rest and releases every payload`() throws {
      let released = Shared<[Bool]>([])
      let writer = Recorder()
      let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: 32 << 20, alignment: 1)
      payload.initializeMemory(as: UInt8.self, repeating: 2)
      defer { payload.deallocate() }
      nonisolated(unsafe) let source = UnsafeRawBufferPointer(payload)
      final class Owner {
        let gone: Shared<Int>
        init(_ gone: Shared<Int>) { self.gone = gone }
        deinit { gone.with { $0 += 1 } }
      }
      let gone = Shared(0)
      let server = try Server { connection in
        writer.connection.with { $0 = connection }
        for _ in 0..<3 {
          connection.send(referencing: source, keeping: Owner(gone)) { sent in released.with { $0.append(sent) } }
        }
        return writer
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      #expect(socket.read(1000).count == 1000)
      #expect(server.loop.sync { writer.connection.now?.close() } != nil)
      #expect(eventually { writer.isClosed && gone.now == 3 })
      #expect(released.now == [false, false, false])
      #expect(socket.read().count < 96 << 20)
      socket.close()
    }

    @Test func `finishing sends everything although the other end still talks`() throws {
      let writer = Recorder()
      let bytes = randomBytes(2_000_000, seed: 3)
      let server = try Server { connection in
        connection.send(bytes)
        connection.finish(within: .seconds(60))
        return writer
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      socket.write([UInt8](repeating: 1, count: 100_000))
      #expect(socket.read() == bytes)
      socket.endOutput()
      #expect(eventually { writer.isClosed })
      #expect(writer.error.now == nil && writer.bytes.now.isEmpty && writer.events.now.last == "closed")
      socket.close()
    }

    @Test func `finishing does not wait for ever`() throws {
      let writer = Recorder()
      let server = try Server { connection in
        connection.finish(within: .milliseconds(20))
        return writer
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      #expect(eventually { writer.isClosed })
      socket.close()
    }

    @Test func `both ends may be closed at any moment`() throws {
      for seed in sampled(0..<30 as Range<UInt64>) {
        var random = SeededGenerator(seed: seed)
        let server = try Server { _ in Echo() }
        let clients = (0..<20).map { _ in Recorder() }
        for client in clients {
          let count = random.below(300_000)
          let action = random.below(4)
          client.onConnected = { connection in
            connection.send([UInt8](repeating: 1, count: count))
            switch action {
            case 0: connection.close()
            case 1: connection.closeOutput()
            case 2: connection.finish(within: .milliseconds(5))
            default: break
            }
          }
          try server.connect(client)
        }
        usleep(UInt32(random.below(3000)))
        server.loop.end()
        for client in clients {
          #expect(client.isClosed, "seed \(seed)")
          #expect(client.events.now.filter { $0 == "closed" }.count == 1, "seed \(seed)")
        }
      }
    }

    @Test func `a shutdown in any state leaves no descriptor open`() async {
      await #expect(processExitsWith: .success) {
        let warm = try Server { _ in Echo() }
        warm.loop.end()
        // What the test's own process opens and closes meanwhile is none of the loop's.
        var before = openDescriptors()
        for seed in sampled(0..<40 as Range<UInt64>) {
          var random = SeededGenerator(seed: seed)
          let server = try Server { _ in Echo() }
          var sockets: [RawSocket] = []
          for _ in 0..<random.below(10) {
            let client = Recorder()
            let count = random.below(2_000_000)
            client.onConnected = { $0.send([UInt8](repeating: 1, count: count)) }
            try server.connect(client)
          }
          for _ in 0..<random.below(5) { sockets.append(try RawSocket(port: server.port)) }
          if random.chance(30) {
            try Connection.connect(host: "127.0.0.1", port: 1, on: server.loop, delegate: Recorder())
          }
          usleep(UInt32(random.below(2000)))
          server.loop.end()
          for socket in sockets { socket.close() }
          #expect(eventually { openDescriptors() <= before }, "seed \(seed)")
          before = min(before, openDescriptors())
        }
      }
    }
  }
}
