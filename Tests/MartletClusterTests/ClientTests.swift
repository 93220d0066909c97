import Martlet
import MartletGraph
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct ClientTests {
    @Test func `a graph gives the same results on a cluster as in this process`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let client = try fixture.client()
        for seed in 1...12 as ClosedRange<UInt64> {
          let calls = RandomCalls(seed: seed, tasks: 60, shift: seed % 3 == 0 ? 5 : 0)
          let outputs = calls.wanted.map { AnyNode(id: $0, stamp: calls.graph.stamp) }
          let options = RunOptions(resources: ["gpu": 1, "disk": 2])
          let here = try SerialExecutor().run(calls.graph, outputs: outputs, options: options)
          let like = try InProcess(calls.graph)
          let there: RunResults
          do {
            there = try client.run(calls.graph, outputs: outputs)
          } catch {
            throw Difference(text: "seed \(seed): \(error)")
          }
          for task in calls.wanted {
            let slot = like.slot(task)
            #expect(
              text(here, task, like: slot, calls.graph) == text(there, task, like: slot, calls.graph), "seed \(seed)")
          }
        }
        client.close()
        fixture.expectNothingLeft()
      }
    }

    struct Difference: Error, CustomStringConvertible {
      let text: String
      var description: String { text }
    }

    /// What a run gave for a task, which holds the same type of value as `slot`.
    private func text(_ results: RunResults, _ task: TaskID, like slot: Slot, _ graph: TaskGraph) -> String {
      if slot.value(as: Int.self) != nil { return "\(results[Node<Int>(id: task, stamp: graph.stamp)])" }
      if slot.value(as: String.self) != nil { return results[Node<String>(id: task, stamp: graph.stamp)] }
      let summary = results[Node<Summary>(id: task, stamp: graph.stamp)]
      return "\(summary.words.sorted { $0.key < $1.key }) \(summary.total)"
    }

    @Test func `tasks that are submitted give their values`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture()
        defer { fixture.end() }
        let client = try fixture.client()
        let first = try client.submit(delayed(Sum(constant: 40), on: []))
        let second = try client.submit(Sum(constant: 2), first)
        #expect(try second.result() == 42)
        #expect(try first.result() == 40)
        #expect(second.state == .succeeded && second.isFinished)
        let text = delayed(Text(prefix: "n"), second.delayed)
        #expect(try text.run(on: client) == "n42")
        #expect(try text.run(on: SerialExecutor()) == "n42")
        #expect(try second.delayed.run(on: client) == 42)
        let many = try client.map((0..<500).map { Sum(constant: $0) })
        #expect(try many.map { try $0.result() } == Array(0..<500))
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `values can be awaited`() async throws {
      let fixture = try await asideAlone { UncheckedBox(try ClientFixture()) }.value
      let client = try await asideAlone { [registry = fixture.registry, port = fixture.scheduler.port] in
        var options = ClientOptions()
        options.registry = registry
        return try Client("tcp://127.0.0.1:\(port)", options: options)
      }
      let future = try client.submit(delayed(Sum(constant: 7), on: []))
      #expect(try await future.value == 7)
      await future.ended()
      let sum = delayed(Sum(constant: 1), future.delayed)
      #expect(try await client.compute(sum) == 8)
      #expect(try await sum.compute(on: client) == 8)
      let box = UncheckedBox(fixture)
      try await asideAlone {
        client.close()
        box.value.end()
      }
    }
  }
}

/// For what a test hands from one thread to the next.
struct UncheckedBox<Value>: @unchecked Sendable {
  let value: Value
  init(_ value: Value) { self.value = value }
}
