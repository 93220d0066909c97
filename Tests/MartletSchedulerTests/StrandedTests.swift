import MartletBytes
import MartletProtocol
import Testing

@testable import MartletScheduler

@Suite struct `Tasks that no worker may run` {
  private static let second: Int64 = 1_000_000_000

  /// Tasks of these traits, each with a key of its own from `first` on; the last one, which needs all of them, is wanted.
  private static func piece(_ traits: [WorkTraits], from first: Int = 0) -> Submission {
    var piece = Submission(graph: UInt32(first), isLast: true)
    piece.functions = [DirectCluster.function]
    piece.labels = ["odd", "sum"]
    piece.traits = traits
    piece.tasks = traits.indices.map {
      SubmittedTask(
        digest: DirectCluster.digest(first + $0), label: 0, traits: UInt32($0 + 1),
        work: .call(function: 0, arguments: []))
    }
    piece.tasks.append(
      SubmittedTask(
        digest: DirectCluster.digest(first + traits.count), label: 1, work: .call(function: 0, arguments: []),
        dependencies: traits.indices.map { .back(UInt32(traits.count - $0)) }))
    piece.wanted = [UInt32(traits.count)]
    return piece
  }

  private static func needs(_ amount: Int64, patience: Int64 = 0, workers: [String] = []) -> WorkTraits {
    var traits = WorkTraits()
    traits.resources = amount == 0 ? [] : [ResourceAmount(name: "GPU", amount: amount)]
    traits.workers = workers
    traits.workerPatienceNanoseconds = patience
    return traits
  }

  private static func notices(_ actions: [SchedulerAction]) -> [StrandedTasks] {
    var all: [StrandedTasks] = []
    for case .tellClient(_, .stranded(let list)) in actions { all += list }
    return all
  }

  private static func registration(_ name: String, gpus: Int64) -> WorkerRegistration {
    WorkerRegistration(
      name: name, address: name, host: "h", threads: 1, memoryLimit: 0,
      resources: gpus == 0 ? [] : [ResourceAmount(name: "GPU", amount: gpus)], functions: [DirectCluster.function])
  }

  @Test
  func
    `client, log and story are told what is missing, again when the wait has doubled, and not any more when it comes`()
  {
    var cluster = DirectCluster(workers: 1)
    _ = cluster.say(.submit(Self.piece([Self.needs(1), Self.needs(1)])))
    cluster.now += Self.second
    _ = cluster.tick()
    let wanted = DirectCluster.digest(2)
    var told: [Int] = []
    for second in 1...40 {
      cluster.now += Self.second
      let actions = cluster.tick()
      let list = Self.notices(actions)
      if list.isEmpty { continue }
      told.append(second)
      #expect(list.map(\.reason) == ["needs GPU=1, no worker has it"])
      #expect(list.map(\.label) == ["odd"] && list.map(\.count) == [2])
      let line = "odd: 2 tasks wait since \(list[0].nanoseconds / Self.second) s: needs GPU=1, no worker has it"
      #expect(actions.contains(.log(line)))
    }
    #expect(told == [5, 10, 20, 40])
    let lines = cluster.core.story(of: wanted)
    #expect(lines.filter { $0.contains("waits since 40 s: needs GPU=1, no worker has it") }.count == 2)
    #expect(lines.filter { $0.hasPrefix("odd ") }.count == 2)
    let overview = cluster.core.strandedTasks
    #expect(overview.map(\.count) == [2] && overview.map { $0.nanoseconds / Self.second } == [40])
    let worker = WorkerID(rawValue: 1)
    _ = cluster.hand(.workerRegistered(worker, Self.registration("w1", gpus: 1)))
    for _ in 0..<100 {
      cluster.now += Self.second
      let actions = cluster.tick()
      #expect(Self.notices(actions).isEmpty)
    }
    let rest = cluster.core.strandedTasks
    #expect(rest.isEmpty && cluster.core.stranded.isEmpty)
    #expect(cluster.core.story(of: wanted).allSatisfy { !$0.contains("waits since") })
  }

  @Test func `the reason says what is missing`() {
    var cluster = DirectCluster(workers: 0)
    func reason(_ traits: WorkTraits) -> String {
      let label = cluster.core.labels.use("l")
      let number = cluster.core.use(traits: traits)
      let function = cluster.core.function(numbered: DirectCluster.function)
      defer {
        cluster.core.labels.leave(label)
        cluster.core.leaveTraits(number)
      }
      return cluster.core.lack(of: TaskKind(label: label, traits: number, work: .call(function)))
    }
    #expect(reason(Self.needs(1)) == "needs a worker, and there is none")
    _ = cluster.hand(.workerRegistered(WorkerID(rawValue: 0), Self.registration("a", gpus: 2)))
    _ = cluster.hand(.workerRegistered(WorkerID(rawValue: 1), Self.registration("b", gpus: 0)))
    #expect(reason(Self.needs(3)) == "needs GPU=3, no worker has more than 2")
    #expect(reason(Self.needs(0, workers: ["x", "y"])) == "may run on x, y, not one of them is there")
    #expect(reason(Self.needs(1, workers: ["b"])) == "may run on b, and needs GPU=1 there")
    var both = Self.needs(1)
    both.resources.append(ResourceAmount(name: "disk", amount: 1))
    #expect(reason(both) == "needs disk=1, no worker has it")
  }

  @Test func `who has a limit fails when it is over, each from when it began to wait`() {
    var cluster = DirectCluster(workers: 1)
    func failures() -> [String] {
      cluster.now += Self.second
      var messages: [String] = []
      for case .tellClient(_, .failed(_, let failure)) in cluster.tick() where failure.kind == .cannotRun {
        messages.append(failure.message)
      }
      return messages
    }
    _ = cluster.say(.submit(Self.piece([Self.needs(1, patience: 8 * Self.second)])))
    var over: [Int] = []
    for second in 1...30 {
      if second == 6 { _ = cluster.say(.submit(Self.piece([Self.needs(1, patience: 8 * Self.second)], from: 10))) }
      let messages = failures()
      if messages.isEmpty { continue }
      over.append(second)
      #expect(messages == ["no worker that may run it has come within 8.0 s: it needs GPU=1, no worker has it"])
    }
    #expect(over.count == 2 && over[0] >= 8 && over[0] <= 10 && over[1] >= 14 && over[1] <= 16, "\(over)")
    #expect(cluster.core.impatient.isEmpty)
    _ = cluster.say(.goodbye)
    let leftover = cluster.core.leftover()
    #expect(leftover == nil)
  }
}
