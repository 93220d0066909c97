import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import MartletSystem
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct HostilePeerTests {
    /// Connects, and gives the reasons that both sides have.
    private func refusal(_ settings: SessionSettings, _ scheduler: TestScheduler) throws -> String {
      let peer = ScriptedPeer()
      try peer.connect(to: scheduler, settings)
      #expect(eventually { peer.end.now != nil })
      #expect(peer.end.now?.kind == .refused)
      return peer.end.now?.description ?? ""
    }

    @Test func `another secret is refused, and both sides know why`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.secret = Array("the right one".utf8) }
        defer { scheduler.end() }
        let reason = "the secrets differ: give both sides the same --secret-file"
        #expect(try refusal(ScriptedPeer.settings(.client, secret: "a wrong one"), scheduler).hasSuffix(reason))
        #expect(eventually { scheduler.hasLine(reason) })
        let none = "the scheduler (Martlet \(MartletVersion.current)) has a secret, the worker (Martlet test) has none"
        #expect(try refusal(ScriptedPeer.settings(.worker), scheduler).contains(none))
        #expect(eventually { scheduler.hasLine(none) })
        #expect(scheduler.inspect { $0.peerCount } == 0)
      }
    }

    @Test func `another version or role is refused, and both sides know why`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler()
        defer { scheduler.end() }
        let versions = try refusal(ScriptedPeer.settings(.client, versions: 7...9), scheduler)
        #expect(versions.contains("speaks protocol 7 to 9") && versions.contains("speaks 2:"))
        #expect(eventually { scheduler.hasLine("speaks 7 to 9") })
        #expect(try refusal(ScriptedPeer.settings(.scheduler), scheduler).contains("does not talk to the scheduler"))
        #expect(eventually { scheduler.lines.now.count == 2 })
      }
    }

    @Test func `who says nothing, or only half of what it should, is closed`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.handshakeLimit = .milliseconds(200) }
        defer { scheduler.end() }
        // Nothing.
        let silent = try RawSocket(port: scheduler.port)
        #expect(!silent.read().isEmpty)
        silent.close()
        #expect(eventually { scheduler.hasLine("the handshake was not done within 0.2 seconds") })
        // Half a greeting, byte by byte.
        let slow = try RawSocket(port: scheduler.port)
        slow.write([80])
        slow.write([0])
        slow.write([UInt8]("MRTL".utf8))
        #expect(!slow.read().isEmpty)
        slow.close()
        #expect(eventually { scheduler.lines.now.count == 2 })
        // A browser at the wrong port.
        let browser = try RawSocket(port: scheduler.port)
        browser.write(Array("GET / HTTP/1.1\r\n".utf8))
        #expect(!browser.read().isEmpty)
        browser.close()
        #expect(eventually { scheduler.hasLine("the other side speaks HTTP") })
        // A worker that does not register.
        let unregistered = ScriptedPeer()
        try unregistered.connect(to: scheduler, ScriptedPeer.settings(.worker))
        #expect(eventually { unregistered.end.now != nil })
        #expect(unregistered.agreement.now != nil)
        #expect(eventually { scheduler.hasLine("a worker that did not register") })
        #expect(scheduler.inspect { $0.peerCount } == 0)
      }
    }

    /// A raw connection that has agreed as a client or a worker.
    private func agreedSocket(
      _ role: Hello.Role, _ scheduler: TestScheduler, receiveBytes: Int32 = 0
    ) throws -> RawSocket {
      let socket = try RawSocket(port: scheduler.port, receiveBytes: receiveBytes)
      var hello = ScriptedPeer.settings(role).hello
      hello.nonce = [UInt8](repeating: 7, count: 32)
      var handshake = Handshake(own: hello, accepting: [.scheduler], secret: [])
      socket.write(handshake.start())
      var answer: [UInt8] = []
      var unused = 0
      let size = socket.read(2)
      let greeting = socket.read(Int(size[0]) | Int(size[1]) << 8)
      guard case .agreed = try handshake.receive(size + greeting, answer: &answer, unused: &unused) else {
        throw Missing()
      }
      return socket
    }

    private func frame(_ head: [UInt8]) -> [UInt8] {
      Frame.prefix(.messages, headBytes: head.count, bodyBytes: 0) + head
    }

    @Test func `wrong frames and messages end their connection only`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.complaintsPerSecond = 100 }
        defer { scheduler.end() }
        let bystander = ScriptedClient()
        try bystander.connect(to: scheduler, ScriptedPeer.settings(.client))
        let cases: [(Hello.Role, [UInt8], String)] = [
          (.client, frame([99]), "a client's message of the unknown kind 99"),
          (.client, frame([2, 255, 255, 255, 255, 15]), "it sent what is no message"),
          (.client, [UInt8](repeating: 255, count: 16), "a frame of the unknown kind"),
          (
            .client, Frame.prefix(.messages, headBytes: 1 << 30, bodyBytes: 0),
            "a frame with a head of 1073741824 bytes"
          ),
          (.client, Frame.prefix(.data, headBytes: 1, bodyBytes: 1), "a frame with a body of 1 bytes"),
          (.client, Frame.prefix(.messages, headBytes: 50, bodyBytes: 0), "it hung up in the middle of a message"),
          (.worker, frame(WorkerToScheduler.goodbye.portableBytes()), "first message is not its registration"),
          (.worker, frame([1]), "it sent what is no message"),
        ]
        for (role, bytes, reason) in cases {
          let socket = try agreedSocket(role, scheduler)
          socket.write(bytes)
          socket.endOutput()
          #expect(socket.read().count < 1000)
          socket.close()
          #expect(eventually { scheduler.hasLine(reason) }, "\(reason): \(scheduler.lines.now)")
        }
        #expect(eventually { scheduler.inspect { $0.peerCount } == 1 })
        bystander.say(ClientToScheduler.heartbeat)
        #expect(eventually { bystander.heard.now == [.heartbeat] })
      }
    }

    @Test func `thousands of random byte strings change nothing`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.handshakeLimit = .milliseconds(500) }
        defer { scheduler.end() }
        let before = martlet_resident_bytes()
        for seed in sampled(0..<3000 as Range<UInt64>) {
          var random = SeededGenerator(seed: seed)
          // The size first, now and then a right one, then anything; to the other port, too.
          let port = seed % 4 == 3 ? scheduler.server.httpAddress?.port ?? 0 : scheduler.port
          let socket = try RawSocket(port: port)
          var bytes = (0..<random.below(random.pick([4, 100, 3000]))).map { _ in UInt8(random.below(256)) }
          if random.chance(50), bytes.count > 6 {
            bytes[1] = UInt8(random.below(5))
            if random.chance(50) { bytes.replaceSubrange(2..<6, with: Array("MRTL".utf8)) }
          }
          socket.write(bytes)
          if random.chance(80) { socket.endOutput() }
          socket.close()
        }
        #expect(eventually { scheduler.inspect { $0.peerCount } == 0 })
        #expect(martlet_resident_bytes() - before < 256 << 20)
        // Not a line for each of them.
        #expect(scheduler.lines.now.count < 1500)
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        client.say(ClientToScheduler.heartbeat)
        #expect(eventually { client.agreement.now != nil })
      }
    }

    @Test(arguments: sampled(0..<4 as Range<UInt64>))
    func `damaged messages of a worker and a client end their connections, not the process`(seed: UInt64) async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.complaintsPerSecond = 10_000 }
        defer { scheduler.end() }
        var random = SeededGenerator(seed: seed)
        var graph = SumGraph()
        graph.arguments = (0..<20).map { _ in Int(truncatingIfNeeded: random.next()) }
        graph.inputs = (0..<20).map { $0 == 0 ? [] : [random.below($0)] }
        let register = WorkerToScheduler.register(ScriptedWorker("x").registration).portableBytes()
        let handle = TaskHandle(slot: 3, generation: 0)
        let run = RunID(rawValue: 1)
        let bases: [(Hello.Role, [[UInt8]])] = [
          (.client, [ClientToScheduler.submit(graph.submission(graph: 1, family: seed)).portableBytes()]),
          (.client, [ClientToScheduler.release([handle]).portableBytes(), ClientToScheduler.goodbye.portableBytes()]),
          (
            .worker,
            [
              register, WorkerToScheduler.heartbeat(WorkerMetrics()).portableBytes(),
              WorkerToScheduler.finished([
                TaskEnd(task: handle, run: run, nanoseconds: 1, byteCount: 8, type: "t", inline: [1, 2])
              ]).portableBytes(), WorkerToScheduler.stealAnswer(handle, run, gave: true).portableBytes(),
              WorkerToScheduler.missing(handle, from: WorkerID(rawValue: 0), run: RunID(rawValue: 1)).portableBytes(),
              WorkerToScheduler.fetched([handle]).portableBytes(), WorkerToScheduler.retire.portableBytes(),
            ]
          ),
        ]
        for _ in 0..<120 {
          let (role, messages) = random.pick(bases)
          let socket = try agreedSocket(role, scheduler)
          var bytes = messages.flatMap { $0 }
          // Some bytes changed; behind the registration of most workers, so that others see them.
          let first = role == .worker && random.chance(80) ? register.count : 0
          for _ in 0..<random.below(4) where bytes.count > first {
            bytes[first + random.below(bytes.count - first)] = UInt8(random.below(256))
          }
          if random.chance(20) { bytes.removeLast(random.below(bytes.count)) }
          socket.write(frame(bytes))
          if random.chance(50) {
            socket.endOutput()
            if random.chance(50) { _ = socket.read() }
          }
          socket.close()
        }
        #expect(eventually { scheduler.inspect { $0.peerCount } == 0 }, "seed \(seed)")
        #expect(scheduler.inspect { $0.core.brokenInvariant() ?? "none" } == "none", "seed \(seed)")
      }
    }

    @Test func `more connections than allowed are refused with the reason`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.maximumPeers = 2 }
        defer { scheduler.end() }
        let clients = [ScriptedClient(), ScriptedClient()]
        for client in clients { try client.connect(to: scheduler, ScriptedPeer.settings(.client)) }
        #expect(eventually { clients.allSatisfy { $0.agreement.now != nil } })
        let reason = try refusal(ScriptedPeer.settings(.client), scheduler)
        #expect(reason.hasSuffix("the scheduler has 2 connections, which is its limit"))
        #expect(scheduler.hasLine("refused: there are 2 connections already"))
        clients[0].hangUp()
        #expect(eventually { scheduler.inspect { $0.peerCount } == 1 })
        let third = ScriptedClient()
        try third.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { third.agreement.now != nil })
      }
    }

    @Test func `a worker that does not read is lost at the limit, and a client that does not read is not read`()
      async throws
    {
      try await asideAlone {
        let scheduler = try TestScheduler { settings in
          settings.outputLimitBytes = 300_000
          settings.connection.kernelSendBytes = 4096
          settings.connection.highWaterBytes = 100_000
          settings.connection.lowWaterBytes = 50_000
        }
        defer { scheduler.end() }
        let register = WorkerToScheduler.register(ScriptedWorker("deaf").registration).portableBytes()
        let worker = try agreedSocket(.worker, scheduler, receiveBytes: 4096)
        // Each registration but the first is refused with a sentence.
        let many = frame((0..<1000).flatMap { _ in register })
        for _ in 0..<40 where worker.write(many) {}
        #expect(eventually { scheduler.hasLine("is gone: connection lost: it does not read") })
        worker.close()

        let client = try agreedSocket(.client, scheduler, receiveBytes: 4096)
        let questions = frame(
          (0..<1000).flatMap {
            ClientToScheduler.unpublish(request: UInt32($0), name: "a name of some length").portableBytes()
          })
        client.write(questions)
        for _ in 0..<3 { client.write(questions) }
        #expect(eventually { scheduler.inspect { $0.queuedBytes > 100_000 } == true })
        // Reading it makes the scheduler go on.
        #expect(client.read(4000 * 40).count == 4000 * 40)
        client.close()
        #expect(!scheduler.hasLine("client 0 is gone: it does not read"))
      }
    }
  }
}
