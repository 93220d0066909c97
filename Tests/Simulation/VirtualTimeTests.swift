import Testing

@testable import MartletSimulation

@Suite struct VirtualTimeTests {
  @Test func `what happens at one time happens in the order in which it was planned`() {
    var time = VirtualTime<String>()
    for (event, at) in [("late", 9), ("first", 4), ("second", 4), ("early", 1), ("third", 4)] as [(String, Int64)] {
      time.plan(event, at: at)
    }
    #expect((0..<5).map { _ in time.next() } == ["early", "first", "second", "third", "late"])
    #expect(time.now == 9 && time.next() == nil)
  }

  /// Somebody is frozen, and then for longer: what came on a connection before may not be overtaken.
  @Test func `what is put off again comes before what was planned after it`() {
    var time = VirtualTime<String>()
    time.plan("first", at: 1)
    time.plan("second", at: 2)
    #expect(time.next() == "first")
    time.postpone("first", to: 10)
    #expect(time.next() == "second")
    time.postpone("second", to: 20)
    #expect(time.next() == "first")
    time.postpone("first", to: 20)
    time.plan("third", at: 20)
    #expect((0..<3).map { _ in time.next() } == ["first", "second", "third"])
    #expect(time.now == 20)
  }
}
