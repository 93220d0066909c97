import Glibc
import MartletBytes
import MartletNet
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

extension Session {
  /// As where the system does not let it read other processes.
  fileprivate func forbidReading() { reads = false }
  /// Bytes that no session would send.
  fileprivate func sendRaw(_ bytes: [UInt8]) { connection?.send(bytes) }
}

extension ClusterTests {
  /// Bodies that go from memory to memory between two sessions of one machine; here of one process.
  @Suite struct SessionMemoryTests {
    /// A side that takes what the other one sends, and notes it in its order.
    private final class Side: SessionOwner, @unchecked Sendable {
      // Sendable: what tests look at is shared; the rest belongs to the loop's thread.
      let session = Shared<Session?>(nil)
      let isOpen = Shared(false)
      /// What came: lengths of heads of messages, and bodies.
      let seen = Shared<[String]>([])
      let bodies = Shared<[[UInt8]]>([])
      let end = Shared<SessionEnd?>(nil)
      let memoryBytes = Shared(0)
      /// Bodies of this many bytes are dropped.
      var dropped = -1
      private var incoming: LandedBytes?

      func agreed(_ session: Session, _ agreement: Handshake.Agreement) { isOpen.with { $0 = true } }

      func received(_ session: Session, head: [UInt8]) throws(ByteError) {
        var reader = ByteReader(head)
        while reader.remaining > 0 {
          let number: Int = try reader.read()
          seen.with { $0.append("message \(number)") }
        }
      }

      func rooms(
        _ session: Session, head: [UInt8], byteCount: Int
      ) throws(ByteError) -> [UnsafeMutableRawBufferPointer]? {
        let head = try DataHead<Int>(head, byteCount: byteCount)
        seen.with { $0.append("body \(head.message)") }
        if byteCount == dropped { return nil }
        let bytes = LandedBytes(head.segments)
        incoming = bytes
        return bytes.rooms
      }

      func receivedData(_ session: Session, filled: Int, of count: Int) {
        guard filled == count, let bytes = incoming else { return }
        incoming = nil
        let read = session.takeMemoryBytes()
        memoryBytes.with { $0 += read }
        bodies.with { $0.append(bytes.bytes) }
      }

      func ended(_ session: Session, _ end: SessionEnd) {
        self.end.with { $0 = end }
        self.session.with { $0 = nil }
      }
    }

    /// Two sessions that talk to each other.
    private struct Pair {
      let loop: EventLoop
      let sides: [Side]

      init(_ adjust: (inout SessionSettings) -> Void = { _ in }) throws {
        loop = try EventLoop(name: "pair")
        let hello = Hello(role: .worker, registry: Digest128(low: 1, high: 2), nonce: [], product: "test")
        var settings = SessionSettings(hello: hello, accepting: [.worker])
        settings.bodyLimit = 64 << 20
        settings.leastOfferBytes = 1000
        adjust(&settings)
        var listening = TCPListener.Settings()
        listening.takesLocalConnections = true
        listening.connection = settings.connectionSettings
        let sides = [Side(), Side()]
        self.sides = sides
        let listener = try TCPListener(host: "127.0.0.1", port: 0, on: loop, settings: listening) {
          [settings] connection in
          let session = Session(loop: connection.loop, settings: settings, owner: sides[1])
          sides[1].session.with { $0 = session }
          session.begin(connection)
          return session
        }
        let session = try Session.connect(
          host: "127.0.0.1", port: listener.address.port, on: loop, settings: settings, owner: sides[0])
        sides[0].session.with { $0 = session }
        #expect(eventually { sides.allSatisfy(\.isOpen.now) })
      }

      /// Runs something on the loop's thread, with the session of a side.
      func on(_ side: Int, _ body: @escaping @Sendable (Session) -> Void) {
        guard let session = sides[side].session.now else { return }
        loop.execute { body(session) }
      }

      /// What `body` gives on the loop's thread.
      func look<Result: Sendable>(_ body: @escaping @Sendable () -> Result) -> Result? {
        let result = Shared<Result?>(nil)
        loop.execute {
          let value = body()
          result.with { $0 = value }
        }
        _ = eventually { result.with { $0 != nil } }
        return result.now
      }

      func end() {
        loop.shutdown()
        loop.waitUntilStopped()
      }
    }

    /// A value of two arrays and a little around them, as it is sent.
    private static func value(_ count: Int, _ seed: UInt64) -> (written: WrittenBytes, bytes: [UInt8]) {
      var random = SeededGenerator(seed: seed)
      let numbers = (0..<count).map { _ in random.next() }
      let written: [[UInt64]] = [numbers, [1, 2, 3], numbers.reversed()]
      var writer = ByteWriter(sharingFrom: 1000)
      written.write(to: &writer)
      let bytes = WrittenBytes(writer)
      return (bytes, bytes.bytes)
    }

    @Test func `long bodies are read from memory, in order with what is said around them, both ways at once`()
      async throws
    {
      try await asideAlone {
        let pair = try Pair()
        defer { pair.end() }
        let values = (0..<8).map { SessionMemoryTests.value([10, 300_000, 20_000, 8][$0 % 4], UInt64($0)) }
        for side in 0...1 {
          pair.on(side) { session in
            for (place, value) in values.enumerated() {
              #expect(throws: Never.self) {
                try session.send(2 * place)
                try session.send(2 * place + 1, body: value.written)
              }
            }
            #expect(throws: Never.self) { try session.send(99) }
          }
        }
        let expected = (0..<8).flatMap { ["message \(2 * $0)", "body \(2 * $0 + 1)"] } + ["message 99"]
        let large = values.reduce(0) { $1.bytes.count >= 1000 ? $0 + $1.bytes.count : $0 }
        for side in pair.sides {
          #expect(eventually { side.seen.now.count == expected.count })
          #expect(side.seen.now == expected)
          #expect(side.bodies.now == values.map(\.bytes))
          #expect(side.memoryBytes.now == large)
        }
        #expect(pair.look { pair.sides.allSatisfy { $0.session.now?.queuedBytes == 0 } } == true)
      }
    }

    @Test func `what cannot be read comes by the socket, and nothing is offered again`() async throws {
      try await asideAlone {
        let pair = try Pair()
        defer { pair.end() }
        let values = (0..<3).map { SessionMemoryTests.value(50_000, UInt64($0)) }
        // As where the system forbids it.
        pair.on(1) { $0.forbidReading() }
        pair.on(0) { session in
          for (place, value) in values.enumerated() {
            #expect(throws: Never.self) { try session.send(place, body: value.written) }
          }
          #expect(throws: Never.self) { try session.send(99) }
        }
        #expect(eventually { pair.sides[1].seen.now.count == 4 })
        #expect(pair.sides[1].seen.now == ["body 0", "body 1", "body 2", "message 99"])
        #expect(pair.sides[1].bodies.now == values.map(\.bytes))
        #expect(pair.sides[1].memoryBytes.now == 0)
        #expect(pair.look { pair.sides[0].session.now?.offers } == false)
        // The other way nothing is known to be wrong.
        pair.on(1) { session in #expect(throws: Never.self) { try session.send(7, body: values[0].written) } }
        #expect(eventually { pair.sides[0].bodies.now == [values[0].bytes] })
        #expect(pair.sides[0].memoryBytes.now == values[0].bytes.count)
      }
    }

    @Test func `sides without the capability, or with the network between them, offer nothing`() async throws {
      try await asideAlone {
        for network in [true, false] {
          let pair = try Pair { settings in
            if network { settings.connection.triesLocalSocket = false } else { settings.readsMemory = false }
          }
          defer { pair.end() }
          let value = SessionMemoryTests.value(50_000, 1)
          pair.on(0) { session in #expect(throws: Never.self) { try session.send(5, body: value.written) } }
          #expect(eventually { pair.sides[1].bodies.now == [value.bytes] })
          #expect(pair.sides[1].memoryBytes.now == 0)
        }
      }
    }

    @Test func `a body that nobody wants is let go at once`() async throws {
      try await asideAlone {
        let pair = try Pair()
        defer { pair.end() }
        let value = SessionMemoryTests.value(50_000, 2)
        let released = Shared<[Bool]>([])
        let count = value.bytes.count
        pair.loop.execute { pair.sides[1].dropped = count }
        pair.on(0) { session in
          #expect(throws: Never.self) {
            try session.send(5, body: value.written) { isDone in released.with { $0.append(isDone) } }
            try session.send(6)
          }
        }
        #expect(eventually { pair.sides[1].seen.now == ["body 5", "message 6"] })
        #expect(released.now == [true])
        #expect(pair.sides[1].bodies.now.isEmpty)
      }
    }

    @Test func `who hangs up in the middle leaves nothing behind`() async throws {
      try await asideAlone {
        for leaver in 0...1 {
          let pair = try Pair()
          defer { pair.end() }
          let value = SessionMemoryTests.value(1_500_000, 3)
          let released = Shared<[Bool]>([])
          pair.on(0) { session in
            #expect(throws: Never.self) {
              try session.send(5, body: value.written) { isDone in released.with { $0.append(isDone) } }
            }
          }
          #expect(eventually { !pair.sides[1].seen.now.isEmpty })
          pair.on(leaver) { $0.finish(within: .zero) }
          #expect(eventually { pair.sides[1 - leaver].end.now != nil })
          #expect(eventually { released.now.count == 1 })
          #expect(pair.sides[1 - leaver].end.now?.kind == .lost)
        }
      }
    }

    /// The head of an offer of one piece, and the data head behind it.
    private func offer(_ address: UInt64, _ count: Int, of bodyBytes: Int) -> [UInt8] {
      let offer = MemoryOffer(
        tokenAddress: 64, token: [UInt8](repeating: 7, count: 16), pieces: [.init(address: address, count: count)])
      let head = offer.bytes(before: DataHead(5, ByteSegments(byteCount: bodyBytes)).bytes)
      return Frame.prefix(.offer, headBytes: head.count, bodyBytes: bodyBytes) + head
    }

    private func answer(_ answer: MemoryAnswer) -> [UInt8] {
      Frame.prefix(.answer, headBytes: answer.bytes.count, bodyBytes: 0) + answer.bytes
    }

    private func rest(_ count: Int) -> [UInt8] { Frame.prefix(.rest, headBytes: 0, bodyBytes: count) }

    @Test func `offers and answers that are none end the connection`() async throws {
      try await asideAlone {
        let message = Frame.prefix(.messages, headBytes: 8, bodyBytes: 0) + [UInt8](repeating: 1, count: 8)
        let cases: [([UInt8], String)] = [
          (answer(.done), "an answer to what was not offered"),
          (answer(.refused(at: 0)), "an answer to what was not offered"),
          (answer(.taken(5)), "an answer to what was not offered"),
          (rest(10), "that was not asked for"),
          (offer(4096, 99, of: 100), "without the last 1 bytes"),
          (offer(4096, 101, of: 100), "where 100 are missing"),
          (offer(.max - 50, 100, of: 100), "where 100 are missing"),
          (offer(4096, 100, of: 100) + message, "a frame before the answer"),
          (offer(4096, 100, of: 100) + offer(4096, 100, of: 100), "a frame before the answer"),
          (offer(4096, 100, of: 100) + rest(100), "that was not asked for"),
          (Frame.prefix(.offer, headBytes: 4, bodyBytes: 65 << 20), "at most 67108864"),
          (Frame.prefix(.answer, headBytes: 9, bodyBytes: 1), "at most 0"),
        ]
        for (bytes, reason) in cases {
          let pair = try Pair()
          defer { pair.end() }
          pair.on(0) { $0.sendRaw(bytes) }
          #expect(eventually { pair.sides[1].end.now != nil }, "\(reason)")
          #expect(pair.sides[1].end.now?.kind == .malformed)
          #expect(
            pair.sides[1].end.now?.description.contains(reason) == true, "\(reason): \(pair.sides[1].end.now as Any)")
        }
      }
    }

    @Test func `an offer of memory that is not there is refused`() async throws {
      try await asideAlone {
        let pair = try Pair()
        defer { pair.end() }
        pair.on(0) { $0.sendRaw(offer(1 << 46, 100, of: 100)) }
        // The answer finds nothing that was offered, since the offer is a lie: the other side's session ends.
        #expect(eventually { pair.sides[0].end.now?.description.contains("an answer to what was not offered") == true })
        #expect(pair.sides[1].bodies.now.isEmpty)
        #expect(eventually { pair.sides[1].end.now?.kind == .lost })
      }
    }
  }
}
