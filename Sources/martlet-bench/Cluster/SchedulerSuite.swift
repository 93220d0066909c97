import Glibc
import MartletBytes
import MartletProtocol
import MartletScheduler
import MartletSystem

/// What the scheduler's decisions cost alone: its core is told at once that what it gave out is done. No sockets, no bytes,
/// no work.
enum SchedulerSuite: BenchSuite {
  static let name = "scheduler"
  static let summary =
    "the scheduler's decisions alone: ns of processor time a task and a transition, bytes a task held"

  /// A graph as a client sends it: what the task at a place needs, as distances backwards.
  private struct Shape {
    let name: String
    let tasks: Int
    let workers: Int
    let inputs: (Int) -> [Int]
  }

  static func run(_ options: BenchOptions) throws {
    if options.only == "flow" { return try flow(tasks: options.isToy ? 100_000 : 10_000_000) }
    if let only = options.only, let shape = shapes(isToy: options.isToy).first(where: { $0.name == only }) {
      return try measure(shape)
    }
    print("scheduler: events in, actions out, in one thread; ns of processor time a task")
    print("  shape             tasks  workers    submit       run    ns a transition   bytes a task held")
    // Each in a process of its own, so that its memory can be told.
    for name in shapes(isToy: options.isToy).map(\.name) + ["flow"] {
      let child = try Child.run(
        "/proc/self/exe", ["scheduler", "--only", name] + (options.isToy ? ["--toy"] : []), output: nil)
      if child.status != 0 { throw BenchError("the measurement of \(name) ended with status \(child.status)") }
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

    var ends = [[TaskEnd]](repeating: [], count: shape.workers)
    var told = 0
    let result: [UInt8] = [1]
    func carryOut() {
      for action in actions {
        switch action {
        case .tellWorker(let worker, .compute(let tasks)):
          for task in tasks {
            ends[Int(worker.rawValue)].append(
              TaskEnd(task: task.task, run: task.run, nanoseconds: 1000, byteCount: 8, type: "i", inline: result))
          }
        case .tellClient(_, .finished(let results)): told += results.count
        default: break
        }
      }
      actions.removeAll(keepingCapacity: true)
    }

    let before = Int(martlet_heap_bytes())
    var submitting: UInt64 = 0
    var place = 0
    while place < shape.tasks {
      let piece = self.piece(of: shape, from: place)
      place += piece.tasks.count
      let start = processorNanoseconds()
      core.handle(.clientSaid(client, .submit(piece)), at: now, &actions)
      submitting += processorNanoseconds() - start
      carryOut()
    }
    let held = Int(martlet_heap_bytes()) - before

    var finished = 0
    let transitions = core.transitionCount
    let start = processorNanoseconds()
    while finished < shape.tasks {
      core.flush(&actions)
      carryOut()
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
    carryOut()
    let running = processorNanoseconds() - start
    if told == 0 { throw BenchError("\(shape.name): the client heard of no result") }
    let count = Double(shape.tasks)
    print(
      "  \(shape.name)" + padded("\(shape.tasks)", 21 - shape.name.count) + padded("\(shape.workers)", 9)
        + padded(Double(submitting) / count, 10, digits: 0) + padded(Double(running) / count, 10, digits: 0)
        + padded(Double(running) / Double(core.transitionCount - transitions), 19, digits: 0)
        + padded("\(Int(held) / shape.tasks)", 20))
  }

  /// Tasks come and go, in graphs of ten thousand of which a few are known at a time: half of them have arguments and no
  /// inputs, the others join two of those and are wanted. What is held must not grow.
  private static func flow(tasks: Int) throws {
    let graphTasks = 10_000
    let workers = 100
    var settings = SchedulerSettings()
    settings.storyLength = 1 << 10
    var core = SchedulerCore(settings: settings)
    var now = Timestamp(nanoseconds: 0)
    var actions: [SchedulerAction] = []
    let client = ClientID(rawValue: 0)
    core.handle(.clientConnected(client), at: now, &actions)
    for number in 0..<workers {
      let registration = WorkerRegistration(
        name: "w\(number)", address: "10.0.0.1:\(number)", host: "h\(number / 8)", threads: 4, memoryLimit: 0,
        functions: [FunctionName(name: "f", version: 1)])
      core.handle(.workerRegistered(WorkerID(rawValue: UInt32(number)), registration), at: now, &actions)
    }
    var ends = [[TaskEnd]](repeating: [], count: workers)
    var released: [TaskHandle] = []
    var submitted = 0
    var finished = 0
    var early = 0
    var most = 0
    var nanoseconds: UInt64 = 0
    let result: [UInt8] = [1]
    let arguments = [UInt8](repeating: 7, count: 16)
    while finished < tasks {
      while submitted < tasks, submitted - finished < 3 * graphTasks {
        var piece = Submission(graph: UInt32(submitted / graphTasks), isLast: true)
        piece.functions = [FunctionName(name: "f", version: 1)]
        piece.labels = ["task"]
        for place in 0..<graphTasks {
          let isJoin = place >= graphTasks / 2
          let back = UInt32(graphTasks / 2)
          piece.tasks.append(
            SubmittedTask(
              digest: digest(submitted + place), label: 0,
              work: .call(function: 0, arguments: isJoin ? [] : arguments),
              dependencies: isJoin ? [.back(back), .back(place == graphTasks / 2 ? back : back + 1)] : []))
          if isJoin { piece.wanted.append(UInt32(place)) }
        }
        submitted += graphTasks
        let start = processorNanoseconds()
        core.handle(.clientSaid(client, .submit(piece)), at: now, &actions)
        nanoseconds += processorNanoseconds() - start
      }
      var start = processorNanoseconds()
      core.flush(&actions)
      nanoseconds += processorNanoseconds() - start
      for action in actions {
        switch action {
        case .tellWorker(let worker, .compute(let tasks)):
          for task in tasks {
            ends[Int(worker.rawValue)].append(
              TaskEnd(task: task.task, run: task.run, nanoseconds: 1000, byteCount: 8, type: "i", inline: result))
          }
        case .tellClient(_, .finished(let results)): for result in results { released.append(result.task) }
        default: break
        }
      }
      actions.removeAll(keepingCapacity: true)
      now = now + 100_000
      let already = finished
      start = processorNanoseconds()
      core.handle(.clientSaid(client, .release(released)), at: now, &actions)
      for worker in 0..<workers where !ends[worker].isEmpty {
        finished += ends[worker].count
        core.handle(
          .workerSaid(WorkerID(rawValue: UInt32(worker)), .finished(ends[worker])), at: now, &actions)
        ends[worker].removeAll(keepingCapacity: true)
      }
      nanoseconds += processorNanoseconds() - start
      released.removeAll(keepingCapacity: true)
      if finished == already { throw BenchError("flow: \(tasks - finished) tasks are left, and nothing is given out") }
      let held = Int(martlet_heap_bytes())
      if finished <= tasks / 10 { early = max(early, held) }
      most = max(most, held)
    }
    let count = Double(tasks)
    print(
      "  flow" + padded("\(tasks)", 17) + padded("\(workers)", 9) + padded("", 10)
        + padded(Double(nanoseconds) / count, 10, digits: 0)
        + padded(Double(nanoseconds) / Double(core.transitionCount), 19, digits: 0)
        + "   heap at most \(early >> 10) KiB in the first tenth, \(most >> 10) KiB in all")
    // In a short run the first tenth fills what later ones only use again.
    if tasks >= 1_000_000, most > early + early / 5 { throw BenchError("flow: what the scheduler holds grows") }
  }

  /// The processor time of this thread: what the machine does besides is not in it.
  private static func processorNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
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
