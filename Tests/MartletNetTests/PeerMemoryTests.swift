import Glibc
import MartletSystem
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  /// Payloads that the other side reads where they lie; here both sides are this process.
  @Suite struct PeerMemoryTests {
    /// What both sides of a connection tell each other beside it, and what came.
    private final class Offered: @unchecked Sendable {
      // Sendable: see `Shared`; the pieces do not change.
      let bytes: [UInt8]
      let storage: UnsafeMutableRawBufferPointer
      let pieces: [UnsafeRawBufferPointer]
      let memory = Shared<PeerMemory?>(nil)
      let released = Shared<[Bool]>([])

      init(_ bytes: [UInt8], cuts: [Int] = []) {
        self.bytes = bytes
        storage = .allocate(byteCount: bytes.count, alignment: 64)
        storage.copyBytes(from: bytes)
        let storage = storage
        pieces = zip([0] + cuts, cuts + [bytes.count]).map {
          UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(storage)[$0..<$1])
        }
      }

      deinit { storage.deallocate() }

      /// Offers the payload behind one byte that says so, and sends two more behind it. `change` makes the offer a lie.
      func offer(on connection: Connection, _ change: (inout PeerMemory) -> Void = { _ in }) {
        let (address, token) = connection.memoryToken
        var memory = PeerMemory(
          tokenAddress: address, token: token,
          pieces: pieces.map { .init(address: UInt64(UInt(bitPattern: $0.baseAddress)), count: $0.count) })
        change(&memory)
        self.memory.with { [memory] in $0 = memory }
        #expect(connection.send([1]))
        let isQueued = connection.send(offering: pieces, keeping: self) { [released] isDone in
          released.with { $0.append(isDone) }
        }
        #expect(isQueued)
        #expect(connection.send([2, 3]))
      }
    }

    /// Memory that a payload goes to.
    private final class Rooms: @unchecked Sendable {
      // Sendable: only the loop's thread uses it until it is full.
      let storage: UnsafeMutableRawBufferPointer
      let rooms: [UnsafeMutableRawBufferPointer]

      init(_ count: Int, cuts: [Int] = []) {
        storage = .allocate(byteCount: count, alignment: 64)
        storage.initializeMemory(as: UInt8.self, repeating: 0)
        let storage = storage
        rooms = zip([0] + cuts, cuts + [count]).map { UnsafeMutableRawBufferPointer(rebasing: storage[$0..<$1]) }
      }

      deinit { storage.deallocate() }

      var bytes: [UInt8] { [UInt8](storage) }
    }

    private let settings: ConnectionSettings = {
      var settings = ConnectionSettings()
      settings.triesLocalSocket = true
      return settings
    }()

    private func server(_ accept: @escaping @Sendable (Connection) -> any ConnectionDelegate) throws -> Server {
      var settings = TCPListener.Settings()
      settings.takesLocalConnections = true
      return try Server(settings: settings) { accept($0) }
    }

    /// Offers a payload from a server to a client, and gives what came: the payload, and the bytes beside it.
    private func transfer(
      _ offered: Offered, into rooms: Rooms, lie: @escaping @Sendable (inout PeerMemory) -> Void = { _ in }
    ) throws -> (around: [UInt8], read: Int, refusedAt: Int?) {
      let sender = Recorder()
      sender.onBytes = { connection, bytes in
        // One byte says that it is done, nine where to go on.
        if bytes[0] == 4 {
          #expect(connection.offerDone())
          return 1
        }
        guard bytes.count >= 9 else { return 0 }
        let place = Int(bytes.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        let fits = connection.offerRefused(at: place) { rest in withUnsafeBytes(of: UInt64(rest)) { [5] + Array($0) } }
        #expect(fits)
        return 9
      }
      let server = try server { connection in
        connection.loop.execute { offered.offer(on: connection, lie) }
        return sender
      }
      defer { server.loop.end() }

      let receiver = Recorder()
      let around = Shared<[UInt8]>([])
      let refusedAt = Shared<Int?>(nil)
      let read = Shared(0)
      receiver.onBytes = { connection, bytes in
        switch bytes[0] {
        case 1:
          if let memory = offered.memory.now { connection.receive(from: memory, into: rooms.rooms, keeping: rooms) }
          return 1
        case 5:
          guard bytes.count >= 9 else { return 0 }
          let rest = Int(bytes.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
          #expect(rest == offered.bytes.count - (refusedAt.now ?? -1))
          connection.receiveRest()
          return 9
        default:
          around.with { $0.append(contentsOf: bytes) }
          if around.now.count == 2 {
            read.with { $0 = connection.memoryBytes }
            connection.close()
          }
          return bytes.count
        }
      }
      receiver.onDirect = { connection, filled, count in
        // What stands behind an offer waits for the answer.
        #expect(around.now == [])
        if filled == count, refusedAt.now == nil { connection.send([4]) }
      }
      receiver.onUnreadable = { connection, filled, _ in
        refusedAt.with { $0 = filled }
        withUnsafeBytes(of: UInt64(filled)) { _ = connection.send([6] + Array($0)) }
      }
      try server.connect(receiver, settings: settings)
      #expect(eventually { receiver.isClosed })
      #expect(receiver.error.now == nil && receiver.events.now.last == "closed")
      return (around.now, read.now, refusedAt.now)
    }

    private func cuts(_ random: inout SeededGenerator, _ count: Int, most: Int) -> [Int] {
      Set((0..<random.below(most + 1)).map { _ in 1 + random.below(count - 1) }).sorted()
    }

    @Test(arguments: sampled(0..<12 as Range<UInt64>))
    func `a payload is read where it lies, whatever its pieces and rooms`(seed: UInt64) throws {
      var random = SeededGenerator(seed: seed)
      let count = seed % 4 == 0 ? 3_000_000 + random.below(1000) : 2 + random.below(100_000)
      let bytes = randomBytes(count, seed: seed)
      // More pieces than one call takes, too.
      let offered = Offered(bytes, cuts: cuts(&random, count, most: seed % 3 == 0 ? 200 : 5))
      let rooms = Rooms(count, cuts: cuts(&random, count, most: seed % 3 == 1 ? 200 : 5))
      let (around, read, refusedAt) = try transfer(offered, into: rooms)
      #expect(around == [2, 3], "seed \(seed)")
      #expect(rooms.bytes == bytes, "seed \(seed)")
      #expect(read == count && refusedAt == nil, "seed \(seed)")
      #expect(offered.released.now == [true])
    }

    @Test(arguments: sampled(0..<8 as Range<UInt64>))
    func `what cannot be read is sent from there on`(seed: UInt64) throws {
      var random = SeededGenerator(seed: seed)
      let count = 2_500_000 + random.below(1000)
      let bytes = randomBytes(count, seed: seed)
      let offered = Offered(bytes, cuts: cuts(&random, count, most: 6))
      let rooms = Rooms(count, cuts: cuts(&random, count, most: 6))
      let bad = random.below(offered.pieces.count)
      let (around, read, refusedAt) = try transfer(offered, into: rooms) { $0.pieces[bad].address = 1 << 46 }
      #expect(around == [2, 3], "seed \(seed)")
      #expect(rooms.bytes == bytes, "seed \(seed)")
      #expect(read == refusedAt, "seed \(seed)")
      #expect(read <= offered.pieces[..<bad].reduce(0) { $0 + $1.count }, "seed \(seed)")
      #expect(offered.released.now == [true])
    }

    @Test func `memory without the token is not that of the other side`() throws {
      let bytes = randomBytes(50_000, seed: 9)
      for lie: @Sendable (inout PeerMemory) -> Void in [
        { $0.token[3] ^= 1 }, { $0.tokenAddress += 1 }, { $0.tokenAddress = 0 }, { $0.tokenAddress = .max - 3 },
      ] {
        let offered = Offered(bytes)
        let rooms = Rooms(bytes.count)
        let (around, read, refusedAt) = try transfer(offered, into: rooms, lie: lie)
        #expect(around == [2, 3] && read == 0 && refusedAt == 0)
        #expect(rooms.bytes == bytes)
      }
    }

    @Test func `both sides offer something at once and hear each other's answers`() throws {
      let bytes = [randomBytes(3_000_000, seed: 1), randomBytes(2_000_000, seed: 2)]
      let offers = bytes.map { Offered($0) }
      let rooms = bytes.map { Rooms($0.count) }
      func side(_ number: Int) -> Recorder {
        let side = Recorder()
        let seen = Shared(0)
        side.onBytes = { connection, bytes in
          for byte in bytes {
            switch byte {
            case 1:
              guard let memory = offers[1 - number].memory.now else { continue }
              connection.receive(from: memory, into: rooms[1 - number].rooms, keeping: rooms[1 - number])
            case 4:
              #expect(connection.offerDone())
              seen.with { $0 += 1 }
            default: seen.with { $0 += 1 }
            }
          }
          if seen.now == 3 { connection.closeOutput() }
          return bytes.count
        }
        side.onDirect = { connection, filled, count in
          // An ordinary message would wait behind the own offer.
          if filled == count { #expect(connection.sendBeforeOffers([4])) }
        }
        side.onEnd = { $0.closeOutput() }
        return side
      }
      let (first, second) = (side(0), side(1))
      let server = try server { connection in
        connection.loop.execute { offers[0].offer(on: connection) }
        return first
      }
      defer { server.loop.end() }
      second.onConnected = { offers[1].offer(on: $0) }
      try server.connect(second, settings: settings)
      #expect(eventually { first.isClosed && second.isClosed })
      #expect(rooms.map(\.bytes) == bytes)
      #expect(offers.map(\.released.now) == [[true], [true]])
    }

    @Test func `who closes with an offer outstanding lets go of it, and the other side does not take it`() throws {
      let offered = Offered(randomBytes(4_000_000, seed: 3))
      let rooms = Rooms(4_000_000)
      let accepted = Shared<Connection?>(nil)
      let sender = Recorder()
      let server = try server { connection in
        accepted.with { $0 = connection }
        connection.loop.execute { offered.offer(on: connection) }
        return sender
      }
      defer { server.loop.end() }
      let receiver = Recorder()
      let most = Shared(0)
      receiver.onBytes = { connection, _ in
        if let memory = offered.memory.now { connection.receive(from: memory, into: rooms.rooms, keeping: rooms) }
        return 1
      }
      receiver.onDirect = { _, filled, count in
        most.with { $0 = filled }
        // The other side goes in the middle.
        if filled > count / 2 { accepted.now?.close() }
      }
      try server.connect(receiver, settings: settings)
      #expect(eventually { receiver.isClosed && sender.isClosed })
      #expect(most.now > 2_000_000 && most.now < 4_000_000)
      #expect(offered.released.now == [false])
      accepted.with { $0 = nil }
    }

    @Test func `bytes are not taken from who has hung up since`() throws {
      let offered = Offered(randomBytes(300_000, seed: 4))
      let rooms = Rooms(300_000)
      let accepted = Shared<Connection?>(nil)
      let sender = Recorder()
      let server = try server { connection in
        accepted.with { $0 = connection }
        connection.loop.execute { offered.offer(on: connection) }
        return sender
      }
      defer { server.loop.end() }
      let receiver = Recorder()
      let taken = Shared(false)
      receiver.onBytes = { connection, _ in
        // One slice is the whole payload: when it is read, the other side is gone already.
        if let memory = offered.memory.now { connection.receive(from: memory, into: rooms.rooms, keeping: rooms) }
        accepted.now?.close()
        return 1
      }
      receiver.onDirect = { _, _, _ in taken.with { $0 = true } }
      try server.connect(receiver, settings: settings)
      #expect(eventually { receiver.isClosed && sender.isClosed })
      #expect(!taken.now)
      #expect(receiver.events.now.contains { $0.hasPrefix("ended") })
      #expect(offered.released.now == [false])
    }

    @Test func `a reader that pauses reads no memory until it goes on`() throws {
      let bytes = randomBytes(5_000_000, seed: 5)
      let offered = Offered(bytes)
      let rooms = Rooms(bytes.count)
      let sender = Recorder()
      sender.onBytes = { connection, bytes in
        #expect(connection.offerDone())
        return bytes.count
      }
      let server = try server { connection in
        connection.loop.execute { offered.offer(on: connection) }
        return sender
      }
      defer { server.loop.end() }
      let receiver = Recorder()
      let filledNow = Shared(0)
      let isPaused = Shared(false)
      receiver.onBytes = { connection, bytes in
        if bytes[0] == 1, let memory = offered.memory.now {
          connection.receive(from: memory, into: rooms.rooms, keeping: rooms)
        }
        if bytes[0] == 2 { connection.close() }
        return 1
      }
      receiver.onDirect = { connection, filled, count in
        filledNow.with { $0 = filled }
        if !isPaused.now {
          isPaused.with { $0 = true }
          connection.pauseReading()
        }
        if filled == count { connection.send([4]) }
      }
      try server.connect(receiver, settings: settings)
      #expect(eventually { isPaused.now })
      let before = filledNow.now
      usleep(20_000)
      #expect(filledNow.now == before && before < bytes.count)
      server.loop.execute { receiver.connection.now?.resumeReading() }
      #expect(eventually { receiver.isClosed })
      #expect(rooms.bytes == bytes)
    }

    @Test func `an answer to nothing is noticed`() throws {
      let server = try server { _ in Echo() }
      defer { server.loop.end() }
      let client = Recorder()
      let fits = Shared<[Bool]>([])
      let offered = Offered(randomBytes(10_000, seed: 6))
      client.onConnected = { connection in
        let early = [
          connection.offerTaken(upTo: 0), connection.offerDone(), connection.offerRefused(at: 0) { _ in [] },
        ]
        offered.offer(on: connection)
        // The byte before it has not left.
        fits.with { $0 = early + [connection.offerDone()] }
        connection.loop.execute {
          let answers = [
            connection.offerTaken(upTo: 10_001), connection.offerTaken(upTo: 500), connection.offerTaken(upTo: 499),
            connection.offerRefused(at: 10_000) { _ in [] }, connection.offerTaken(upTo: 10_000),
          ]
          fits.with { $0 += answers }
          connection.close()
        }
      }
      try server.connect(client, settings: settings)
      #expect(eventually { client.isClosed })
      #expect(fits.now == [false, false, false, false, false, true, false, false, true])
      #expect(offered.released.now == [false])
    }

    @Test func `connections through the network share no machine`() throws {
      let shared = Shared<[Bool]>([])
      let server = try server { connection in
        shared.with { $0.append(connection.sharesMachine) }
        return Echo()
      }
      defer { server.loop.end() }
      for settings in [settings, ConnectionSettings()] {
        let client = Recorder()
        client.onConnected = { connection in
          shared.with { $0.append(connection.sharesMachine) }
          connection.closeOutput()
        }
        try server.connect(client, settings: settings)
        #expect(eventually { client.isClosed })
        #expect(eventually { shared.now.count % 2 == 0 })
      }
      #expect(shared.now == [true, true, false, false])
    }
  }
}
