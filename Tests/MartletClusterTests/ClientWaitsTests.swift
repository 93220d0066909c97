import Martlet
import MartletBytes
import MartletGraph
import MartletNet
import MartletProtocol
import TestSupport
import Testing

@testable import MartletClient
@testable import MartletCluster
@testable import MartletScheduler

extension ClusterTests {
  /// Waits that end before what they wait for.
  @Suite struct ClientWaitsTests {
    /// Runs `body` as a Swift task, cancels it when `isWaiting` says so, and gives what came of it.
    private func cancelled(
      when isWaiting: () -> Bool, _ body: @escaping @Sendable () async throws -> Void
    ) -> String {
      let end = Shared("")
      let task = Task {
        do {
          try await body()
          end.with { $0 = "served" }
        } catch is CancellationError {
          end.with { $0 = "cancelled" }
        } catch {
          end.with { $0 = "\(error)" }
        }
      }
      let hasWaited = eventually(isWaiting)
      #expect(hasWaited)
      task.cancel()
      #expect(eventually { end.now != "" })
      return end.now
    }

    /// What a client's loop knows.
    private func inspect<Result: Sendable>(
      _ client: Client, _ body: @escaping @Sendable (ClientShell) -> Result
    ) -> Result? {
      let result = Shared<Result?>(nil)
      let shell = client.link.shell
      shell.loop.execute {
        let value = body(shell)
        result.with { $0 = value }
      }
      #expect(eventually { result.with { $0 != nil } })
      return result.now
    }

    /// Keeps a scheduler from doing anything until the result is set.
    private func holdUp(_ scheduler: TestScheduler) -> ThreadWaiter {
      let goOn = ThreadWaiter()
      let isHeld = Shared(false)
      scheduler.server.inspect { _ in
        isHeld.with { $0 = true }
        goOn.wait()
      }
      #expect(eventually { isHeld.now })
      return goOn
    }

    @Test func `a wait that is cancelled takes nothing, and nobody waits behind it`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        defer { fixture.end() }
        let scheduler = fixture.scheduler
        let (one, two) = (try fixture.client(), try fixture.client())
        let lease = try one.lock("door").acquire()
        let waits: [@Sendable () async throws -> Void] = [
          { _ = try await one.queue("numbers", of: Int.self).take() },
          { _ = try await one.variable("v", of: Int.self).get() }, { try await one.event("e").wait() },
          { _ = try await one.lock("door").acquire() },
        ]
        for wait in waits {
          let end = cancelled(when: { scheduler.inspect { $0.core.coordination.waiting.count } == 1 }, wait)
          #expect(end == "cancelled")
          let isForgotten = eventually { scheduler.inspect { $0.core.coordination.waiting.isEmpty } == true }
          #expect(isForgotten)
        }
        try two.queue("numbers", of: Int.self).put(1)
        #expect(try two.queue("numbers", of: Int.self).take(timeout: .seconds(60)) == 1)
        lease?.release()
        #expect(try two.lock("door").acquire(timeout: .seconds(60)) != nil)
        one.close()
        two.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `what is given in the moment in which nobody waits any more goes back`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        defer { fixture.end() }
        let (one, two) = (try fixture.client(), try fixture.client())
        let queue = two.queue("numbers", of: Int.self)
        try queue.put(7)
        try two.publish([try two.submit(delayed(Sum(constant: 5), on: []))], as: "five")
        let waits: [@Sendable () async throws -> Void] = [
          { _ = try await one.queue("numbers", of: Int.self).take() }, { _ = try await one.lock("door").acquire() },
          { _ = try await one.dataset("five", of: Int.self) },
        ]
        for wait in waits {
          let goOn = holdUp(fixture.scheduler)
          let before = inspect(one) { $0.scheduler?.sentBytes ?? 0 } ?? 0
          let end = cancelled(when: { (inspect(one) { $0.scheduler?.sentBytes ?? 0 } ?? 0) > before }, wait)
          #expect(end == "cancelled")
          goOn.set()
        }
        #expect(try queue.take(timeout: .seconds(60)) == 7)
        #expect(try two.lock("door").acquire(timeout: .seconds(60)) != nil)
        // The session goes on.
        #expect(try one.dataset("five", of: Int.self)[0].result() == 5)
        #expect(one.connectionState == .connected)
        try one.unpublish("five")
        one.close()
        two.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `an answer that comes in the turn in which it is given up goes back, too`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        defer { fixture.end() }
        let (one, two) = (try fixture.client(), try fixture.client())
        let goOn = holdUp(fixture.scheduler)
        let reply = PendingReply()
        _ = inspect(one) { shell in
          shell.request(reply, .coordinate(.take(queue: "numbers", timeoutNanoseconds: 0), nil))
        }
        let isSent = eventually { inspect(one) { $0.core.requests.first?.wire != nil } == true }
        #expect(isSent)
        // As if the scheduler had a value.
        let value = SharedValue.bytes(type: Int.portableTypeName, 7.portableBytes())
        _ = inspect(one) { shell in
          _ = reply.giveUp()
          guard let wire = shell.core.requests.first?.wire, let number = reply.number else { return }
          shell.feed(.schedulerSaid(.coordinated(request: wire, .value(value))))
          shell.abandon(number)
        }
        goOn.set()
        #expect(try two.queue("numbers", of: Int.self).take(timeout: .seconds(60)) == 7)
        one.close()
        two.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `a future in a queue may be taken by another client`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        defer { fixture.end() }
        let (one, two) = (try fixture.client(), try fixture.client())
        let future = try one.submit(delayed(Sum(constant: 9), on: []))
        try one.queue("q", of: Int.self).put(future)
        try one.variable("v", of: Int.self).set(future)
        let taken = try #require(try two.queue("q", of: Int.self).takeFuture())
        #expect(taken.key == future.key)
        #expect(try two.variable("v", of: Int.self).getFuture()?.key == future.key)
        one.close()
        #expect(try taken.result(timeout: .seconds(60)) == 9)
        try two.variable("v", of: Int.self).unset()
        two.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `values and names that are too large are refused, and nothing else`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        defer { fixture.end() }
        let client = try fixture.client()
        let large = String(repeating: "x", count: WireLimits.argumentBytes)
        let long = String(repeating: "n", count: WireLimits.shortText + 1)
        let uses: [() throws -> Void] = [
          { try client.queue("q", of: String.self).put(large) },
          { try client.topic("t", of: String.self).publish(large) },
          { try client.variable("v", of: String.self).set(large + large) }, { _ = try client.lock(long).acquire() },
          { _ = try client.dataset(long, of: Int.self) },
        ]
        for use in uses { #expect(#expect(throws: ClusterError.self) { try use() }?.code == .denied) }
        #expect(client.connectionState == .connected)
        #expect(try client.publishedNames() == [])
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `listening can be given up while it begins`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        defer { fixture.end() }
        let client = try fixture.client()
        let goOn = holdUp(fixture.scheduler)
        let listening: @Sendable () async throws -> Void = {
          _ = try await client.topic("news", of: Int.self).messages()
        }
        #expect(cancelled(when: { inspect(client) { $0.listeners.count } == 1 }, listening) == "cancelled")
        goOn.set()
        #expect(eventually { inspect(client) { $0.listeners.count } == 0 })
        client.close()
        fixture.expectNothingLeft()
      }
    }

    @Test func `a scheduler that does not read keeps nobody from giving up, and no client from ending`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 0)
        defer { fixture.end() }
        let client = try fixture.client { $0.queueBytes = 1 << 10 }
        let first = try client.submit(delayed(Sum(constant: 1), on: []))
        #expect(eventually { fixture.taskCount == 1 })
        // As if very much waited for the scheduler to read it.
        let goOn = holdUp(fixture.scheduler)
        _ = inspect(client) { shell in shell.pressureChanged(isHigh: true) }
        let isBlocked = Shared(true)
        Thread.start {
          for number in 0..<1000 {
            let text = String(repeating: "x", count: 400) + "\(number)"
            guard (try? client.submit(delayed(Text(prefix: text), first.delayed))) != nil else { break }
          }
          isBlocked.with { $0 = false }
        }
        let source = CancellationSource()
        let end = Shared("")
        Thread.start {
          let large = delayed(Text(prefix: String(repeating: "y", count: 1 << 11)), first.delayed)
          do {
            _ = try large.run(on: client, options: ComputeOptions(run: RunOptions(cancellation: source)))
          } catch {
            end.with { $0 = error is CancellationError ? "cancelled" : "\(error)" }
          }
        }
        source.cancel()
        #expect(eventually { end.now == "cancelled" })
        first.cancel()
        #expect(eventually { first.state == .cancelled })
        client.close()
        #expect(eventually { !isBlocked.now })
        goOn.set()
        fixture.expectNothingLeft()
      }
    }

    @Test func `the wait for workers ends in its time, also without a connection`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 1)
        let client = try fixture.client { $0.reconnectTimeout = .seconds(3600) }
        try client.waitForWorkers(1)
        #expect(#expect(throws: ClusterError.self) { try client.waitForWorkers(2, timeout: .zero) }?.code == .timedOut)
        fixture.scheduler.end()
        #expect(eventually { client.connectionState == .disconnected })
        let error = #expect(throws: ClusterError.self) { try client.waitForWorkers(1, timeout: .milliseconds(1)) }
        #expect(error?.code == .timedOut)
        let end = Shared<ClusterError.Code?>(nil)
        Task {
          do { try await client.waitForWorkers(1, timeout: .milliseconds(1)) } catch let error as ClusterError {
            end.with { $0 = error.code }
          }
        }
        #expect(eventually { end.now == .timedOut })
        client.close()
        #expect(eventually { !threadNames().contains("client") })
      }
    }

    @Test func `waits whose time is over leave nothing behind`() async throws {
      try await asideAlone {
        let fixture = try ClientFixture(workers: 0)
        defer { fixture.end() }
        let client = try fixture.client()
        let messages = try client.topic("news", of: Int.self).messages()
        let completed = client.asCompleted([try client.submit(delayed(Sum(constant: 9), on: []))])
        for _ in 0..<10 {
          #expect(try messages.next(timeout: .milliseconds(1)) == nil)
          #expect(throws: ClusterError.self) { _ = try completed.next(timeout: .milliseconds(1)) }
        }
        #expect(messages.buffer.waiterCount == 0 && completed.waiterCount == 0)
        client.close()
        fixture.expectNothingLeft()
      }
    }
  }
}
