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
  /// A worker whose scheduler and whose peers say anything. It stays up, its memory small, and then works for a scheduler that is
  /// honest.
  @Suite struct HostileServerTests {
    /// The work of a graph's one task, as a scheduler names it.
    private func work(_ graph: TaskGraph, _ node: TaskID, _ registry: TaskFunctionRegistry) throws -> AssignedWork {
      var shipment = try GraphShipment(graph, number: 1, wanted: [node], registry: registry)
      let piece = try #require(try shipment.next())
      guard case .call(let function, let arguments)? = piece.tasks.first?.work else { throw Missing() }
      return .call(piece.functions[Int(function)], arguments: arguments)
    }

    /// What a scheduler says, of every kind but those that end a worker.
    private struct Sayings: Sendable {
      var works: [AssignedWork]
      /// Where the hostile peer is.
      var peer: String

      func welcome(_ random: inout SeededGenerator) -> SchedulerToWorker {
        .welcome(
          WorkerID(rawValue: UInt32(random.below(3))), epoch: UInt64(random.below(3)),
          heartbeatNanoseconds: random.pick([1_000_000_000, 1_000_000_000, 0, 1, .max]),
          keep: random.chance(80) ? [] : [Holding(task: task(&random), digest: key(1), type: "Int", byteCount: 8)])
      }

      private func key(_ number: Int) -> Digest128 { Digest128(low: UInt64(number), high: 3) }
      private func task(_ random: inout SeededGenerator) -> TaskHandle {
        TaskHandle(slot: UInt32(random.below(8)), generation: UInt32(random.below(2)))
      }
      private func run(_ random: inout SeededGenerator) -> RunID { RunID(rawValue: UInt32(random.below(6))) }

      private func holders(_ random: inout SeededGenerator) -> [PeerRef] {
        (0..<random.below(3)).map { _ in
          PeerRef(
            worker: WorkerID(rawValue: UInt32(random.below(4))),
            address: random.chance(80) ? peer : random.pick(["", "nowhere", "127.0.0.1:1", "[::1]:99999"]))
        }
      }

      private func input(_ random: inout SeededGenerator) -> InputRef {
        let number = random.below(8)
        return InputRef(
          task: TaskHandle(slot: UInt32(number), generation: 0), digest: key(number), run: run(&random),
          byteCount: random.pick([8_048, 8_048, 8_048, 0, 1 << 20, 1 << 33]), holders: holders(&random),
          inline: random.chance(20) ? [1, 2, 3] : nil, type: random.pick(["[UInt64]", "Int", "", "Nothing"]))
      }

      func compute(_ random: inout SeededGenerator) -> SchedulerToWorker {
        .compute(
          (0...random.below(4)).map { _ in
            let task = task(&random)
            return ComputeTask(
              task: task, run: run(&random), digest: key(Int(task.slot)), label: "job", priority: random.next(),
              work: random.pick(works + [.gather(element: "Int"), .alias, .signal, .literal(type: "Int", bytes: [9])]),
              timeoutNanoseconds: random.pick([0, 0, 1, 1_000_000_000]), isBlocking: random.chance(10),
              resources: random.chance(90) ? [] : [ResourceAmount(name: "x", amount: 1)],
              inputs: (0..<random.below(4)).map { _ in input(&random) })
          })
      }

      func any(_ random: inout SeededGenerator) -> SchedulerToWorker {
        switch random.below(16) {
        case 0: welcome(&random)
        case 1: .cancel([TaskRun(task: task(&random), run: run(&random))])
        case 2: .release([task(&random), task(&random)])
        case 3, 4: .fetch([input(&random), input(&random)])
        case 5: .steal(task(&random), run(&random))
        case 6: .holders(task(&random), holders(&random), run: run(&random))
        case 7: .peerLost(WorkerID(rawValue: UInt32(random.below(4))))
        case 8: .coordinated(request: UInt32(random.below(4)), .done)
        case 9: .heartbeat
        case 10: random.chance(10) ? .goodbye(reason: "no reason") : .heartbeat
        case 11: .named([NamedTask(task: task(&random), digest: key(random.below(8)))])
        default: compute(&random)
        }
      }
    }

    /// Whether a worker that hears this has to end: it is refused, or all that it had is elsewhere.
    private static func endsWorker(_ head: [UInt8]) -> Bool {
      var reader = ByteReader(head)
      while reader.remaining > 0, let message = try? SchedulerToWorker(from: &reader) {
        switch message {
        case .refused, .retired: return true
        default: break
        }
      }
      return false
    }

    /// What a peer answers that has been asked for results.
    private static func serve(_ connection: HostileConnection, _ random: inout SeededGenerator) {
      if random.chance(10) { return connection.write(Damage.anything(300, &random)) }
      guard connection.agree() else { return }
      while let head = connection.nextHead() {
        var reader = ByteReader(head)
        guard case .get(let request, let names)? = try? PeerRequest(from: &reader) else { continue }
        for name in names {
          let count = random.pick([1000, 1000, 0, 20_000])
          var body = Numbers.list(count, 7).portableBytes()
          var reply = PeerReply.data(
            request: request, task: name.task, type: "[UInt64]", byteCount: Int64(body.count))
          switch random.below(10) {
          case 0: body = Damage.changed(body, &random)
          case 1: reply = .data(request: request, task: name.task, type: "[UInt64]", byteCount: 1 << 40)
          case 2: reply = .data(request: request &+ 1, task: name.task, type: "Int", byteCount: Int64(body.count))
          case 3:
            connection.write(Damage.frame(PeerReply.missing(request: request, task: name.task).portableBytes()))
            continue
          case 4:
            let busy = PeerReply.busy(request: request, retryAfterNanoseconds: random.pick([0, 1, -1, .max]))
            connection.write(Damage.frame(busy.portableBytes()))
            continue
          case 5: connection.write(Damage.frame(PeerReply.done(request: request).portableBytes()))
          case 6: return connection.write(Damage.anything(100, &random))
          case 7: return
          default: break
          }
          var bytes = Damage.frame(reply.portableBytes(), body: body)
          if random.chance(15) { bytes = Damage.changed(bytes, &random) }
          connection.write(bytes)
        }
        if random.chance(80) { connection.write(Damage.frame(PeerReply.done(request: request).portableBytes())) }
      }
    }

    @Test func `a scheduler that is none ends the worker with the reason`() async throws {
      try await asideAlone {
        for (greeting, reason) in [
          (Array("HTTP/1.1 400 Bad Request\r\n".utf8), "no Martlet"), ([3, 0, 1, 2, 3], "no Martlet"),
        ] {
          let hostile = HostileServer(.scheduler, accepting: .worker) {
            $0.write(greeting)
            $0.linger(milliseconds: 10_000)
          }
          defer { hostile.end() }
          let worker = try TestWorker("a", port: hostile.port, try workerRegistry(), directory: "")
          let end = worker.server.waitUntilEnded()
          guard case .refused(let text) = end else {
            Issue.record("\(end)")
            continue
          }
          #expect(text.contains(reason))
        }
      }
    }

    @Test(arguments: 0..<3 as Range<UInt64>)
    func `a worker outlives a scheduler and peers that say anything`(seed: UInt64) async throws {
      try await asideAlone {
        let registry = try workerRegistry()
        var sums = GraphBuilder()
        let sum = sums.call(Sum(constant: 3))
        var mixes = GraphBuilder()
        let mix = mixes.call(Mix())
        let works = [try work(sums.build(), sum.id, registry), try work(mixes.build(), mix.id, registry)]
        let peer = HostileServer(.worker, accepting: .worker) { connection in
          var random = SeededGenerator(seed: seed &* 1000 &+ UInt64(connection.number))
          Self.serve(connection, &random)
        }
        let sayings = Sayings(works: works, peer: "127.0.0.1:\(peer.port)")
        let rounds = 40
        let hostile = HostileServer(.scheduler, accepting: .worker) { connection in
          var random = SeededGenerator(seed: seed &* 1000 &+ UInt64(connection.number) &+ 500)
          let isLast = connection.number > rounds
          guard connection.agree() else { return }
          if !isLast, random.chance(5) { return connection.write(Damage.anything(200, &random)) }
          var head = sayings.welcome(&random).portableBytes()
          if random.chance(10) { head = Damage.changed(head, &random) }
          for _ in 0..<(2 + random.below(8)) {
            let message = sayings.any(&random).portableBytes()
            head += random.chance(30) && !isLast ? Damage.changed(message, &random) : message
            if random.chance(60) || Self.endsWorker(head) {
              if !Self.endsWorker(head) { connection.write(Damage.frame(head)) }
              head = []
            }
          }
          // What is asked for last is asked for at the peer, whatever came before.
          if isLast {
            for _ in 0..<10 { head += sayings.compute(&random).portableBytes() }
          }
          if !head.isEmpty {
            let bytes = Damage.frame(head)
            connection.write(random.chance(20) && !isLast ? Array(bytes.dropLast(random.below(9))) : bytes)
          }
          connection.linger(milliseconds: isLast ? 60_000 : random.below(40))
        }
        let directory = "/tmp/martlet-test-\(getpid())-\(UInt32.random(in: 0 ... .max))"
        let worker = try TestWorker("a", port: hostile.port, registry, directory: directory) {
          $0.memoryLimit = 64 << 20
          $0.measuresProcess = false
          $0.handshakeLimit = .milliseconds(500)
          $0.transferSilence = .milliseconds(500)
        }
        let before = martlet_resident_bytes()
        try #require(
          eventually { hostile.connections.now > rounds && peer.agreements.now > 5 },
          "seed \(seed): \(hostile.connections.now), \(peer.agreements.now), \(worker.lines.now.suffix(9))")
        #expect(hostile.agreements.now > rounds / 2, "seed \(seed)")
        #expect(worker.inspect { $0.core.brokenInvariant() ?? "" } == "", "seed \(seed)")
        #expect(martlet_resident_bytes() - before < 256 << 20, "seed \(seed)")
        hostile.end()
        peer.end()

        // Another scheduler takes the port.
        let scheduler = try TestScheduler { $0.port = hostile.port }
        defer { scheduler.end() }
        let client = GraphClient(registry)
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil })
        #expect(eventually { scheduler.inspect { $0.peerCount } == 2 }, "\(worker.lines.now.suffix(5))")
        var builder = GraphBuilder()
        let numbers = builder.call(Numbers(count: 50_000, seed: 4))
        let total = builder.call(Mix(), on: [numbers])
        let sent = try client.submit(builder.build(), [total.id])
        #expect(client.wait(sent), "seed \(seed): \(worker.lines.now.suffix(5))")
        #expect(try client.value(sent, as: UInt64.self) == Mix.of([Numbers.list(50_000, 4)]), "seed \(seed)")
        #expect(worker.inspect { $0.core.brokenInvariant() ?? "" } == "", "seed \(seed)")
        worker.server.stop()
        #expect(worker.server.waitUntilEnded() == .stopped)
        client.closeFetchers()
        rmdir(directory)
      }
    }
  }
}
