import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct SchedulerServerTests {
    @Test(arguments: ["", "a shared secret"])
    func `workers compute a client's graph, whether there is a secret or not`(secret: String) async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.secret = Array(secret.utf8) }
        defer { scheduler.end() }
        let workers = [ScriptedWorker("one"), ScriptedWorker("two")]
        for worker in workers { try worker.connect(to: scheduler, ScriptedPeer.settings(.worker, secret: secret)) }
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client, secret: secret))
        #expect(eventually { client.agreement.now != nil && workers.allSatisfy { !$0.heard.now.isEmpty } })
        for seed in 1...4 as ClosedRange<UInt64> {
          try compute(seed: seed, tasks: 150, client)
        }
        #expect(workers.allSatisfy { $0.runs.now > 0 })
        #expect(client.agreement.now?.peer.role == .scheduler)
        client.say(ClientToScheduler.goodbye)
        #expect(eventually { client.end.now?.kind == .lost })
        #expect(scheduler.inspect { $0.core.leftover() ?? "nothing" } == "nothing")
        #expect(scheduler.inspect { $0.core.brokenInvariant() ?? "none" } == "none")
      }
    }

    private func compute(seed: UInt64, tasks: Int, _ client: ScriptedClient) throws {
      var random = SeededGenerator(seed: seed)
      var graph = SumGraph()
      for task in 0..<tasks {
        graph.arguments.append(Int(truncatingIfNeeded: random.next()))
        graph.inputs.append(task == 0 ? [] : Array(Set((0..<random.below(4)).map { _ in random.below(task) })).sorted())
      }
      client.say(ClientToScheduler.submit(graph.submission(graph: UInt32(seed), family: seed)))
      #expect(eventually { client.handles.now[UInt32(seed)]?.count == tasks }, "seed \(seed)")
      let handles = try #require(client.handles.now[UInt32(seed)])
      #expect(
        eventually { client.results.with { results in handles.allSatisfy { results[$0] != nil } } }, "seed \(seed)")
      let expected = graph.expected().map { $0.portableBytes() }
      let results = client.results.now
      #expect(handles.map { results[$0] } == expected.map(Optional.some), "seed \(seed)")
    }

    @Test func `what a worker had not finished when its connection broke is done by another`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler()
        defer { scheduler.end() }
        let dying = ScriptedWorker("dying")
        dying.diesAt = 20
        try dying.connect(to: scheduler, ScriptedPeer.settings(.worker))
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil && !dying.heard.now.isEmpty })
        let other = ScriptedWorker("other")
        try other.connect(to: scheduler, ScriptedPeer.settings(.worker))
        try compute(seed: 9, tasks: 200, client)
        // What it had not read when it hung up makes the kernel say that it was reset.
        #expect(scheduler.hasLine("(dying, dying:1) is gone: connection lost: "), "\(scheduler.lines.now)")
        #expect(other.heard.now.contains(.peerLost(WorkerID(rawValue: 0))))
        // Who vanishes wants nothing any more.
        client.hangUp()
        #expect(eventually { scheduler.hasLine("client 0 is gone") })
        #expect(eventually { scheduler.inspect { $0.core.leftover() ?? "nothing" } == "nothing" })
      }
    }

    @Test func `a client may ask for what operators see`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler()
        defer { scheduler.end() }
        let worker = ScriptedWorker("ann \"o'\" <x>")
        try worker.connect(to: scheduler, ScriptedPeer.settings(.worker))
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil && !worker.heard.now.isEmpty })
        client.say(ClientToScheduler.ask(request: 3, .workers))
        client.say(ClientToScheduler.ask(request: 4, .tasks))
        client.say(ClientToScheduler.heartbeat)
        #expect(eventually { client.heard.now.count == 3 })
        guard case .answer(3, let workers)? = client.heard.now.first else { throw Missing() }
        #expect(workers.hasPrefix(#"[{"id":0,"name":"ann \"o'\" \u003cx>","address":"#))
        guard case .answer(4, let tasks)? = client.heard.now.dropFirst().first else { throw Missing() }
        #expect(tasks.hasPrefix(#"{"total":0,"states":{"released":0,"#))
        #expect(client.heard.now.last == .heartbeat)
      }
    }

    @Test func `all peers hear goodbye when it ends`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler()
        let worker = ScriptedWorker("one")
        try worker.connect(to: scheduler, ScriptedPeer.settings(.worker))
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil && !worker.heard.now.isEmpty })
        let silent = try RawSocket(port: scheduler.port)
        #expect(eventually { scheduler.inspect { $0.peerCount } == 3 })
        scheduler.server.stop("the test is over")
        #expect(!silent.read().isEmpty)
        silent.close()
        scheduler.end()
        #expect(client.heard.now.last == .goodbye(reason: "the test is over"))
        #expect(worker.heard.now.last == .goodbye(reason: "the test is over"))
      }
    }

    @Test func `it ends by itself when nobody has needed it for long`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.idleLimit = .milliseconds(300) }
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil })
        #expect(client.end.now == nil)
        client.hangUp()
        scheduler.server.waitUntilStopped()
        #expect(scheduler.hasLine("nobody has needed this scheduler"))
        scheduler.end()
      }
    }

    @Test func `a task too large for a frame fails instead of stopping the cluster`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.core.inlineBudgetBytes = 64 << 20 }
        defer { scheduler.end() }
        let worker = ScriptedWorker("one")
        try worker.connect(to: scheduler, ScriptedPeer.settings(.worker))
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil && !worker.heard.now.isEmpty })
        // Nine thousand constants of 2 KiB each, which the scheduler alone holds, are the inputs of one task.
        var submission = Submission(graph: 1, isLast: false)
        submission.types = ["Blob"]
        submission.labels = ["x"]
        let bytes = [UInt8](repeating: 1, count: 2 << 10)
        let family = Digest128(low: 3, high: 3)
        for piece in 0..<3 as Range<UInt64> {
          submission.tasks = (0..<3000).map { number in
            SubmittedTask(digest: family.member(piece * 3000 + number), label: 0, work: .literal(type: 0, bytes: bytes))
          }
          client.say(ClientToScheduler.submit(submission))
        }
        var last = Submission(graph: 1, isLast: true)
        last.functions = [ScriptedWorker.function]
        last.labels = ["all"]
        last.tasks = [
          SubmittedTask(
            digest: Digest128(low: 4, high: 4), label: 0, work: .call(function: 0, arguments: []),
            dependencies: (0..<9000).map { .known(family.member($0)) })
        ]
        last.wanted = [0]
        client.say(ClientToScheduler.submit(last))
        #expect(eventually { !client.failures.now.isEmpty })
        let failure = try #require(client.failures.now.values.first)
        #expect(failure.kind == .unsendable && failure.label == "all")
        #expect(failure.message.contains("cannot be sent to a worker: a message of"))
        try compute(seed: 5, tasks: 20, client)
      }
    }
  }
}

struct Missing: Error {}
