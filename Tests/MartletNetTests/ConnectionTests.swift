import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletNet

extension NetworkTests {
  @Suite struct ConnectionTests {
    @Test(arguments: sampled(0..<8 as Range<UInt64>))
    func `an echo gives back any bytes, however they are cut`(seed: UInt64) throws {
      var random = SeededGenerator(seed: seed)
      var loopSettings = LoopSettings()
      loopSettings.receiveBufferBytes = random.pick([4096, 10_000, 256 << 10])
      loopSettings.chunkBytes = random.pick([256, 5000, 64 << 10])
      if seed % 2 == 0 { loopSettings.pollLimit = .zero }
      let server = try Server(loopSettings: loopSettings) { _ in Echo() }
      defer { server.loop.end() }
      let bytes = randomBytes(1 + random.below(3_000_000), seed: seed)
      let cuts = (0..<200).map { _ in 1 + random.below(random.pick([3, 300, 100_000])) }
      let client = Recorder()
      client.onConnected = { connection in
        var at = 0
        var cut = 0
        while at < bytes.count {
          let count = min(bytes.count - at, cuts[cut % cuts.count])
          cut += 1
          bytes.withUnsafeBytes { _ = connection.send(UnsafeRawBufferPointer(rebasing: $0[at..<(at + count)])) }
          at += count
        }
        connection.closeOutput()
      }
      try server.connect(client)
      #expect(eventually { client.isClosed })
      #expect(client.bytes.now == bytes, "seed \(seed)")
      #expect(client.error.now == nil)
      #expect(client.events.now.filter { $0 != "high" && $0 != "low" } == ["connected", "ended 0", "closed"])
    }

    @Test(arguments: sampled(0..<6 as Range<UInt64>))
    func `messages come whole, although the bytes come in pieces`(seed: UInt64) throws {
      // A message: its length in four bytes, then as many bytes of one value.
      var loopSettings = LoopSettings()
      loopSettings.receiveBufferBytes = seed % 2 == 0 ? 4096 : 256 << 10
      let lengths = Shared<[Int]>([])
      let isRight = Shared(true)
      let server = try Server(loopSettings: loopSettings) { _ in
        let reader = Recorder()
        reader.onBytes = { _, bytes in
          var at = 0
          while bytes.count - at >= 4 {
            let length = Int(bytes.loadUnaligned(fromByteOffset: at, as: UInt32.self))
            if bytes.count - at < 4 + length { break }
            let body = bytes[(at + 4)..<(at + 4 + length)]
            let wanted = [UInt8](repeating: UInt8(truncatingIfNeeded: length), count: length)
            if !body.elementsEqual(wanted) { isRight.with { $0 = false } }
            lengths.with { $0.append(length) }
            at += 4 + length
          }
          return at
        }
        return reader
      }
      defer { server.loop.end() }
      var random = SeededGenerator(seed: seed)
      var wanted: [Int] = []
      var bytes: [UInt8] = []
      for _ in 0..<60 {
        let length = random.below(random.pick([4, 1000, 40_000, 200_000]))
        wanted.append(length)
        withUnsafeBytes(of: UInt32(length)) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: repeatElement(UInt8(truncatingIfNeeded: length), count: length))
      }
      let socket = try RawSocket(port: server.port)
      defer { socket.close() }
      var at = 0
      while at < bytes.count {
        let count = min(bytes.count - at, 1 + random.below(random.pick([2, 5000, 300_000])))
        socket.write(Array(bytes[at..<(at + count)]))
        at += count
      }
      #expect(eventually { lengths.now.count == wanted.count })
      #expect(lengths.now == wanted && isRight.now, "seed \(seed)")
    }

    @Test(arguments: [0, 1])
    func `payloads go straight into memory, between messages`(seed: UInt64) throws {
      // A message: the length of the payload behind it, in four bytes; 0 for none.
      final class Reader: ConnectionDelegate, @unchecked Sendable {
        let payloads = Shared<[[UInt8]]>([])
        var memory: UnsafeMutableRawBufferPointer?
        var last = 0
        func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
          if bytes.count < 4 { return 0 }
          let length = Int(bytes.loadUnaligned(as: UInt32.self))
          memory = .allocate(byteCount: length, alignment: 1)
          last = 0
          connection.receive(into: memory!)
          return 4
        }
        func receivedDirectly(_ connection: Connection, filled: Int, of count: Int) {
          #expect(filled > last && filled <= count)
          last = filled
          guard filled == count, let memory else { return }
          payloads.with { $0.append(Array(memory)) }
          memory.deallocate()
          self.memory = nil
        }
        func closed(_ connection: Connection, error: NetworkError?) { memory?.deallocate() }
      }
      let reader = Reader()
      let server = try Server { _ in reader }
      defer { server.loop.end() }
      var random = SeededGenerator(seed: seed)
      let payloads = (0..<50).map { randomBytes(1 + random.below(random.pick([3, 3000, 400_000])), seed: UInt64($0)) }
      let socket = try RawSocket(port: server.port)
      defer { socket.close() }
      var stream: [UInt8] = []
      for payload in payloads {
        withUnsafeBytes(of: UInt32(payload.count)) { stream.append(contentsOf: $0) }
        stream.append(contentsOf: payload)
      }
      var at = 0
      while at < stream.count {
        let count = min(stream.count - at, 1 + random.below(random.pick([5, 5000, 500_000])))
        socket.write(Array(stream[at..<(at + count)]))
        at += count
      }
      #expect(eventually { reader.payloads.now.count == payloads.count })
      #expect(reader.payloads.now == payloads, "seed \(seed)")
    }

    @Test(arguments: [0, 1, 2])
    func `payloads of many pieces go into many rooms`(seed: UInt64) throws {
      // A message: how many rooms, in four bytes, and their lengths; the payload is behind it.
      final class Reader: ConnectionDelegate, @unchecked Sendable {
        let payloads = Shared<[[UInt8]]>([])
        var rooms: [UnsafeMutableRawBufferPointer] = []
        var last = 0
        func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
          func number(_ place: Int) -> Int { Int(bytes.loadUnaligned(fromByteOffset: 4 * place, as: UInt32.self)) }
          if bytes.count < 4 || bytes.count < 4 + 4 * number(0) { return 0 }
          rooms = (1...number(0)).map { .allocate(byteCount: number($0), alignment: 1) }
          last = 0
          connection.receive(into: rooms)
          return 4 + 4 * rooms.count
        }
        func receivedDirectly(_ connection: Connection, filled: Int, of count: Int) {
          #expect(filled > last && filled <= count)
          last = filled
          guard filled == count else { return }
          payloads.with { $0.append(rooms.flatMap { Array($0) }) }
          freeRooms()
        }
        func closed(_ connection: Connection, error: NetworkError?) { freeRooms() }
        private func freeRooms() {
          for room in rooms { room.deallocate() }
          rooms = []
        }
      }
      let reader = Reader()
      let server = try Server { _ in reader }
      defer { server.loop.end() }
      var random = SeededGenerator(seed: seed)
      let lengths = (0..<30).map { _ in
        (0..<(1 + random.below(random.pick([2, 10, 150])))).map { _ in 1 + random.below(random.pick([3, 3000, 90_000]))
        }
      }
      let payloads = lengths.map { randomBytes($0.reduce(0, +), seed: UInt64($0.count)) }
      // Sent in other pieces than it is received in.
      final class Payload: Sendable {
        let bytes: [UInt8]
        init(_ bytes: [UInt8]) { self.bytes = bytes }
        var raw: UnsafeRawBufferPointer { bytes.withUnsafeBytes { $0 } }
      }
      let cuts = payloads.map { payload in
        (0..<random.below(100)).map { _ in 1 + random.below(payload.count) }.sorted()
      }
      let released = Shared<[Int]>([])
      let client = Recorder()
      client.onConnected = { connection in
        for (place, payload) in payloads.enumerated() {
          var head: [UInt8] = []
          for number in [lengths[place].count] + lengths[place] {
            withUnsafeBytes(of: UInt32(number)) { head.append(contentsOf: $0) }
          }
          connection.send(head)
          let owner = Payload(payload)
          var start = 0
          let pieces = (cuts[place] + [payload.count]).compactMap { cut -> UnsafeRawBufferPointer? in
            defer { start = max(start, cut) }
            return cut > start ? UnsafeRawBufferPointer(rebasing: owner.raw[start..<cut]) : nil
          }
          let isQueued = connection.send(referencing: pieces, keeping: owner) { sent in
            if sent { released.with { $0.append(place) } }
          }
          #expect(isQueued)
        }
      }
      try server.connect(client)
      #expect(eventually { reader.payloads.now.count == payloads.count })
      #expect(reader.payloads.now == payloads, "seed \(seed)")
      #expect(eventually { released.now.sorted() == Array(payloads.indices) })
    }

    @Test func `256 MB go from memory to memory`() throws {
      let count = 256 << 20
      final class Reader: ConnectionDelegate, @unchecked Sendable {
        let memory: UnsafeMutableRawBufferPointer
        let isDone = Shared(false)
        init(_ count: Int) { memory = .allocate(byteCount: count, alignment: 64) }
        deinit { memory.deallocate() }
        func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
          if bytes.count < 8 { return 0 }
          connection.receive(into: memory)
          return 8
        }
        func receivedDirectly(_ connection: Connection, filled: Int, of count: Int) {
          if filled == count { isDone.with { $0 = true } }
        }
        func closed(_ connection: Connection, error: NetworkError?) {}
      }
      let reader = Reader(count)
      let server = try Server { _ in reader }
      defer { server.loop.end() }
      let payload = UnsafeMutableBufferPointer<UInt64>.allocate(capacity: count / 8)
      defer { payload.deallocate() }
      for index in payload.indices { payload[index] = UInt64(index) &* 0x9e37_79b9_7f4a_7c15 }
      let released = Shared<[Bool]>([])
      let client = Recorder()
      nonisolated(unsafe) let source = UnsafeRawBufferPointer(payload)
      client.onConnected = { connection in
        connection.send([UInt8](repeating: 1, count: 8))
        #expect(connection.send(referencing: source, keeping: nil) { sent in released.with { $0.append(sent) } })
        #expect(connection.isOutputHigh)
      }
      try server.connect(client)
      #expect(eventually { reader.isDone.now && released.now == [true] })
      #expect(memcmp(reader.memory.baseAddress!, source.baseAddress!, count) == 0)
    }

    @Test func `a thousand connections talk at the same time`() async {
      await #expect(processExitsWith: .success) {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(7), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(7), &limit)
        let server = try Server { _ in Echo() }
        let clients = (0..<1000).map { number in
          let client = Recorder()
          client.onConnected = { connection in
            connection.send(Array("hello \(number)".utf8))
            connection.closeOutput()
          }
          return client
        }
        for client in clients { try server.connect(client) }
        #expect(eventually { clients.allSatisfy(\.isClosed) })
        for (number, client) in clients.enumerated() {
          #expect(client.bytes.now == Array("hello \(number)".utf8))
          #expect(client.error.now == nil)
        }
        #expect(eventually { server.loop.sync { server.listener.connectionCount } == 0 })
        #expect(server.loop.sync { server.loop.channelCount } == 1)
        server.loop.end()
      }
    }

    @Test func `a reader that does not read stops the writer below its bound, until it reads`() throws {
      var settings = ConnectionSettings()
      settings.highWaterBytes = 100_000
      settings.lowWaterBytes = 20_000
      settings.kernelSendBytes = 20_000
      let total = 20_000_000
      let most = Shared(0)
      let sent = Shared(0)
      let server = try Server { _ in Echo() }
      defer { server.loop.end() }
      var listenerSettings = TCPListener.Settings()
      listenerSettings.connection = settings
      final class Writer: ConnectionDelegate, @unchecked Sendable {
        let total: Int
        let most: Shared<Int>
        let sent: Shared<Int>
        let message = [UInt8](repeating: 5, count: 1000)
        init(_ total: Int, _ most: Shared<Int>, _ sent: Shared<Int>) {
          self.total = total
          self.most = most
          self.sent = sent
        }
        func pump(_ connection: Connection) {
          while !connection.isOutputHigh, sent.now < total {
            #expect(connection.send(message))
            sent.with { $0 += 1000 }
          }
          most.with { $0 = max($0, connection.queuedBytes) }
          if sent.now >= total { connection.closeOutput() }
        }
        func received(_ connection: Connection, _ bytes: UnsafeRawBufferPointer) -> Int {
          pump(connection)
          return bytes.count
        }
        func outputPressureChanged(_ connection: Connection, isHigh: Bool) { if !isHigh { pump(connection) } }
        func closed(_ connection: Connection, error: NetworkError?) {}
      }
      let listener = try TCPListener(host: "127.0.0.1", port: 0, on: server.loop, settings: listenerSettings) { _ in
        Writer(total, most, sent)
      }
      let socket = try RawSocket(port: listener.address.port, receiveBytes: 20_000)
      defer { socket.close() }
      socket.write("go")
      var before = -1
      #expect(
        eventually {
          usleep(20_000)
          defer { before = sent.now }
          return before > 0 && before == sent.now
        })
      #expect(sent.now < total)
      #expect(most.now <= 101_000)
      let got = socket.read(total)
      #expect(got.count == total && got.allSatisfy { $0 == 5 })
      #expect(most.now <= 101_000)
      socket.endOutput()
    }

    @Test func `more than the limits is refused, and nothing of it is sent`() throws {
      var settings = TCPListener.Settings()
      settings.connection.maximumCopiedBytes = 10_000
      settings.connection.maximumSegments = 5
      let answers = Shared<[Bool]>([])
      let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: 5000, alignment: 1)
      payload.initializeMemory(as: UInt8.self, repeating: 2)
      defer { payload.deallocate() }
      nonisolated(unsafe) let source = UnsafeRawBufferPointer(payload)
      let server = try Server(settings: settings) { connection in
        var list: [Bool] = []
        list.append(connection.send([UInt8](repeating: 1, count: 9000)))
        list.append(connection.send([UInt8](repeating: 9, count: 2000)))
        list.append(connection.send([UInt8](repeating: 1, count: 1000)))
        for _ in 0..<5 { list.append(connection.send(referencing: source, keeping: nil)) }
        connection.closeOutput()
        list.append(connection.send([9]))
        answers.with { $0 = list }
        return Recorder()
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      defer { socket.close() }
      let got = socket.read()
      #expect(answers.now == [true, false, true, true, true, true, true, false, false])
      #expect(got == [UInt8](repeating: 1, count: 10_000) + [UInt8](repeating: 2, count: 20_000))
    }

    @Test func `a file is sent from the file, between other bytes`() throws {
      let content = randomBytes(3_000_000, seed: 1)
      let file = memfd(content)
      defer { close(file) }
      let server = try Server { connection in
        connection.send(Array("head".utf8))
        connection.send(file: file, offset: 1000, count: 2_500_000, keeping: nil)
        connection.send(Array("middle".utf8))
        connection.send(file: file, offset: 0, count: 0, keeping: nil)
        connection.send(file: file, offset: 5, count: 7, keeping: nil)
        connection.closeOutput()
        return Recorder()
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      defer { socket.close() }
      let wanted = Array("head".utf8) + content[1000..<2_501_000] + Array("middle".utf8) + content[5..<12]
      #expect(socket.read() == wanted)
    }

    @Test func `a file that is too short closes the connection`() throws {
      let file = memfd(randomBytes(5000, seed: 1))
      defer { close(file) }
      let writer = Recorder()
      let released = Shared<[Bool]>([])
      let server = try Server { connection in
        connection.send(file: file, offset: 0, count: 6000, keeping: nil) { sent in released.with { $0.append(sent) } }
        return writer
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      defer { socket.close() }
      #expect(socket.read().count <= 5000)
      #expect(eventually { writer.isClosed })
      #expect(writer.error.now?.code == .truncatedFile)
      #expect(released.now == [false])
    }

    @Test func `a message above the limit closes, one below it does not`() throws {
      var settings = TCPListener.Settings()
      settings.connection.maximumPartialInputBytes = 50_000
      let readers = Shared<[Recorder]>([])
      let server = try Server(settings: settings) { _ in
        let reader = Recorder()
        // Waits for a line.
        reader.onBytes = { _, bytes in (bytes.lastIndex(of: 10) ?? -1) + 1 }
        readers.with { $0.append(reader) }
        return reader
      }
      defer { server.loop.end() }
      let good = try RawSocket(port: server.port)
      good.write([UInt8](repeating: 65, count: 49_000) + [10] + [UInt8](repeating: 65, count: 49_000) + [10])
      good.endOutput()
      #expect(eventually { readers.now.first?.isClosed == true })
      #expect(readers.now[0].error.now == nil && readers.now[0].events.now == ["ended 0", "closed"])
      good.close()
      let bad = try RawSocket(port: server.port)
      bad.write([UInt8](repeating: 65, count: 500_000))
      #expect(eventually { readers.now.count == 2 && readers.now[1].isClosed })
      #expect(readers.now[1].error.now?.code == .inputTooLong)
      bad.close()
    }

    @Test func `silence is reported while it lasts`() throws {
      let reader = Recorder()
      reader.onIdle = { [unowned reader] in if reader.events.now.count == 3 { $0.close() } }
      let server = try Server { connection in
        connection.setReadIdleTimeout(.milliseconds(10))
        return reader
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      #expect(eventually { reader.isClosed })
      #expect(reader.events.now == ["idle", "idle", "idle", "closed"])
      socket.close()
    }

    @Test func `many threads send on one connection`() throws {
      let reader = Recorder()
      let connection = Shared<Connection?>(nil)
      let server = try Server { accepted in
        connection.with { $0 = accepted }
        return reader
      }
      defer { server.loop.end() }
      let socket = try RawSocket(port: server.port)
      #expect(eventually { connection.now != nil })
      let sender = try #require(connection.now)
      connection.with { $0 = nil }
      for thread in 0..<4 {
        _ = startNetThread("sender") {
          for number in 0..<5000 {
            let message = [UInt8(thread), UInt8(number & 255), UInt8(number >> 8), 0]
            #expect(message.withUnsafeBytes { sender.sendFromAnyThread($0) })
          }
        }
      }
      let got = socket.read(4 * 4 * 5000)
      #expect(got.count == 80_000)
      var next = [0, 0, 0, 0]
      for at in stride(from: 0, to: got.count - 3, by: 4) {
        let thread = Int(got[at])
        #expect(Int(got[at + 1]) | Int(got[at + 2]) << 8 == next[thread])
        next[thread] += 1
      }
      socket.close()
      #expect(eventually { reader.isClosed })
      #expect(!sender.sendFromAnyThread(UnsafeRawBufferPointer(start: nil, count: 0)))
    }

    @Test func `using a connection on another thread stops the program`() async {
      await #expect(processExitsWith: .failure) {
        let server = try Server { _ in Echo() }
        server.listener.close()
      }
    }
  }
}

private func memfd(_ content: [UInt8]) -> Int32 {
  var path = Array("/tmp/martlet-net-test-XXXXXX".utf8CString)
  let file = mkstemp(&path)
  unlink(path)
  var at = 0
  while at < content.count {
    at += content.withUnsafeBytes { write(file, $0.baseAddress! + at, content.count - at) }
  }
  return file
}
