import MartletBytes
import MartletProtocol
import Testing

@testable import MartletClient

/// What a session makes of graphs: what is sent, joined, cancelled and tried again. Every action is expected.
@Suite struct ClientGraphTests: SessionSuite {
  @Test func `a graph is sent, accepted, and its small result is a value at once`() {
    var fixture = Fixture()
    #expect(
      fixture.feed(.submit(first, Self.piece([1]))) == [
        .submitted(first, [Self.one]), .tellScheduler(.submit(Self.piece([1], graph: 1))),
      ])
    #expect(fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: [Self.task]))) == [])
    let result = FinishedResult(task: Self.task, type: "T", byteCount: 1, inline: [7], holders: ["a:1"])
    var progress = ClientProgress()
    progress.total = 1
    progress.finished = 1
    #expect(
      fixture.feed(.schedulerSaid(.finished([result]))) == [
        .resolved(Self.one, type: "T", byteCount: 1), .value(Self.one, type: "T", .bytes([7])),
        .progress(first, progress),
      ])
    #expect(
      fixture.feed(.release(Self.one)) == [.forgotten(Self.one), .tellScheduler(.release([Self.task]))])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `equal keys are one future, released with its last handle`() {
    var fixture = accepted()
    _ = fixture.feed(.submit(second, Self.piece([1])))
    #expect(fixture.feed(.retain(Self.one), .release(Self.one), .release(Self.one)) == [])
    // The second graph is on its way: a release now would take away what it asks for.
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one)])
    #expect(
      fixture.feed(.schedulerSaid(.accepted(graph: 2, wanted: [Self.task]))) == [
        .tellScheduler(.release([Self.task]))
      ])
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `a future is an input of a later graph; a key without future is refused`() {
    var fixture = accepted()
    #expect(
      fixture.feed(.submit(second, Self.piece([2], needs: [1]))) == [
        .submitted(second, [Self.two]), .tellScheduler(.submit(Self.piece([2], needs: [1], graph: 2))),
      ])
    let actions = fixture.feed(.submit(SubmissionID(rawValue: 3), Self.piece([3], needs: [9])))
    guard case .refused(_, let failure)? = actions.first, actions.count == 1 else {
      Issue.record("\(actions)")
      return
    }
    #expect(failure.kind == .lost && failure.key == Self.digest(9))
  }

  @Test func `graphs that are kept have a budget: finished ones go first, then the program has to wait`() {
    var fixture = Fixture { $0.graphBudgetBytes = 3_000 }
    _ = fixture.feed(.submit(first, Self.piece([1], argumentBytes: 2_000)))
    let actions = fixture.feed(.submit(second, Self.piece([2], argumentBytes: 2_000)))
    #expect(actions.contains { if case .refused(second, _) = $0 { true } else { false } })
    let result = FinishedResult(task: Self.task, type: "T", byteCount: 1, inline: [7], holders: [])
    _ = fixture.feed(
      .schedulerSaid(.accepted(graph: 1, wanted: [Self.task])), .schedulerSaid(.finished([result])))
    let again = fixture.feed(.submit(second, Self.piece([2], argumentBytes: 2_000)))
    #expect(again.first == .submitted(second, [Self.two]))
  }

  @Test func `cancelled futures fail at once, and can be submitted again`() {
    var fixture = accepted()
    let actions = fixture.feed(.cancel([Self.one], force: true))
    #expect(actions.contains(.tellScheduler(.cancel([Self.task], force: true))))
    #expect(
      actions.contains { if case .failed(Self.one, let failure) = $0 { failure.kind == .cancelled } else { false } })
    #expect(
      fixture.feed(.submit(second, Self.piece([1]))).contains(.tellScheduler(.submit(Self.piece([1], graph: 2)))))
  }

  @Test func `what was cancelled behind a question is not taken for wanted by its answer`() {
    var fixture = accepted()
    // The second graph wants it too; the cancel comes to the scheduler behind it.
    _ = fixture.feed(.submit(second, Self.piece([1])))
    _ = fixture.feed(.cancel([Self.one], force: false))
    let actions = fixture.feed(.retry([Self.one]), .schedulerSaid(.accepted(graph: 2, wanted: [Self.task])))
    // So it is sent once more, and the name that comes then is good.
    let again = actions.compactMap { if case .tellScheduler(.submit(let piece)) = $0 { piece } else { nil } }
    #expect(again.map(\.wanted) == [[0]])
    _ = fixture.feed(.schedulerSaid(.accepted(graph: again.first?.graph ?? 0, wanted: [Self.task])))
    let end = fixture.feed(finished(Self.task, holders: ["a:1"]))
    #expect(end.first == .resolved(Self.one, type: "T", byteCount: 5000))
  }

  @Test(arguments: [false, true])
  func `a graph that needs what was cancelled is refused, whether that was accepted or not`(isAccepted: Bool) {
    var fixture = isAccepted ? accepted() : Fixture()
    if !isAccepted { _ = fixture.feed(.submit(first, Self.piece([1]))) }
    _ = fixture.feed(.cancel([Self.one], force: false))
    let actions = fixture.feed(.submit(second, Self.piece([2], needs: [1])))
    guard case .refused(second, let failure)? = actions.first, actions.count == 1 else {
      Issue.record("\(actions)")
      return
    }
    #expect(failure.kind == .cancelled && failure.key == Self.digest(1))
  }

  @Test func `a failure can be retried`() {
    var fixture = accepted()
    let failure = FailureRecord(.threw, key: Self.digest(1), label: "job", message: "no")
    #expect(fixture.feed(.schedulerSaid(.failed(Self.task, failure))).first == .failed(Self.one, failure))
    #expect(fixture.feed(.retry([Self.one])).contains(.tellScheduler(.retry([Self.task]))))
    #expect(
      fixture.feed(finished(Self.task, holders: ["a:1"])).first == .resolved(Self.one, type: "T", byteCount: 5000))
  }

  @Test func `what the scheduler would not read is denied here, and the session goes on`() {
    let long = String(repeating: "n", count: WireLimits.shortText + 1)
    let name = String(long.dropLast())
    let bytes = [UInt8](repeating: 0, count: WireLimits.argumentBytes + 1)
    let call = WorkersCall(
      digest: Self.digest(5), label: "", function: FunctionName(name: "f", version: 1), arguments: [], workers: [long])
    let list = [FutureID](repeating: Self.one, count: WireLimits.messageBytes / 8)
    let wrong: [ClientRequest] = [
      .publish(name: long, [], overwrites: true), .unpublish(name: long), .subscribe(name: long),
      .publish(name: "n", list, overwrites: true), .replicate(list, copies: 2), .retireWorkers(["a", long]),
      .retireWorkers([String](repeating: name, count: 4096)), .runOnWorkers(call),
      .coordinate(.take(queue: long, timeoutNanoseconds: 0), future: nil),
      .coordinate(.put(queue: "q", value: .bytes(type: "T", bytes), limit: 0, timeoutNanoseconds: 0), future: nil),
      .coordinate(.set(variable: "v", value: .bytes(type: long, [])), future: nil),
      .coordinate(.publish(topic: "t", bytes: bytes), future: nil),
    ]
    var fixture = accepted()
    for (number, request) in wrong.enumerated() {
      let id = RequestID(rawValue: UInt32(number))
      let actions = fixture.feed(.request(id, request))
      guard case .answered(id, .denied)? = actions.first, actions.count == 1 else {
        Issue.record("request \(number): \(actions.count) actions")
        continue
      }
    }
    let value = ScatteredValue(digest: Self.digest(9), label: long, type: "T", byteCount: 1, holders: [], bytes: [3])
    guard case .refused(second, _)? = fixture.feed(.scatter(second, [value], at: nil)).first else {
      Issue.record("a long label was sent")
      return
    }
    let right = ClientRequest.coordinate(
      .put(queue: name, value: .bytes(type: "T", Array(bytes.dropLast())), limit: 0, timeoutNanoseconds: 0), future: nil
    )
    guard case .tellScheduler(let message)? = fixture.feed(.request(RequestID(rawValue: 99), right)).first else {
      Issue.record("what is just small enough was not sent")
      return
    }
    #expect(throws: Never.self) { try ClientToScheduler(portableBytes: message.portableBytes()) }
  }

  @Test func `many futures are cancelled and tried again in several messages`() {
    var fixture = Fixture { $0.keysInMessage = 2 }
    let tasks = (0..<3).map { TaskHandle(slot: $0, generation: 0) }
    _ = fixture.feed(
      .submit(first, Self.piece([1, 2, 3])), .schedulerSaid(.accepted(graph: 1, wanted: tasks)))
    let futures = (0..<3).map { FutureID(slot: $0, generation: 0) }
    let failure = FailureRecord(.threw, key: Self.digest(1), label: "", message: "")
    for task in tasks { _ = fixture.feed(.schedulerSaid(.failed(task, failure))) }
    let said = { (actions: [ClientAction]) -> [ClientToScheduler] in
      actions.compactMap { if case .tellScheduler(let message) = $0 { message } else { nil } }
    }
    #expect(said(fixture.feed(.retry(futures))) == [.retry(Array(tasks[..<2])), .retry([tasks[2]])])
    #expect(
      said(fixture.feed(.cancel(futures, force: true))) == [
        .cancel(Array(tasks[..<2]), force: true), .cancel([tasks[2]], force: true),
      ])
  }

  @Test func `graphs that were joined fail one by one, where they fail here`() {
    var fixture = accepted()
    _ = fixture.feed(.cancel([Self.one], force: false))
    var joined = Self.piece([2, 3, 4])
    joined.tasks[0].dependencies = [.known(Self.digest(1))]
    joined.tasks[2].dependencies = [.known(Self.digest(3))]
    var alone = Self.piece([3], graph: 2)
    var last = Self.piece([4], needs: [3], graph: 3)
    let actions = fixture.feed(.submitJoined(second, joined, ends: [1, 2, 3]))
    let three = FutureID(slot: 2, generation: 0)
    let four = FutureID(slot: 3, generation: 0)
    var bound: [FutureID] = []
    var failed: [FutureID] = []
    var sent: [Submission] = []
    for action in actions {
      if case .submitted(second, let list) = action { bound += list }
      if case .failed(let future, let failure) = action, failure.kind == .cancelled { failed.append(future) }
      if case .tellScheduler(.submit(let piece)) = action { sent.append(piece) }
    }
    #expect(bound == [Self.two, three, four])
    #expect(failed == [Self.two])
    alone.graph = sent.first?.graph ?? 0
    last.graph = sent.last?.graph ?? 0
    #expect(sent == [alone, last])
    #expect(!actions.contains { if case .refused = $0 { true } else { false } })
    _ = fixture.feed(.release(Self.one), .release(Self.two), .release(three), .release(four))
    for piece in sent {
      let task = TaskHandle(slot: 90 + piece.graph, generation: 0)
      _ = fixture.feed(.schedulerSaid(.accepted(graph: piece.graph, wanted: [task])))
    }
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `graphs that were joined are sent one by one when the scheduler refuses them`() {
    var fixture = Fixture()
    var joined = Self.piece([1, 2, 3])
    joined.wanted = [0, 2]
    joined.tasks[1].dependencies = []
    joined.tasks[2].dependencies = [.back(1)]
    _ = fixture.feed(.submitJoined(first, joined, ends: [1, 3]))
    let failure = FailureRecord(.cannotRun, key: Self.digest(1), label: "job", message: "another work has its key")
    let actions = fixture.feed(.schedulerSaid(.refused(graph: 1, failure)))
    var second = joined
    second.tasks = Array(joined.tasks[1...])
    second.wanted = [1]
    second.graph = 3
    #expect(actions == [.tellScheduler(.submit(Self.piece([1], graph: 2))), .tellScheduler(.submit(second))])
    #expect(fixture.feed(.schedulerSaid(.accepted(graph: 3, wanted: [Self.other]))) == [])
    let refused = fixture.feed(.schedulerSaid(.refused(graph: 2, failure)))
    #expect(refused.contains(.failed(Self.one, failure)))
    #expect(!refused.contains { if case .failed(Self.two, _) = $0 { true } else { false } })
    _ = fixture.feed(.release(Self.one), .release(Self.two))
    #expect(fixture.core.leftover() == nil)
  }

  @Test func `blocks of layers are futures where they are wanted, and are sent again as the layer that they are of`() {
    var fixture = Fixture()
    var piece = Submission(graph: 0, isLast: true)
    piece.functions = [FunctionName(name: "f", version: 1)]
    piece.labels = ["l"]
    piece.layers = [
      SubmittedLayer(digest: Self.digest(1), label: 0, function: 0, arguments: [1], count: 1_000_000),
      SubmittedLayer(
        digest: Self.digest(2), label: 0, function: 0, arguments: [2], count: 2, inputs: [.block(of: Self.digest(1))],
        isWanted: true),
    ]
    var sent = piece
    sent.graph = 1
    #expect(
      fixture.feed(.submit(first, piece)) == [.submitted(first, [Self.one, Self.two]), .tellScheduler(.submit(sent))])
    #expect(fixture.feed(.schedulerSaid(.accepted(graph: 1, wanted: [Self.task, Self.other]))) == [])
    #expect(fixture.feed(.release(Self.one)) == [.forgotten(Self.one), .tellScheduler(.release([Self.task]))])
    // Another scheduler gets all of it, and names both blocks; the one that nobody wants is released.
    _ = fixture.feed(.schedulerLost(reason: "gone"))
    var again: [SchedulerToClient] = []
    var actions = fixture.feed(.schedulerConnected(epoch: 2))
    for _ in 0..<5 where again.isEmpty {
      for case .tellScheduler(let message) in actions {
        if case .submit(let submission) = message {
          #expect(submission.layers == piece.layers)
          again = [.accepted(graph: submission.graph, wanted: [Self.task, Self.other])]
        }
        if case .want(let request, _) = message { again = [.named(request: request, tasks: [])] }
      }
      if case .named? = again.first {
        actions = fixture.feed(.schedulerSaid(again[0]))
        again = []
      } else {
        actions = fixture.feed(.tick)
      }
    }
    guard let answer = again.first else {
      Issue.record("the layers were not sent again")
      return
    }
    #expect(fixture.feed(.schedulerSaid(answer)) == [.tellScheduler(.release([Self.task]))])
    _ = fixture.feed(.release(Self.two))
    #expect(fixture.core.leftover() == nil)
  }
}
