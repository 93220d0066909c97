import MartletProtocol
import Testing

@testable import MartletWorker

@Suite struct EndPaceTests {
  private func at(_ microseconds: Int64) -> Timestamp { Timestamp(nanoseconds: 1_000_000_000 + microseconds * 1000) }

  @Test func `who has nothing left to do tells its ends at once`() {
    var pace = EndPace()
    pace.note(inHand: 2)
    pace.judge(inHand: 2, threads: 2, at: at(0))
    #expect(pace.isUrgent)
  }

  @Test func `ends wait while more than half of what was in hand is left`() {
    var pace = EndPace()
    pace.note(inHand: 20)
    pace.judge(inHand: 19, threads: 1, at: at(0))
    // The first end since long ago.
    #expect(pace.isUrgent)
    pace.note(inHand: 20)
    for inHand in (11...19).reversed() {
      pace.judge(inHand: inHand, threads: 1, at: at(Int64(20 - inHand)))
      #expect(!pace.isUrgent, "\(inHand)")
    }
    pace.judge(inHand: 10, threads: 1, at: at(11))
    #expect(pace.isUrgent)
    // From there on the half of what is left.
    pace.judge(inHand: 6, threads: 1, at: at(12))
    #expect(!pace.isUrgent)
    pace.judge(inHand: 5, threads: 1, at: at(13))
    #expect(pace.isUrgent)
  }

  @Test func `no end waits for the next one longer than half a millisecond`() {
    var pace = EndPace()
    pace.note(inHand: 100)
    pace.judge(inHand: 99, threads: 1, at: at(0))
    pace.note(inHand: 100)
    pace.judge(inHand: 98, threads: 1, at: at(400))
    #expect(!pace.isUrgent)
    pace.judge(inHand: 97, threads: 1, at: at(501))
    #expect(pace.isUrgent)
  }
}
