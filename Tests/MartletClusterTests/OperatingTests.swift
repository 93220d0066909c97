import MartletBytes
import MartletNet
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct OperatingTests {
    /// The answer to a request on a connection of its own.
    private func ask(_ text: String, _ scheduler: TestScheduler) throws -> String {
      let socket = try RawSocket(port: try #require(scheduler.server.httpAddress?.port))
      defer { socket.close() }
      socket.write(Array(text.utf8))
      socket.endOutput()
      return String(decoding: socket.read(), as: UTF8.self)
    }

    private func get(_ path: String, _ scheduler: TestScheduler) throws -> (status: String, body: String) {
      let answer = try ask("GET \(path) HTTP/1.1\r\nHost: x\r\n\r\n", scheduler)
      let end = try #require(answer.firstRange(of: "\r\n\r\n"))
      return (String(answer.prefix { $0 != "\r\n" }), String(answer[end.upperBound...]))
    }

    @Test func `operators see workers, tasks and a task's story`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler()
        defer { scheduler.end() }
        let worker = ScriptedWorker("one")
        try worker.connect(to: scheduler, ScriptedPeer.settings(.worker))
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil && !worker.heard.now.isEmpty })
        var graph = SumGraph()
        graph.arguments = [1, 2, 3]
        graph.inputs = [[], [0], [0, 1]]
        client.say(ClientToScheduler.submit(graph.submission(graph: 1, family: 1)))
        #expect(eventually { client.results.now.count == 3 })

        #expect(try get("/health", scheduler) == ("HTTP/1.1 200 OK", "ok\n"))
        let metrics = try get("/metrics", scheduler).body
        for line in [
          "martlet_tasks{state=\"memory\"} 3", "martlet_tasks{state=\"no-worker\"} 0", "martlet_workers 1",
          "martlet_clients 1", "martlet_worker_threads 1", "martlet_held_bytes 24", "martlet_inline_bytes 24",
          "# TYPE martlet_transitions_total counter",
        ] { #expect(metrics.contains(line + "\n"), "\(line)") }
        // Every line is a comment or NAME VALUE.
        for line in metrics.split(separator: "\n") where !line.hasPrefix("# ") {
          let words = line.split(separator: " ")
          #expect(words.count == 2 && Double(words[1]) != nil, "\(line)")
        }
        let cluster = try get("/api/cluster", scheduler).body
        #expect(cluster.contains("\"epoch\":\"4d\"") && cluster.contains("\"workers\":1,\"threads\":1,\"clients\":1"))
        #expect(try get("/api/workers", scheduler).body.hasPrefix("[{\"id\":0,\"name\":\"one\",\"address\":\"one:1\""))
        let tasks = try get("/api/tasks", scheduler).body
        #expect(
          tasks.contains(
            #""labels":[{"label":"add","total":3,"result_bytes":24,"states":{"memory":3}}]"#), "\(tasks)")
        let key = Digest128(low: 1, high: 5).member(2)
        let story = try get("/api/story/\(key)", scheduler).body
        #expect(story.hasPrefix("{\"key\":\"\(key)\",\"story\":[\"") && story.contains("processing → memory"))
        #expect(try get("/api/story/\(Digest128(low: 9, high: 9))", scheduler).status == "HTTP/1.1 404 Not Found")
        #expect(try get("/api/story/12", scheduler).status == "HTTP/1.1 400 Bad Request")
        #expect(try get("/nothing", scheduler).status == "HTTP/1.1 404 Not Found")
        #expect(try get("/", scheduler).body.contains("/api/story/KEY"))
      }
    }

    @Test(arguments: sampled(0..<200 as Range<UInt64>))
    func `a digest is read from its digits, and nothing else is`(seed: UInt64) {
      var random = SeededGenerator(seed: seed)
      let digest = Digest128(low: random.next(), high: random.next())
      #expect(Digest128(hexadecimal: digest.description) == digest)
      var digits = Array(digest.description)
      digits[random.below(32)] = random.pick(["g", "+", "-", " ", "é"])
      #expect(Digest128(hexadecimal: String(digits)) == nil)
      #expect(Digest128(hexadecimal: String(digest.description.dropLast())) == nil)
    }
  }
}
