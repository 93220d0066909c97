import Glibc
import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import MartletWorker
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

extension ClusterTests {
  @Suite struct WorkerFaultTests {
    /// Two hundred sums, each of two of those before.
    private func sums(_ random: UInt64) -> (graph: TaskGraph, wanted: [TaskID], expected: [Int]) {
      var generator = SeededGenerator(seed: random)
      var builder = GraphBuilder()
      var nodes: [Node<Int>] = []
      var expected: [Int] = []
      for place in 0..<200 {
        let inputs = place == 0 ? [] : (0..<2).map { _ in generator.below(place) }
        nodes.append(builder.call(Sum(constant: place), on: inputs.map { nodes[$0] }))
        expected.append(inputs.reduce(place) { $0 &+ expected[$1] })
      }
      return (builder.build(), nodes.map(\.id), expected)
    }

    private func check(_ cluster: TestCluster, seed: UInt64) throws {
      let (graph, wanted, expected) = sums(seed)
      let sent = try cluster.client.submit(graph, wanted)
      #expect(cluster.client.wait(sent))
      for place in wanted.indices {
        #expect(try cluster.client.value(sent, place, as: Int.self) == expected[place], "task \(place)")
      }
    }

    @Test func `what a worker was doing when it was stopped is done by another`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let first = try cluster.add("first")
        let door = Doors.new()
        var builder = GraphBuilder()
        let large = builder.call(Numbers(count: 50_000, seed: 4))
        let waiting = builder.call(WaitAt(door: door), on: [large])
        let mix = builder.call(Mix(), on: [large])
        let sum = builder.call(Sum(constant: 1), on: [waiting])
        let sent = try cluster.client.submit(builder.build(), [sum.id, mix.id])
        #expect(eventually { Doors.begun.now[door] == 1 })
        try cluster.add("second")
        first.server.stop()
        #expect(first.server.waitUntilEnded() == .stopped)
        #expect(Doors.cancelled.now.contains(door))
        Doors.open.with { _ = $0.insert(door) }
        #expect(cluster.client.wait(sent))
        #expect(try cluster.client.value(sent, as: Int.self) == door + 1)
        #expect(try cluster.client.value(sent, 1, as: UInt64.self) == Mix.of([Numbers.list(50_000, 4)]))
        try check(cluster, seed: 1)
      }
    }

    @Test func `a worker comes back to a new scheduler, and what it is asked for again it still holds`() async throws {
      try await asideAlone {
        let cluster = try TestCluster { $0.core.clientGraceNanoseconds = 10_000_000_000 }
        defer { cluster.end() }
        let worker = try cluster.add("a")
        let door = Doors.new()
        var builder = GraphBuilder()
        let waiting = builder.call(WaitAt(door: door))
        let sum = builder.call(Sum(constant: 1), on: [waiting])
        let sent = try cluster.client.submit(builder.build(), [sum.id])
        #expect(eventually { Doors.begun.now[door] == 1 })
        try cluster.restartScheduler()
        #expect(eventually { worker.lines.with { $0.count { $0.contains("has taken this worker in") } } == 2 })
        // The body has gone on; the same work is asked for again, and done once.
        let client = GraphClient(cluster.registry)
        try client.connect(to: cluster.scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil })
        var again = GraphBuilder()
        let same = again.call(Sum(constant: 1), on: [again.call(WaitAt(door: door))])
        let second = try client.submit(again.build(), [same.id])
        #expect(second.digests == sent.digests)
        Doors.open.with { _ = $0.insert(door) }
        #expect(client.wait(second))
        #expect(try client.value(second, as: Int.self) == door + 1)
        #expect(Doors.begun.now[door] == 1)
        #expect(cluster.brokenInvariant == "")
        client.closeFetchers()
      }
    }

    @Test func `a worker whose connection broke comes back with its results, which are not computed again`()
      async throws
    {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("a")
        var builder = GraphBuilder()
        let nodes = (0..<5).map { builder.call(Numbers(count: 20_000 + $0, seed: UInt64($0))) }
        let sent = try cluster.client.submit(builder.build(), nodes.map(\.id))
        #expect(cluster.client.wait(sent))
        for round in 1...3 {
          _ = worker.inspect { shell in
            shell.link?.leave(within: .zero, saysGoodbye: false)
            shell.schedulerLost(SessionEnd(.lost, "the test cut it"))
            return true
          }
          #expect(eventually { worker.lines.with { $0.count { $0.contains("kept=5") } } == round })
        }
        // Its address is as it was.
        for place in nodes.indices {
          #expect(
            try cluster.client.value(sent, place, as: [UInt64].self) == Numbers.list(20_000 + place, UInt64(place)))
        }
        #expect(worker.inspect { $0.counters.finishedTasks } == 5)
        #expect(cluster.brokenInvariant == "")
      }
    }

    @Test func `a worker whose scheduler does not come back gives up`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        let worker = try cluster.add("a") { $0.reconnectSeconds = 0.2 }
        cluster.end()
        // The fixture has stopped it; one that is alone gives up by itself.
        #expect(worker.server.waitUntilEnded() == .stopped)
        let port = cluster.scheduler.port
        let alone = try TestWorker("alone", port: port, cluster.registry, directory: "") { $0.reconnectSeconds = 0.2 }
        guard case .gaveUp(let reason) = alone.server.waitUntilEnded() else { throw Missing() }
        #expect(reason.contains("no scheduler at 127.0.0.1:\(port)"))
        #expect(reason.contains("Connection refused"))
      }
    }

    @Test func `another secret is refused, and the worker ends with the reason`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler { $0.secret = Array("the right one".utf8) }
        defer { scheduler.end() }
        let worker = try TestWorker("a", port: scheduler.port, try workerRegistry(), directory: "") {
          $0.secret = Array("a wrong one".utf8)
        }
        guard case .refused(let reason) = worker.server.waitUntilEnded() else { throw Missing() }
        #expect(reason.contains("the secrets differ"))
      }
    }

    @Test func `cancelling reaches a body that runs, and one that does not heed it harms nobody`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        try cluster.add("a") { $0.threads = 3 }
        let heeding = Doors.new()
        let deaf = Doors.new()
        var builder = GraphBuilder()
        let first = builder.call(WaitAt(door: heeding))
        let second = builder.call(WaitAt(door: deaf, heedsCancellation: false))
        var traits = TaskTraits.none
        traits.timeout = .milliseconds(100)
        let late = Doors.new()
        let third = builder.call(WaitAt(door: late), traits: traits)
        let sent = try cluster.client.submit(builder.build(), [first.id, second.id, third.id])
        #expect(eventually { [heeding, deaf, late].allSatisfy { Doors.begun.now[$0] == 1 } })
        cluster.client.say(ClientToScheduler.cancel(Array(sent.handles[..<2]), force: true))
        #expect(
          eventually { [heeding, deaf, late].allSatisfy { Doors.cancelled.now.contains($0) } },
          "\([heeding, deaf, late]): \(Doors.cancelled.now) \(cluster.workers[0].lines.now)")
        #expect(cluster.client.wait(sent))
        let failures = cluster.client.failures.now
        #expect(failures[sent.handles[0]]?.kind == .cancelled)
        #expect(failures[sent.handles[1]]?.kind == .cancelled)
        #expect(failures[sent.handles[2]]?.kind == .timedOut)
        Doors.open.with { _ = $0.insert(deaf) }
        try check(cluster, seed: 3)
        #expect(eventually { cluster.workers[0].inspect { $0.core.metrics.executing } == 0 })
        #expect(cluster.brokenInvariant == "")
      }
    }

    @Test func `blocking tasks run beside those that compute`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        try cluster.add("a")
        // The scheduler gives as much to a worker as it has threads, and a bit: two here.
        let doors = (0..<2).map { _ in Doors.new() }
        var traits = TaskTraits.none
        traits.isBlocking = true
        var builder = GraphBuilder()
        let nodes = doors.map { builder.call(WaitAt(door: $0), traits: traits) }
        let total = builder.call(Sum(constant: 0), on: nodes)
        let sent = try cluster.client.submit(builder.build(), [total.id])
        #expect(eventually { doors.allSatisfy { Doors.begun.now[$0] == 1 } })
        Doors.open.with { $0.formUnion(doors) }
        #expect(cluster.client.wait(sent))
        #expect(try cluster.client.value(sent, as: Int.self) == doors.reduce(0, +))
      }
    }

    @Test func `who retires hands over what it holds`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let first = try cluster.add("first")
        var builder = GraphBuilder()
        let nodes = (0..<5).map { builder.call(Numbers(count: 20_000 + $0, seed: UInt64($0))) }
        let sent = try cluster.client.submit(builder.build(), nodes.map(\.id))
        #expect(cluster.client.wait(sent))
        let second = try cluster.add("second")
        first.server.retire()
        #expect(first.server.waitUntilEnded() == .retired)
        #expect(eventually { second.inspect { $0.core.metrics.resultBytes } ?? 0 > 5 * 20_000 * 8 })
        #expect(cluster.scheduler.inspect { $0.core.lostRuns } == 0)
        // The client has heard of the new holder, or hears of it when it asks.
        cluster.client.results.with { results in
          for handle in sent.handles { results[handle]?.holders = [second.server.address] }
        }
        for place in nodes.indices {
          #expect(
            try cluster.client.value(sent, place, as: [UInt64].self) == Numbers.list(20_000 + place, UInt64(place)))
        }
      }
    }

    @Test func `who has nobody to hand over to ends after its patience`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let worker = try cluster.add("only") { $0.retirePatience = .milliseconds(100) }
        var builder = GraphBuilder()
        let node = builder.call(Numbers(count: 20_000, seed: 1))
        let sent = try cluster.client.submit(builder.build(), [node.id])
        #expect(cluster.client.wait(sent))
        worker.server.retire()
        #expect(worker.server.waitUntilEnded() == .stopped)
        #expect(worker.hasLine("could not be handed over within 0.1 seconds"))
      }
    }

    @Test func `short tasks that stand behind a long one on their worker are done by another`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        let first = try cluster.add("first")
        // It learns that bodies are short; where everything is slow, and some are not, one load may not be enough.
        var seed: UInt64 = 8
        repeat {
          try check(cluster, seed: seed)
          seed += 1
        } while (first.inspect { $0.core.ahead } ?? 0) == 0 && seed < 200
        #expect(seed < 200)
        let door = Doors.new()
        var urgent = TaskTraits.none
        urgent.priority = 5
        var builder = GraphBuilder()
        let long = builder.call(WaitAt(door: door), traits: urgent)
        let short = (0..<30).map { builder.call(Sum(constant: 9_000 + $0)) }
        let graph = builder.build()
        let waiting = try cluster.client.submit(graph, [long.id])
        #expect(eventually { Doors.begun.now[door] == 1 })
        let sent = try cluster.client.submit(graph, short.map(\.id))
        try cluster.add("second")
        #expect(cluster.client.wait(sent))
        for place in short.indices { #expect(try cluster.client.value(sent, place, as: Int.self) == 9_000 + place) }
        Doors.open.with { _ = $0.insert(door) }
        #expect(cluster.client.wait(waiting))
        #expect(cluster.brokenInvariant == "")
      }
    }
  }
}
