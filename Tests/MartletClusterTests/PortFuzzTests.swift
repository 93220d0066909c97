import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import MartletSystem
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

extension ClusterTests {
  /// Messages that are cut, lengthened and changed, and anything else, to every port of a scheduler and a worker, before and
  /// after a valid handshake. Both stay up, keep their tables right and their memory small, and serve who is honest.
  @Suite struct PortFuzzTests {
    /// A connection that has agreed with the server of a role.
    private func agreedSocket(
      _ own: Hello.Role, with server: Hello.Role, port: Int, secret: String = ""
    ) throws -> RawSocket {
      let socket = try RawSocket(port: port)
      var hello = ScriptedPeer.settings(own).hello
      hello.nonce = [UInt8](repeating: 9, count: 32)
      var handshake = Handshake(own: hello, accepting: [server], secret: Array(secret.utf8))
      socket.write(handshake.start())
      let size = socket.read(2)
      let greeting = socket.read(Int(size[0]) | Int(size[1]) << 8)
      var answer: [UInt8] = []
      var unused = 0
      _ = try handshake.receive(size + greeting, answer: &answer, unused: &unused)
      socket.write(answer)
      if !secret.isEmpty { _ = socket.read(Self.proofBytes) }
      return socket
    }

    /// A proof on the wire: its size, and an HMAC of 32 bytes.
    private static let proofBytes = 34

    /// What clients and workers say to a scheduler, of every kind.
    private static let toScheduler: [(Hello.Role, [UInt8])] = {
      var graph = SumGraph()
      graph.arguments = [1, 2, 3]
      graph.inputs = [[], [0], [0, 1]]
      let task = TaskHandle(slot: 0, generation: 0)
      let run = RunID(rawValue: 1)
      let digest = Digest128(low: 5, high: 5)
      let call = WorkersCall(digest: digest, label: "all", function: ScriptedWorker.function, arguments: [])
      let data = ScatteredValue(
        digest: digest, label: "data", type: "Int", byteCount: 9, holders: [WorkerID(rawValue: 0)], bytes: [1])
      let client: [ClientToScheduler] = [
        .submit(graph.submission(graph: 1, family: 3)), .release([task]), .cancel([task], force: true), .retry([task]),
        .scatter([data]), .publish(request: 1, name: "n", tasks: [task], overwrites: true),
        .unpublish(request: 2, name: "n"), .subscribe(request: 3, name: "n"), .ask(request: 4, .workers),
        .ask(request: 5, .tasks), .ask(request: 6, .story(digest)), .want(request: 7, [digest]),
        .missing([task], from: "a:1"), .replicate(request: 8, [task], copies: 2), .rebalance(request: 9, []),
        .runOnWorkers(request: 10, call), .heartbeat, .goodbye,
        .coordinate(request: 11, .put(queue: "q", value: .task(task), limit: 1, timeoutNanoseconds: 5)),
        .coordinate(
          request: 12, .acquire(semaphore: "s", places: 1, of: 1, leaseNanoseconds: 5, timeoutNanoseconds: 5)),
        .abandon(request: 12),
      ]
      let end = TaskEnd(task: task, run: run, nanoseconds: 1, byteCount: 8, type: "Int", inline: [1])
      let failure = FailureRecord(.threw, key: digest, label: "job", message: "no")
      let worker: [WorkerToScheduler] = [
        .heartbeat(WorkerMetrics()), .finished([end]), .failed(task, run, failure), .fetched([task]),
        .missing(task, from: WorkerID(rawValue: 0), run: run), .dropped([task]), .stealAnswer(task, run, gave: true),
        .paused(true), .retire, .goodbye, .coordinate(request: 1, .read(variable: "v", timeoutNanoseconds: 0)),
        .abandon(request: 1),
      ]
      return client.map { (.client, $0.portableBytes()) } + worker.map { (.worker, $0.portableBytes()) }
    }()

    private static let registration: [UInt8] =
      WorkerToScheduler.register(ScriptedWorker("fuzz").registration).portableBytes()

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `changed messages of every kind and random bytes, to every port`(seed: UInt64) async throws {
      try await asideAlone {
        var random = SeededGenerator(seed: seed)
        let cluster = try TestCluster {
          $0.handshakeLimit = .milliseconds(500)
          $0.complaintsPerSecond = 10_000
        }
        defer { cluster.end() }
        let worker = try cluster.add("a") {
          $0.httpPort = 0
          $0.handshakeLimit = .milliseconds(500)
        }
        let schedulerPort = cluster.scheduler.port
        let workerPort = try #require(HostAndPort(worker.server.address)).port
        let httpPorts = [try #require(cluster.scheduler.server.httpAddress).port, try #require(worker.server.httpPort)]
        let linesBefore = cluster.scheduler.lines.now.count
        let before = martlet_resident_bytes()
        for round in 0..<250 {
          let socket: RawSocket
          switch random.below(5) {
          case 0:
            // No handshake at all, or half of one.
            socket = try RawSocket(port: random.pick([schedulerPort, workerPort] + httpPorts))
            socket.write((0..<random.below(400)).map { _ in UInt8(truncatingIfNeeded: random.next()) })
          case 1:
            socket = try RawSocket(port: random.pick(httpPorts))
            let path = random.pick(["/health", "/metrics", "/api/workers", "/api/worker", "/api/story/00ff", "/"])
            let request = "GET \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc"
            socket.write(Damage.changed(Array(request.utf8), &random))
          case 2, 3:
            let (role, _) = random.pick(Self.toScheduler)
            socket = try agreedSocket(role, with: .scheduler, port: schedulerPort)
            var head = role == .worker && random.chance(80) ? Self.registration : []
            for _ in 0...random.below(4) {
              let (other, message) = random.pick(Self.toScheduler)
              if other == role { head += Damage.changed(message, &random) }
            }
            let bytes = Damage.frame(head.isEmpty ? [11] : head)
            socket.write(random.chance(20) ? Damage.changed(bytes, &random) : bytes)
          default:
            socket = try agreedSocket(random.pick([.client, .worker]), with: .worker, port: workerPort)
            let value = PutValue(digest: Digest128(low: UInt64(round), high: seed), type: "Int", byteCount: 16)
            let name = NamedTask(task: TaskHandle(slot: 0, generation: 0), digest: Digest128(low: 1, high: 1))
            let messages: [PeerRequest] = [
              .get(request: 1, [name, name]), .put(request: 2, [value]), .abandon(request: 1),
            ]
            for message in messages where random.chance(60) {
              socket.write(Damage.changed(Damage.frame(Damage.changed(message.portableBytes(), &random)), &random))
            }
            socket.write(
              Damage.frame(
                Damage.changed(value.portableBytes(), &random), body: Damage.changed(7.portableBytes() + [0], &random)))
          }
          if random.chance(70) {
            socket.endOutput()
            if random.chance(30) { _ = socket.read(1) }
          }
          socket.close()
        }
        #expect(eventually { cluster.scheduler.inspect { $0.peerCount } == 2 }, "seed \(seed)")
        #expect(eventually { worker.inspect { $0.requesters.count } == 0 }, "seed \(seed)")
        #expect(cluster.scheduler.inspect { $0.core.brokenInvariant() ?? "" } == "", "seed \(seed)")
        #expect(cluster.brokenInvariant == "", "seed \(seed)")
        #expect(martlet_resident_bytes() - before < 128 << 20, "seed \(seed)")
        // Each connection that was closed has a reason in the log.
        #expect(cluster.scheduler.lines.now.count > linesBefore + 50, "seed \(seed)")
        #expect(cluster.scheduler.hasLine("it sent what is no message"), "seed \(seed)")
        var builder = GraphBuilder()
        let node = builder.call(Numbers(count: 50_000, seed: 4))
        let sent = try cluster.client.submit(builder.build(), [node.id])
        #expect(cluster.client.wait(sent), "seed \(seed)")
        #expect(try cluster.client.value(sent, as: [UInt64].self) == Numbers.list(50_000, 4), "seed \(seed)")
      }
    }

    @Test(arguments: 0..<2 as Range<UInt64>)
    func `where there is a secret, nothing is said to who does not prove that it knows it`(seed: UInt64) async throws {
      try await asideAlone {
        let secret = "the right one"
        let cluster = try TestCluster(secret: secret) {
          $0.handshakeLimit = .milliseconds(500)
          $0.complaintsPerSecond = 10_000
        }
        defer { cluster.end() }
        let worker = try cluster.add("a") { $0.handshakeLimit = .milliseconds(500) }
        let ports = [cluster.scheduler.port, try #require(HostAndPort(worker.server.address)).port]
        let before = martlet_resident_bytes()
        var random = SeededGenerator(seed: seed)
        var oldProof = [UInt8](repeating: 1, count: Self.proofBytes)
        for _ in 0..<120 {
          let place = random.below(2)
          let server: Hello.Role = place == 0 ? .scheduler : .worker
          var hello = ScriptedPeer.settings(.client).hello
          hello.nonce = Damage.anything(Handshake.nonceBytes, &random)
          let way = random.below(6)
          var handshake = Handshake(
            own: hello, accepting: [server], secret: Array((way == 0 ? "a wrong one" : secret).utf8))
          let start = handshake.start()
          let sent = way == 1 ? Damage.changed(start, &random) : start
          let socket = try RawSocket(port: ports[place])
          defer { socket.close() }
          socket.write(sent)
          let size = socket.read(2)
          let greeting = socket.read(Int(size[0]) | Int(size[1]) << 8)
          var proof: [UInt8] = []
          var unused = 0
          _ = try handshake.receive(size + greeting, answer: &proof, unused: &unused)
          #expect(proof.count == Self.proofBytes)
          let right = proof
          switch way {
          case 2: proof = Damage.changed(proof, &random)
          case 3: proof = Damage.anything(random.below(200), &random)
          case 4: proof = oldProof
          default: break
          }
          socket.write(proof)
          // Behind the proof, what is asked of who has agreed.
          let ask = ClientToScheduler.ask(request: 1, .workers).portableBytes()
          let get = PeerRequest.get(request: 1, []).portableBytes()
          let request = Damage.frame(place == 0 ? ask : get)
          socket.write(way == 5 ? Damage.changed(request, &random) : request)
          socket.endOutput()
          let answer = socket.read()
          if sent == start, proof.starts(with: right), way > 0 {
            oldProof = right
            continue
          }
          // Its own proof at most, which says nothing of the secret; then a refusal, or nothing.
          let rest = [UInt8](answer.starts(with: [32, 0]) ? answer.dropFirst(Self.proofBytes) : answer[...])
          #expect(rest.isEmpty || Handshake.reason(atStartOf: rest) != nil, "seed \(seed), way \(way): \(answer)")
        }
        #expect(eventually { cluster.scheduler.inspect { $0.peerCount } == 2 }, "seed \(seed)")
        #expect(eventually { worker.inspect { $0.requesters.count } == 0 }, "seed \(seed)")
        #expect(cluster.scheduler.hasLine("the secrets differ"))
        // Who knows the secret may say anything, too.
        for _ in 0..<60 {
          let (role, message) = random.pick(Self.toScheduler)
          let socket = try agreedSocket(role, with: .scheduler, port: ports[0], secret: secret)
          let head = (role == .worker ? Self.registration : []) + Damage.changed(message, &random)
          socket.write(Damage.changed(Damage.frame(head), &random))
          socket.close()
        }
        #expect(eventually { cluster.scheduler.inspect { $0.peerCount } == 2 }, "seed \(seed)")
        #expect(cluster.scheduler.inspect { $0.core.brokenInvariant() ?? "" } == "", "seed \(seed)")
        #expect(martlet_resident_bytes() - before < 128 << 20, "seed \(seed)")
        var builder = GraphBuilder()
        let node = builder.call(Numbers(count: 50_000, seed: 4))
        let wanted = try cluster.client.submit(builder.build(), [node.id])
        #expect(cluster.client.wait(wanted), "seed \(seed)")
        #expect(try cluster.client.value(wanted, as: [UInt64].self) == Numbers.list(50_000, 4), "seed \(seed)")
      }
    }
  }
}
