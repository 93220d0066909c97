import MartletBytes
import MartletProtocol
import Testing

@testable import MartletClient

/// A session, connected or not, that is fed event by event.
struct SessionFixture {
  var core: ClientCore
  var now: Int64 = 0

  init(connected: Bool = true, _ change: (inout ClientSettings) -> Void = { _ in }) {
    var settings = ClientSettings()
    change(&settings)
    core = ClientCore(settings: settings)
    guard connected else { return }
    #expect(feed(.connect) == [.connectScheduler(afterNanoseconds: 0)])
    #expect(feed(.schedulerConnected(epoch: 1)) == [])
  }

  mutating func feed(_ events: ClientEvent..., after nanoseconds: Int64 = 1) -> [ClientAction] {
    now += nanoseconds
    var actions: [ClientAction] = []
    for event in events {
      core.handle(event, at: Timestamp(nanoseconds: now), &actions)
      #expect(core.brokenInvariant() == nil, "after \(event)")
    }
    core.flush(&actions)
    #expect(core.brokenInvariant() == nil)
    return actions.filter { if case .log = $0 { false } else { true } }
  }
}

/// What tests of a session have in common: some futures, their tasks, and graphs of them.
protocol SessionSuite {}

extension SessionSuite {
  typealias Fixture = SessionFixture

  static var one: FutureID { FutureID(slot: 0, generation: 0) }
  static var two: FutureID { FutureID(slot: 1, generation: 0) }
  static var task: TaskHandle { TaskHandle(slot: 40, generation: 2) }
  static var other: TaskHandle { TaskHandle(slot: 41, generation: 0) }

  var first: SubmissionID { SubmissionID(rawValue: 1) }
  var second: SubmissionID { SubmissionID(rawValue: 2) }

  static func digest(_ number: Int) -> Digest128 { Digest128(low: 5, high: 6).member(UInt64(number)) }

  static func named(_ number: Int, _ task: TaskHandle) -> NamedTask { NamedTask(task: task, digest: digest(number)) }

  /// A graph of one task a number; all are wanted.
  static func piece(
    _ numbers: [Int], needs: [Int] = [], argumentBytes: Int = 0, isLast: Bool = true, graph: UInt32 = 0
  ) -> Submission {
    var piece = Submission(graph: graph, isLast: isLast)
    piece.functions = [FunctionName(name: "f", version: 1)]
    piece.labels = ["job"]
    piece.tasks = numbers.map {
      SubmittedTask(
        digest: digest($0), label: 0,
        work: .call(function: 0, arguments: [UInt8](repeating: 0, count: argumentBytes)),
        dependencies: needs.map { .known(digest($0)) })
    }
    piece.wanted = Array(0..<UInt32(numbers.count))
    return piece
  }

  func finished(_ task: TaskHandle, holders: [String], bytes: Int64 = 5000) -> ClientEvent {
    .schedulerSaid(
      .finished([FinishedResult(task: task, type: "T", byteCount: bytes, inline: nil, holders: holders)]))
  }

  /// A session with the accepted future `one`.
  func accepted(_ change: (inout ClientSettings) -> Void = { _ in }) -> Fixture {
    var fixture = Fixture(change)
    _ = fixture.feed(.submit(first, Self.piece([1])))
    #expect(fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: [Self.task]))) == [])
    return fixture
  }
}
