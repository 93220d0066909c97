import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct InsideSessionTests {
    @Test func `a session of tasks that was lost does not keep the worker from ending`() async throws {
      try await asideAlone {
        // A scheduler that refuses this client: its session is over at once.
        let scheduler = try TestScheduler { $0.secret = Array("another secret".utf8) }
        defer { scheduler.end() }
        let place = try #require(HostAndPort("127.0.0.1:\(scheduler.port)"))
        let inside = InsideCluster(scheduler: place, secret: [], registry: try testRegistry())
        let first = try inside.current()
        #expect(eventually { first.connectionState == .closed })
        let second = try inside.current()
        #expect(first !== second)
        inside.close()
        let hasEnded = Shared(false)
        Thread.start {
          inside.waitUntilClosed()
          hasEnded.with { $0 = true }
        }
        #expect(eventually { hasEnded.now })
        #expect(eventually { !threadNames().contains("client") })
      }
    }
  }
}
