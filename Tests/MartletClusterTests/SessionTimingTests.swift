import MartletBytes
import MartletNet
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

extension ClusterTests {
  @Suite struct SessionTimingTests {
    @Test func `what is said without hurry is heard, and before what is said after it`() async throws {
      try await asideAlone {
        let scheduler = try TestScheduler()
        defer { scheduler.end() }
        let client = ScriptedClient()
        try client.connect(to: scheduler, ScriptedPeer.settings(.client))
        #expect(eventually { client.agreement.now != nil })
        let session = try #require(client.session.now)
        func answers() -> [UInt32] {
          client.heard.now.compactMap {
            switch $0 {
            case .answer(let request, _), .denied(let request, _): request
            default: nil
            }
          }
        }
        session.loop.execute { try? session.send(ClientToScheduler.ask(request: 1, .workers), isUrgent: false) }
        #expect(eventually { answers() == [1] })
        session.loop.execute {
          try? session.send(ClientToScheduler.ask(request: 2, .workers), isUrgent: false)
          try? session.send(ClientToScheduler.ask(request: 3, .workers))
          try? session.send(ClientToScheduler.ask(request: 4, .workers), isUrgent: false)
        }
        #expect(eventually { answers() == [1, 2, 3, 4] })
        // Goodbye takes along what still waits.
        session.loop.execute {
          try? session.send(ClientToScheduler.ask(request: 5, .workers), isUrgent: false)
          session.flush()
          try? session.send(ClientToScheduler.ask(request: 6, .workers), isUrgent: false)
        }
        #expect(eventually { answers() == [1, 2, 3, 4, 5, 6] })
      }
    }
  }
}
