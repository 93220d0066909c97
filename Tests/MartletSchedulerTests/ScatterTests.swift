import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct ScatterTests {
  @Test func `a worker on which a client has put a value is told the value's handle, before anything that uses it`() {
    var core = SchedulerCore()
    var actions: [SchedulerAction] = []
    func hand(_ event: SchedulerEvent) { core.handle(event, at: Timestamp(nanoseconds: 0), &actions) }
    let worker = WorkerID(rawValue: 0)
    let client = ClientID(rawValue: 0)
    hand(
      .workerRegistered(
        worker,
        WorkerRegistration(
          name: "w", address: "a", host: "h", threads: 1, memoryLimit: 0,
          functions: [FunctionName(name: "f", version: 1)])))
    hand(.clientConnected(client))
    core.flush(&actions)
    actions = []

    let value = Digest128(low: 1, high: 2)
    hand(
      .clientSaid(
        client,
        .scatter([
          ScatteredValue(digest: value, label: "v", type: "T", byteCount: 9, holders: [worker], bytes: nil)
        ])))
    var graph = Submission(graph: 1, isLast: true)
    graph.functions = [FunctionName(name: "f", version: 1)]
    graph.labels = ["g"]
    graph.tasks = [
      SubmittedTask(
        digest: Digest128(low: 3, high: 4), label: 0, work: .call(function: 0, arguments: []),
        dependencies: [.known(value)])
    ]
    graph.wanted = [0]
    hand(.clientSaid(client, .submit(graph)))
    core.flush(&actions)
    let told = actions.compactMap { action -> SchedulerToWorker? in
      if case .tellWorker(worker, let message) = action { message } else { nil }
    }
    #expect(told.count == 2)
    guard case .named(let names)? = told.first, case .compute(let tasks)? = told.last else {
      Issue.record("\(told)")
      return
    }
    #expect(names.map(\.digest) == [value])
    #expect(tasks.first?.inputs.map(\.task) == names.map(\.task))
    #expect(tasks.first?.inputs.map(\.digest) == [value])
  }
}
