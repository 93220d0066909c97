import Martlet
import MartletGraph
import MartletNet
import MartletProtocol
import MartletScheduler
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct ClientSessionTests {
    @Test func `a connection that breaks is made again, and no future is lost`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        defer { fixture.end() }
        let events = Shared<[ClientEventReport]>([])
        let client = try fixture.client { $0.onEvent = { event in events.with { $0.append(event) } } }
        let done = try client.submit(delayed(Sum(constant: 1), on: []))
        #expect(try done.result() == 1)
        let slow = try client.submit(delayed(Sum(constant: 5), on: []).named("slow"))
        #expect(eventually { fixture.workers[0].heldBack.now.count == 1 })
        let shell = client.link.shell
        shell.loop.execute {
          guard let line = shell.scheduler else { return }
          line.finish()
          shell.schedulerEnded(line, SessionEnd(.lost, "cut by the test"))
        }
        #expect(eventually { events.now.contains(.disconnected(reason: "cut by the test")) })
        #expect(eventually { client.connectionState == .connected })
        let after = try client.submit(Sum(constant: 1), slow, done)
        // Given up by the scheduler when the connection went, or still held back.
        #expect(eventually { fixture.workers[0].heldBack.now.count >= 1 })
        fixture.workers[0].goOn()
        #expect(
          eventually {
            fixture.workers[0].goOn(); return after.isFinished
          })
        #expect(try after.result() == 7)
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `another scheduler at the same place is given what is not done`() async throws {
      try await asideAlone {
        let first = try ClientFixture(workers: 1, slowLabel: "slow")
        let client = try first.client()
        let done = try client.submit(delayed(Sum(constant: 1), on: []))
        #expect(try done.result() == 1)
        let slow = try client.submit(delayed(Sum(constant: 5), on: []).named("slow"))
        #expect(eventually { first.workers[0].heldBack.now.count == 1 })
        let port = first.scheduler.port
        first.scheduler.server.stop("it is replaced")
        first.scheduler.server.waitUntilStopped()
        first.scheduler.loop.shutdown()
        first.scheduler.loop.waitUntilStopped()
        #expect(eventually { client.connectionState == .disconnected })
        // Submitted while there is nobody.
        let after = try client.submit(Sum(constant: 1), slow, done)
        let second = try ClientFixture(workers: 1) {
          $0.port = port
          $0.core.epoch = 78
        }
        #expect(try after.result(timeout: .seconds(60)) == 7)
        #expect(try slow.result() == 5)
        client.close()
        second.expectNothingLeft()
        second.end()
      }
    }

    @Test func `a scheduler that does not come back is a clear error within its time`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        let client = try fixture.client { $0.reconnectTimeout = .milliseconds(300) }
        let slow = try client.submit(delayed(Sum(constant: 5), on: []).named("slow"))
        let held = try client.submit(delayed(Sum(constant: 6), on: []))
        #expect(try held.result() == 6)
        #expect(eventually { fixture.workers[0].heldBack.now.count == 1 })
        fixture.scheduler.end()
        let error = #expect(throws: ClusterError.self) { _ = try slow.result(timeout: .seconds(60)) }
        #expect(error?.code == .lost)
        #expect(client.connectionState == .closed && client.endReason?.code == .lost)
        let late = #expect(throws: ClusterError.self) { _ = try delayed(Sum(constant: 1), on: []).run(on: client) }
        #expect(late?.code == .lost)
        #expect(throws: ClusterError.self) { _ = try client.workers() }
        #expect(try held.result() == 6)
        client.close()
        #expect(eventually { !threadNames().contains("client") })
      }
    }

    @Test func `nobody to connect to is a clear error`() async throws {
      try await asideAlone {
        var options = ClientOptions()
        options.connectTimeout = .milliseconds(200)
        options.registry = try testRegistry()
        let error = #expect(throws: ClusterError.self) { _ = try Client("127.0.0.1:1", options: options) }
        #expect(error?.code == .unreachable && error?.description.contains("127.0.0.1:1") == true)
        for address in ["", "http://x/y", "a:b:c", "host:99999", "[::1"] {
          let wrong = #expect(throws: ClusterError.self) { _ = try Client(address, options: options) }
          #expect(wrong?.code == .badOption, "\(address)")
        }
        let fixture = try ClientFixture(workers: 0) { $0.secret = Array("a shared secret".utf8) }
        let refused = #expect(throws: ClusterError.self) { _ = try fixture.client() }
        #expect(refused?.code == .refused && refused?.message.contains("secret") == true)
        let client = try fixture.client { $0.secret = Array("a shared secret".utf8) }
        #expect(client.connectionState == .connected)
        client.close()
        fixture.end()
      }
    }

    @Test func `who waits when the client is closed is told so`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1, slowLabel: "slow")
        defer { fixture.end() }
        let client = try fixture.client()
        let slow = delayed(Sum(constant: 5), on: []).named("slow")
        let future = try client.submit(slow)
        let errors = Shared<[ClusterError.Code?]>([])
        let bodies: [@Sendable () throws -> Void] = [
          { _ = try future.readBlocking(until: nil) }, { _ = try slow.run(on: client) },
          { _ = try client.queue("q", of: Int.self).take() },
        ]
        for body in bodies {
          Thread.start {
            do {
              try body()
            } catch {
              errors.with { $0.append((error as? ClusterError)?.code) }
            }
          }
        }
        #expect(eventually { fixture.workers[0].heldBack.now.count == 1 })
        client.close()
        #expect(eventually { errors.now.count == 3 })
        #expect(errors.now.allSatisfy { $0 == .closed }, "\(errors.now)")
        fixture.expectNothingLeft()
      }
    }

    @Test func `clients share queues, variables, events, semaphores and topics`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        defer { fixture.end() }
        let (one, two) = (try fixture.client(), try fixture.client())
        let queue = one.queue("numbers", of: Int.self, limit: 2)
        #expect(try queue.put(1))
        #expect(try queue.put(2))
        #expect(try !queue.put(3, timeout: .milliseconds(1)))
        let other = two.queue("numbers", of: Int.self)
        #expect(try other.take() == 1)
        #expect(throws: ClusterError.self) { _ = try two.queue("numbers", of: String.self).take() }
        #expect(try other.take(timeout: .zero) == nil)
        let future = try one.submit(delayed(Sum(constant: 9), on: []))
        #expect(try queue.put(future))
        #expect(try queue.takeFuture()?.result() == 9)

        let variable = one.variable("best", of: [String].self)
        #expect(try variable.get(timeout: .zero) == nil)
        try variable.set(["a", "b"])
        #expect(try two.variable("best", of: [String].self).get() == ["a", "b"])
        try variable.unset()

        let event = one.event("go")
        #expect(try !event.wait(timeout: .milliseconds(1)))
        let waited = Shared(false)
        Thread.start {
          if (try? two.event("go").wait()) == true { waited.with { $0 = true } }
        }
        try event.set()
        #expect(eventually { waited.now })
        try event.clear()

        let lock = one.lock("door")
        let lease = try lock.acquire()
        #expect(try two.lock("door").acquire(timeout: .milliseconds(5)) == nil)
        lease?.release()
        let fence = try two.lock("door").withLease { $0.fence }
        #expect(fence > lease?.fence ?? .max)
        #expect(lease?.isLost == false)

        let topic = two.topic("news", of: String.self)
        let heard = (try topic.messages(), try topic.messages(buffer: 2))
        for number in 0..<5 { try one.topic("news").publish("n\(number)") }
        #expect(try heard.0.next() == "n0")
        #expect(try heard.0.next() == "n1")
        #expect(eventually { heard.1.droppedCount == 3 })
        #expect(try heard.1.next() == "n3")
        #expect(try heard.1.next(timeout: .seconds(60)) == "n4")
        #expect(try heard.1.next(timeout: .milliseconds(1)) == nil)
        one.close()
        two.close()
        #expect(try heard.1.next() == nil)
        fixture.expectNothingLeft()
      }
    }
  }
}
