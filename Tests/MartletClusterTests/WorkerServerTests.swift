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
  @Suite struct WorkerServerTests {
    @Test(arguments: [1, 2, 3]) func `a graph gives what it gives in one process`(count: Int) async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        for number in 0..<count {
          try cluster.add("w\(number)") {
            $0.threads = 1 + number
            $0.resources = ["gpu": 2, "disk": 4]
          }
        }
        for seed in 1...6 as ClosedRange<UInt64> {
          let calls = RandomCalls(seed: seed * 100 + UInt64(count), tasks: 60)
          let expected = try InProcess(calls.graph)
          let sent = try cluster.client.submit(calls.graph, calls.wanted)
          #expect(cluster.client.wait(sent), "seed \(seed)")
          for (place, task) in calls.wanted.enumerated() {
            let slot = expected.slot(task)
            let type = try #require(cluster.registry.valueType(of: slot))
            let bytes = try cluster.client.bytes(sent.handles[place], sent.digests[place])
            let right = try type.bytes(of: slot)
            #expect(bytes == right, "seed \(seed), task \(task)")
          }
        }
        #expect(cluster.brokenInvariant == "")
        cluster.client.say(ClientToScheduler.goodbye)
        #expect(eventually { cluster.isEmpty })
      }
    }

    @Test func `results move between workers and to clients, also large ones`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        for name in ["a", "b", "c"] { try cluster.add(name) { $0.resources = [name: 8] } }
        var builder = GraphBuilder()
        let large = builder.call(Numbers(count: 2_200_000, seed: 1), traits: .at("a"))
        let medium = builder.call(Numbers(count: 40_000, seed: 2), traits: .at("b"))
        let small = (0..<300).map { builder.call(Numbers(count: 300 + $0, seed: UInt64($0)), traits: .at("b")) }
        let atB = builder.call(Mix(), on: [large, medium], traits: .at("b"))
        let atC = builder.call(Mix(), on: [large, medium] + small, traits: .at("c"))
        let graph = builder.build()
        let sent = try cluster.client.submit(graph, [atB.id, atC.id, large.id, medium.id])
        #expect(cluster.client.wait(sent))
        let lists = [Numbers.list(2_200_000, 1), Numbers.list(40_000, 2)]
        let smallLists = (0..<300).map { Numbers.list(300 + $0, UInt64($0)) }
        #expect(try cluster.client.value(sent, 0, as: UInt64.self) == Mix.of(lists))
        #expect(try cluster.client.value(sent, 1, as: UInt64.self) == Mix.of(lists + smallLists))
        #expect(try cluster.client.value(sent, 2, as: [UInt64].self) == lists[0])
        #expect(try cluster.client.value(sent, 3, as: [UInt64].self) == lists[1])
        // Who has fetched it serves it, too.
        let served = cluster.workers.reduce(0) { $0 + ($1.inspect { $0.counters.servedBytes } ?? 0) }
        #expect(served > 3 * 17_600_000)
      }
    }

    @Test func `a value whose type does not know what it takes counts as its bytes`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        for name in ["a", "b"] { try cluster.add(name) { $0.resources = [name: 8] } }
        var builder = GraphBuilder()
        // More than a megabyte as bytes, which is what a receiver allows beyond what was announced.
        let page = builder.call(MakePage(count: 200_000), traits: .at("a"))
        let other = builder.call(MakePage(count: 7), traits: .at("a"))
        let count = builder.call(CountPages(), on: [builder.gather([page, other])], traits: .at("b"))
        let graph = builder.build()
        let sent = try cluster.client.submit(graph, [count.id, page.id])
        #expect(cluster.client.wait(sent))
        #expect(try cluster.client.value(sent, as: Int.self) == 200_007)
        #expect(try cluster.client.value(sent, 1, as: Page.self).words.last == "word number 199999")
      }
    }

    @Test func `what cannot be computed fails, and says why`() async throws {
      try await asideAlone {
        let cluster = try TestCluster()
        defer { cluster.end() }
        try cluster.add("a") { $0.maximumResultBytes = 100_000 }
        var builder = GraphBuilder()
        let throwing = builder.call(Fail())
        let after = builder.call(Sum(constant: 1), on: [throwing])
        let long = builder.call(Numbers(count: 1_000_000, seed: 1))
        let good = builder.call(Sum(constant: 4))
        let graph = builder.build()
        let sent = try cluster.client.submit(graph, [throwing.id, after.id, long.id, good.id])
        #expect(cluster.client.wait(sent))
        let failures = cluster.client.failures.now
        #expect(failures[sent.handles[0]]?.kind == .threw)
        #expect(failures[sent.handles[0]]?.message == "Refusal()")
        #expect(failures[sent.handles[1]]?.key == sent.digests[0])
        #expect(failures[sent.handles[2]]?.kind == .unsendable)
        #expect(failures[sent.handles[2]]?.message.contains("100000 are allowed") == true)
        #expect(try cluster.client.value(sent, 3, as: Int.self) == 4)
      }
    }
  }
}
