import MartletBytes
import MartletProtocol
import MartletScheduler
import MartletSystem

/// What the scheduler's decisions cost alone: its core is told at once that what it gave out is done. No sockets, no bytes,
/// no work.
enum SchedulerSuite: BenchSuite {
  static let name = "scheduler"
  static let summary = "the scheduler's decisions alone: ns a task and a transition, bytes a task held"

  /// A graph as a client sends it: what the task at a place needs, as distances backwards.
  private struct Shape {
    let name: String
    let tasks: Int
    let workers: Int
    let inputs: (Int) -> [Int]
  }

  static func run(_ options: BenchOptions) throws {
    if let only = options.only, let shape = shapes(isToy: options.isToy).first(where: { $0.name == only }) {
      return try measure(shape)
    }
    print("scheduler: events in, actions out, in one thread; ns a task")
    print("  shape             tasks  workers    submit       run    ns a transition   bytes a task held")
    // Each in a process of its own, so that its memory can be told.
    for shape in shapes(isToy: options.isToy) {
      let child = try Child.run(
        "/proc/self/exe", ["scheduler", "--only", shape.name] + (options.isToy ? ["--toy"] : []), output: nil)
      if child.status != 0 { throw BenchError("the measurement of \(shape.name) ended with status \(child.status)") }
    }
  }

  private static func shapes(isToy: Bool) -> [Shape] {
    let scale = isToy ? 100 : 1
    var state: UInt64 = 7
    func random(below limit: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % limit
    }
    let width = 1000 / (isToy ? 10 : 1)
    return [
      Shape(name: "independent", tasks: 20_000 / scale, workers: 2) { _ in [] },
      // The leaves come first; the k-th node above them joins the k-th pair of all that came before.
      Shape(name: "tree", tasks: 2 * ((1 << 14) / (isToy ? 64 : 1)) - 1, workers: 2) { place in
        let leaves = (1 << 14) / (isToy ? 64 : 1)
        if place < leaves { return [] }
        let pair = 2 * (place - leaves)
        return [place - pair, place - pair - 1]
      },
      Shape(name: "layers", tasks: 20 * width, workers: 2) { place in
        let layer = place / width
        if layer == 0 { return [] }
        return (0..<3).map { _ in place - ((layer - 1) * width + random(below: width)) }
      },
      Shape(name: "million", tasks: 1_000_000 / scale, workers: 1000 / (isToy ? 10 : 1)) { place in
        place < 10_000 / (isToy ? 10 : 1) ? [] : [1 + random(below: place), 1 + random(below: place)]
      },
    ]
  }

  private static func measure(_ shape: Shape) throws {
    var settings = SchedulerSettings()
    settings.storyLength = 1 << 10
    var core = SchedulerCore(settings: settings)
    var now = Timestamp(nanoseconds: 0)
    var actions: [SchedulerAction] = []
    let client = ClientID(rawValue: 0)
    core.handle(.clientConnected(client), at: now, &actions)
    for number in 0..<shape.workers {
      let registration = WorkerRegistration(
        name: "w\(number)", address: "10.0.0.1:\(number)", host: "h\(number / 8)", threads: 1, memoryLimit: 0,
        functions: [FunctionName(name: "f", version: 1)])
      core.handle(.workerRegistered(WorkerID(rawValue: UInt32(number)), registration), at: now, &actions)
    }
    core.flush(&actions)
    actions = []

    let before = martlet_resident_bytes()
    var submitting: UInt64 = 0
    var place = 0
    while place < shape.tasks {
      let piece = self.piece(of: shape, from: place)
      place += piece.tasks.count
      let start = martlet_monotonic_nanoseconds()
      core.handle(.clientSaid(client, .submit(piece)), at: now, &actions)
      submitting += martlet_monotonic_nanoseconds() - start
    }
    let held = martlet_resident_bytes() - before

    var ends = [[TaskEnd]](repeating: [], count: shape.workers)
    var finished = 0
    var told = 0
    let transitions = core.transitionCount
    let start = martlet_monotonic_nanoseconds()
    while finished < shape.tasks {
      core.flush(&actions)
      for action in actions {
        switch action {
        case .tellWorker(let worker, .compute(let tasks)):
          for task in tasks {
            ends[Int(worker.rawValue)].append(
              TaskEnd(task: task.task, run: task.run, nanoseconds: 1000, byteCount: 8, type: "i", inline: [1]))
          }
        case .tellClient(_, .finished(let results)): told += results.count
        default: break
        }
      }
      actions.removeAll(keepingCapacity: true)
      now = now + 100_000
      let already = finished
      for worker in 0..<shape.workers where !ends[worker].isEmpty {
        finished += ends[worker].count
        core.handle(
          .workerSaid(WorkerID(rawValue: UInt32(worker)), .finished(ends[worker])), at: now, &actions)
        ends[worker].removeAll(keepingCapacity: true)
      }
      if finished == already {
        throw BenchError("\(shape.name): \(shape.tasks - finished) tasks are left, and nothing is given out")
      }
    }
    core.flush(&actions)
    for case .tellClient(_, .finished(let results)) in actions { told += results.count }
    let running = martlet_monotonic_nanoseconds() - start
    if told == 0 { throw BenchError("\(shape.name): the client heard of no result") }
    let count = Double(shape.tasks)
    print(
      "  \(shape.name)" + padded("\(shape.tasks)", 21 - shape.name.count) + padded("\(shape.workers)", 9)
        + padded(Double(submitting) / count, 10, digits: 0) + padded(Double(running) / count, 10, digits: 0)
        + padded(Double(running) / Double(core.transitionCount - transitions), 19, digits: 0)
        + padded("\(Int(held) / shape.tasks)", 20))
  }

  /// The tasks from a place on, as one message.
  private static func piece(of shape: Shape, from first: Int) -> Submission {
    let end = min(shape.tasks, first + 10_000)
    var piece = Submission(graph: 1, isLast: end == shape.tasks)
    piece.functions = [FunctionName(name: "f", version: 1)]
    piece.labels = ["task"]
    piece.tasks.reserveCapacity(end - first)
    for place in first..<end {
      let dependencies = shape.inputs(place).map { distance -> SubmittedDependency in
        place - distance >= first ? .back(UInt32(distance)) : .known(digest(place - distance))
      }
      piece.tasks.append(
        SubmittedTask(
          digest: digest(place), label: 0, work: .call(function: 0, arguments: []), dependencies: dependencies))
    }
    // All that nobody else needs would be enough; the last is needed by nobody, and so are many before it.
    piece.wanted = (0..<UInt32(end - first)).map { $0 }
    return piece
  }

  private static func digest(_ place: Int) -> Digest128 { Digest128(low: 11, high: 99).member(UInt64(place)) }
}
