import Glibc
import MartletBytes
import MartletNet
import MartletProtocol
import MartletSystem
import MartletWorker
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

extension ClusterTests {
  @Suite struct WorkerHostileTests {
    @Test func `wrong bytes end their connection only`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a") { $0.handshakeLimit = .milliseconds(300) }
        let place = try #require(HostAndPort(worker.server.address))
        // No greeting, half a greeting, a browser.
        let silent = try RawSocket(port: place.port)
        let browser = try RawSocket(port: place.port)
        browser.write(Array("GET / HTTP/1.1\r\n\r\n".utf8))
        _ = browser.read()
        _ = silent.read()
        silent.close()
        browser.close()
        #expect(eventually { worker.hasLine("the other side speaks HTTP") })
        #expect(eventually { worker.hasLine("the handshake was not done") })
        // Peers that agreed, and then send nonsense.
        let nonsense: [[UInt8]] = [
          [99], [1, 0, 0, 0, 0, 255, 255, 255, 255, 15], [2, 1, 0, 0, 0, 200],
        ]
        for bytes in nonsense {
          let peer = try Fetcher(worker.server.address, on: cluster.scheduler.loop)
          peer.say(Raw(bytes: bytes))
          #expect(eventually { peer.end.now != nil })
        }
        // Data that nobody announced is skipped, in the wrong form it ends the connection.
        let bringer = try Fetcher(worker.server.address, on: cluster.scheduler.loop)
        let value = PutValue(digest: Digest128(low: 1, high: 1), type: "Int", byteCount: 8)
        bringer.say(value, body: [UInt8](repeating: 1, count: 100_000))
        bringer.say(Raw(bytes: [77]), body: [1, 2, 3])
        #expect(eventually { bringer.end.now != nil })
        // Random bytes after the handshake.
        var random = SeededGenerator(seed: 11)
        for _ in 0..<30 {
          let socket = try RawSocket(port: place.port)
          socket.write((0..<200).map { _ in UInt8(random.below(256)) })
          socket.endOutput()
          _ = socket.read()
          socket.close()
        }
        #expect(eventually { worker.inspect { $0.requesters.count } == 0 })
        var builder = GraphBuilder()
        let node = builder.call(Sum(constant: 3))
        let sent = try cluster.client.submit(builder.build(), [node.id])
        #expect(cluster.client.wait(sent))
        #expect(cluster.brokenInvariant == "")
      }
    }

    @Test func `what is not there is missing, and who abandons a request gets its end`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a")
        var builder = GraphBuilder()
        let node = builder.call(Numbers(count: 3_000_000, seed: 1))
        let sent = try cluster.client.submit(builder.build(), [node.id])
        #expect(cluster.client.wait(sent))
        let peer = try Fetcher(worker.server.address, on: cluster.scheduler.loop)
        let wrong = Digest128(low: 7, high: 7)
        #expect(try peer.get(sent.handles[0], wrong) == nil)
        #expect(peer.replies.now.contains(.missing(request: 1, task: sent.handles[0])))
        // The same large one thirty times, and then not.
        let name = NamedTask(task: sent.handles[0], digest: sent.digests[0])
        peer.say(PeerRequest.get(request: 50, [NamedTask](repeating: name, count: 30)))
        peer.say(PeerRequest.abandon(request: 50))
        #expect(eventually { peer.replies.now.contains(.done(request: 50)) })
        #expect((worker.inspect { $0.counters.servedValues } ?? 99) < 30)
        #expect(try peer.get(sent.handles[0], sent.digests[0])?.count == 24_000_004)
        peer.hangUp()
        #expect(eventually { worker.inspect { $0.core.brokenInvariant() ?? "" } == "" })
      }
    }

    @Test func `a client puts data onto a worker, and damaged data is rejected`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a")
        let peer = try Fetcher(worker.server.address, on: cluster.scheduler.loop)
        let numbers = Numbers.list(100_000, 5)
        let values = [
          PutValue(digest: Digest128(low: 1, high: 1), type: "[UInt64]", byteCount: 800_048),
          PutValue(digest: Digest128(low: 2, high: 2), type: "Int", byteCount: 16),
        ]
        peer.say(PeerRequest.put(request: 9, values))
        peer.say(values[0], body: numbers.portableBytes())
        peer.say(values[1], body: 77.portableBytes())
        #expect(eventually { peer.replies.now.contains(.done(request: 9)) })
        #expect(worker.inspect { $0.core.metrics.resultBytes } ?? 0 > 800_000)
        peer.say(PeerRequest.put(request: 10, values))
        peer.say(values[0], body: Array(numbers.portableBytes().dropLast()))
        #expect(
          eventually { peer.replies.now.contains { if case .rejected(10, _) = $0 { true } else { false } } })
        #expect(peer.end.now == nil)
        #expect(cluster.brokenInvariant == "")
        peer.hangUp()
      }
    }

    @Test func `operators see what it does`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a") { $0.httpPort = 0 }
        var builder = GraphBuilder()
        let node = builder.call(Sum(constant: 3))
        let sent = try cluster.client.submit(builder.build(), [node.id])
        #expect(cluster.client.wait(sent))
        let port = try #require(worker.server.httpPort)
        func get(_ path: String) throws -> String {
          let socket = try RawSocket(port: port)
          socket.write(Array("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".utf8))
          defer { socket.close() }
          return String(decoding: socket.read(), as: UTF8.self)
        }
        #expect(try get("/health").hasSuffix("ok\n"))
        #expect(try get("/metrics").contains("\nmartlet_worker_finished_total 1\n"))
        let page = try get("/api/worker")
        #expect(page.contains(#""name":"a""#) && page.contains(#""status":"running""#))
        #expect(try get("/nothing").hasPrefix("HTTP/1.1 404"))
      }
    }

    @Test func `a network address without a secret is refused`() throws {
      var settings = WorkerServerSettings(scheduler: "127.0.0.1:1")
      settings.host = "0.0.0.0"
      #expect(throws: UsageError.self) { try WorkerServer(settings, registry: TaskFunctionRegistry()) }
      #expect(throws: UsageError.self) {
        try WorkerServer(WorkerServerSettings(scheduler: "a:b:c"), registry: TaskFunctionRegistry())
      }
      #expect(HostAndPort("tcp://h:5") == HostAndPort(host: "h", port: 5))
      #expect(HostAndPort("[::1]:5") == HostAndPort(host: "::1", port: 5))
      #expect(HostAndPort("h", defaultPort: 8) == HostAndPort(host: "h", port: 8))
      for text in ["", ":5", "h:", "h:0", "h:65536", "h:+5", "a b:5", "[::1", "[::1]5", "::1:5", "h"] {
        #expect(HostAndPort(text) == nil, "\(text)")
      }
    }
  }

  /// Bytes as a message.
  struct Raw: PortableValue {
    var bytes: [UInt8]
    init(bytes: [UInt8]) { self.bytes = bytes }
    func write(to writer: inout ByteWriter) { bytes.withUnsafeBytes { writer.write(raw: $0) } }
    init(from reader: inout ByteReader) throws(ByteError) { throw ByteError(offset: 0, "never read") }
  }
}
