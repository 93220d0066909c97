import MartletBytes
import TestSupport

@testable import MartletProtocol

/// Messages with random content, of every kind.
struct RandomMessages {
  var random: SeededGenerator

  init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  mutating func list<Element>(_ make: (inout RandomMessages) -> Element) -> [Element] {
    (0..<random.below(4)).map { _ in make(&self) }
  }
  mutating func text() -> String {
    random.pick(["", "a", "größer", "tcp://host:1", String(repeating: "x", count: 300)])
  }
  mutating func bytes() -> [UInt8] { (0..<random.below(40)).map { _ in UInt8(truncatingIfNeeded: random.next()) } }
  mutating func size() -> Int64 { amount() >> 29 }
  mutating func amount() -> Int64 { Int64(random.next() >> UInt64(1 + random.below(60))) }
  mutating func digest() -> Digest128 { Digest128(low: random.next(), high: random.next()) }
  mutating func word() -> UInt32 { UInt32(truncatingIfNeeded: random.next() >> UInt64(random.below(63))) }
  mutating func handle() -> TaskHandle { TaskHandle(slot: word(), generation: word()) }
  mutating func run() -> RunID { RunID(rawValue: word()) }
  mutating func worker() -> WorkerID { WorkerID(rawValue: word()) }
  mutating func peer() -> PeerRef { PeerRef(worker: worker(), address: text()) }
  mutating func function() -> FunctionName { FunctionName(name: text(), version: Int(amount()) - 5) }
  mutating func resource() -> ResourceAmount { ResourceAmount(name: text(), amount: 1 + amount() / 2) }
  mutating func optionalBytes() -> [UInt8]? { random.chance(50) ? bytes() : nil }

  mutating func traits() -> WorkTraits {
    var traits = WorkTraits()
    traits.priority = Int16(truncatingIfNeeded: random.next())
    traits.retries = UInt16(truncatingIfNeeded: random.next())
    traits.timeoutNanoseconds = amount()
    traits.workerPatienceNanoseconds = random.chance(50) ? 0 : amount()
    traits.isSource = random.chance(50)
    traits.isBlocking = random.chance(50)
    traits.allowsOtherWorkers = random.chance(50)
    traits.resources = list { $0.resource() }
    traits.workers = list { $0.text() }
    return traits
  }

  mutating func failure() -> FailureRecord {
    FailureRecord(
      random.pick(FailureRecord.Kind.allCases), key: digest(), label: text(), message: text(), attempts: word(),
      deaths: list {
        WorkerDeath(
          worker: $0.text(), host: $0.text(), cause: $0.text(), peakBytes: $0.amount(), lastLines: $0.list { $0.text() }
        )
      })
  }

  mutating func submission() -> Submission {
    var submission = Submission(graph: word(), isLast: random.chance(50))
    submission.functions = list { $0.function() } + [function()]
    submission.types = list { $0.text() } + ["Int"]
    submission.labels = list { $0.text() } + ["label"]
    submission.traits = list { $0.traits() }
    for place in 0..<random.below(8) {
      var inputs: [SubmittedDependency] = list {
        place > 0 && $0.random.chance(70) ? .back(UInt32(1 + $0.random.below(place))) : .known($0.digest())
      }
      var orderOnly = random.below(inputs.count + 1)
      let work: TaskWork
      switch random.below(5) {
      case 0: work = .call(function: UInt32(random.below(submission.functions.count)), arguments: bytes())
      case 1: work = .literal(type: UInt32(random.below(submission.types.count)), bytes: bytes())
      case 2: work = .gather(element: UInt32(random.below(submission.types.count)))
      default:
        work = random.chance(50) ? .alias : .signal
        inputs = [.known(digest())]
        orderOnly = 0
      }
      submission.tasks.append(
        SubmittedTask(
          digest: digest(), label: UInt32(random.below(submission.labels.count)),
          traits: UInt32(random.below(submission.traits.count + 1)), work: work, dependencies: inputs,
          orderOnlyCount: UInt32(orderOnly)))
    }
    if !submission.tasks.isEmpty { submission.wanted = list { UInt32($0.random.below(submission.tasks.count)) } }
    for _ in 0..<random.below(3) {
      let inputs: [SubmittedLayer.Input] = list {
        $0.random.pick([
          .block(of: $0.digest()), .shared($0.digest()), .range(of: $0.digest(), count: $0.word(), size: $0.word()),
          .strided(
            of: $0.digest(),
            BlockStrides(
              count: $0.word(), first: $0.word(), axes: $0.list { $0.dimension() }, spans: $0.list { $0.dimension() })),
        ])
      }
      let isWanted = random.chance(50)
      let wanted: [UInt32] = isWanted ? [] : list { $0.word() }
      submission.layers.append(
        SubmittedLayer(
          digest: digest(), label: 0, traits: UInt32(random.below(submission.traits.count + 1)), function: 0,
          arguments: bytes(), count: wanted.isEmpty ? word() : .max, inputs: inputs, isWanted: isWanted,
          wanted: Set(wanted).subtracting([.max]).sorted()))
    }
    return submission
  }

  mutating func dimension() -> BlockStrides.Dimension {
    BlockStrides.Dimension(extent: 1 + word() % 1000, step: word())
  }

  mutating func shared() -> SharedValue { random.chance(50) ? .bytes(type: text(), bytes()) : .task(handle()) }

  mutating func operation() -> CoordinationRequest {
    switch random.below(12) {
    case 0: .put(queue: text(), value: shared(), limit: word(), timeoutNanoseconds: amount())
    case 1: .take(queue: text(), timeoutNanoseconds: amount())
    case 2: .set(variable: text(), value: shared())
    case 3: .read(variable: text(), timeoutNanoseconds: amount())
    case 4: .signal(event: text(), isSet: random.chance(50))
    case 5: .wait(event: text(), timeoutNanoseconds: amount())
    case 6:
      .acquire(
        semaphore: text(), places: word(), of: word(), leaseNanoseconds: amount(), timeoutNanoseconds: amount())
    case 7: .renew(semaphore: text(), lease: random.next())
    case 8: .giveBack(semaphore: text(), lease: random.next())
    case 9: .publish(topic: text(), bytes: bytes())
    case 10: .listen(topic: text(), isListening: random.chance(50))
    default: .unset(variable: text())
    }
  }

  mutating func reply() -> CoordinationReply {
    switch random.below(6) {
    case 0: .done
    case 1: .value(shared())
    case 2: .lease(random.next(), fence: random.next())
    case 3: .message(topic: text(), bytes: bytes())
    case 4: .denied(reason: text())
    default: .timedOut
    }
  }

  mutating func clientToScheduler() -> ClientToScheduler {
    switch random.below(22) {
    case 0: .submit(submission())
    case 1: .release(list { $0.handle() })
    case 2: .cancel(list { $0.handle() }, force: random.chance(50))
    case 3: .retry(list { $0.handle() })
    case 4:
      .scatter(
        list {
          ScatteredValue(
            digest: $0.digest(), label: $0.text(), type: $0.text(), byteCount: $0.size(),
            holders: $0.list { $0.worker() }, bytes: $0.optionalBytes())
        })
    case 5: .publish(request: word(), name: text(), tasks: list { $0.handle() }, overwrites: random.chance(50))
    case 6: .unpublish(request: word(), name: text())
    case 7: .subscribe(request: word(), name: text())
    case 8:
      .ask(request: word(), random.pick([.workers, .tasks, .published, .whoHas([handle()]), .story(digest())]))
    case 9: .coordinate(request: word(), operation())
    case 10: .heartbeat
    case 11: .want(request: word(), list { $0.digest() })
    case 12: .missing(list { $0.handle() }, from: text())
    case 13: .replicate(request: word(), list { $0.handle() }, copies: word())
    case 14: .rebalance(request: word(), list { $0.handle() })
    case 15:
      .runOnWorkers(
        request: word(),
        WorkersCall(
          digest: digest(), label: text(), function: function(), arguments: bytes(), workers: list { $0.text() },
          timeoutNanoseconds: amount()))
    case 16: .retireWorkers(request: word(), list { $0.text() })
    case 17: .restart(request: word(), name: text(), timeoutNanoseconds: amount())
    case 18: .inside
    case 19: .weight(UInt32(1 + random.below(1000)))
    case 20: .abandon(request: word())
    default: .goodbye
    }
  }

  mutating func schedulerToClient() -> SchedulerToClient {
    switch random.below(16) {
    case 0: .accepted(graph: word(), wanted: list { $0.handle() })
    case 1: .refused(graph: word(), failure())
    case 2:
      .finished(
        list {
          FinishedResult(
            task: $0.handle(), type: $0.text(), byteCount: $0.size(), inline: $0.optionalBytes(),
            holders: $0.list { $0.text() })
        })
    case 3: .failed(handle(), failure())
    case 4: .recomputing(list { $0.handle() })
    case 5: .holders(list { HeldResult(task: $0.handle(), holders: $0.list { $0.text() }) })
    case 6: .answer(request: word(), text: text())
    case 7: .named(request: word(), tasks: list { NamedTask(task: $0.handle(), digest: $0.digest()) })
    case 8: .coordinated(request: word(), reply())
    case 9: .denied(request: word(), reason: text())
    case 10:
      .onWorkers(request: word(), list { WorkersTask(worker: $0.text(), task: $0.handle(), digest: $0.digest()) })
    case 11: .heartbeat
    case 12:
      .progress(
        graph: word(),
        list { LabelProgress(label: $0.text(), running: $0.word(), finished: $0.word(), failed: $0.word()) })
    case 13: .restarted(by: text())
    case 14:
      .stranded(
        list { StrandedTasks(label: $0.text(), count: $0.word(), nanoseconds: $0.amount(), reason: $0.text()) })
    default: .goodbye(reason: text())
    }
  }

  mutating func workerToScheduler() -> WorkerToScheduler {
    switch random.below(15) {
    case 0:
      .register(
        WorkerRegistration(
          name: text(), address: text(), host: text(), threads: 1 + word() % 64, memoryLimit: amount(),
          resources: list { $0.resource() }, functions: list { $0.function() }, epoch: random.next(),
          holdings: list { $0.holding() },
          isSupervised: random.chance(50),
          lastDeath: random.chance(50)
            ? nil
            : PastDeath(
              worker: worker(), epoch: random.next(),
              death: WorkerDeath(
                worker: text(), host: text(), cause: text(), peakBytes: amount(), lastLines: list { $0.text() }),
              running: random.chance(50) ? nil : list { TaskRun(task: $0.handle(), run: $0.run()) })))
    case 1: .heartbeat(metrics())
    case 2:
      .finished(
        list {
          TaskEnd(
            task: $0.handle(), run: $0.run(), nanoseconds: $0.amount(), byteCount: $0.size(), type: $0.text(),
            inline: $0.optionalBytes(), isPushed: $0.random.chance(50))
        })
    case 3: .failed(handle(), run(), failure())
    case 4: .fetched(list { $0.handle() })
    case 5: .missing(handle(), from: worker(), run: run())
    case 6: .dropped(list { $0.handle() })
    case 7: .stealAnswer(handle(), run(), gave: random.chance(50))
    case 8: .paused(random.chance(50))
    case 9: .retire
    case 10: .coordinate(request: word(), operation())
    case 11: .suspended(list { TaskRun(task: $0.handle(), run: $0.run()) })
    case 12: .resumed(list { TaskRun(task: $0.handle(), run: $0.run()) })
    case 13: .abandon(request: word())
    default: .goodbye
    }
  }

  mutating func schedulerToWorker() -> SchedulerToWorker {
    switch random.below(17) {
    case 0:
      .welcome(worker(), epoch: random.next(), heartbeatNanoseconds: amount(), keep: list { $0.holding() })
    case 1: .refused(reason: text())
    case 2: .compute(list { $0.compute() })
    case 3: .cancel(list { TaskRun(task: $0.handle(), run: $0.run()) })
    case 4: .release(list { $0.handle() })
    case 5: .fetch(list { $0.input() })
    case 6: .steal(handle(), run())
    case 7: .holders(handle(), list { $0.peer() }, run: run())
    case 8: .peerLost(worker())
    case 9: .retired
    case 10: .coordinated(request: word(), reply())
    case 11: .heartbeat
    case 12: .named(list { NamedTask(task: $0.handle(), digest: $0.digest()) })
    case 13: .push(list { PushOrder(task: $0.handle(), to: $0.peer()) })
    case 14: .inputs(list { $0.input() })
    case 15: .restart(reason: text())
    default: .goodbye(reason: text())
    }
  }

  mutating func peerRequest() -> PeerRequest {
    switch random.below(4) {
    case 0: .get(request: word(), list { NamedTask(task: $0.handle(), digest: $0.digest()) })
    case 1: .put(request: word(), list { PutValue(digest: $0.digest(), type: $0.text(), byteCount: $0.size()) })
    case 2: .abandon(request: word())
    default:
      .push(
        list {
          PushedResult(
            task: $0.handle(), digest: $0.digest(), type: $0.text(), byteCount: $0.size(), bytes: $0.bytes())
        })
    }
  }

  mutating func peerReply() -> PeerReply {
    switch random.below(5) {
    case 0: .data(request: word(), task: handle(), type: text(), byteCount: size())
    case 1: .missing(request: word(), task: handle())
    case 2: .busy(request: word(), retryAfterNanoseconds: amount())
    case 3: .done(request: word())
    default: .rejected(request: word(), reason: text())
    }
  }

  private mutating func holding() -> Holding {
    Holding(task: handle(), digest: digest(), type: text(), byteCount: size())
  }

  private mutating func metrics() -> WorkerMetrics {
    var metrics = WorkerMetrics()
    metrics.resultBytes = amount()
    metrics.residentBytes = amount()
    metrics.executing = word()
    metrics.processorPercent = word()
    return metrics
  }

  private mutating func input() -> InputRef {
    InputRef(
      task: handle(), digest: digest(), run: run(), byteCount: size(), holders: list { $0.peer() },
      inline: optionalBytes(),
      type: text(), delivery: InputDelivery(rawValue: UInt8(random.below(3))) ?? .fetched)
  }

  private mutating func compute() -> ComputeTask {
    let work: AssignedWork
    switch random.below(5) {
    case 0: work = .call(function(), arguments: bytes())
    case 1: work = .literal(type: text(), bytes: bytes())
    case 2: work = .gather(element: text())
    case 3: work = .alias
    default: work = .signal
    }
    return ComputeTask(
      task: handle(), run: run(), digest: digest(), label: text(), priority: random.next(), work: work,
      timeoutNanoseconds: amount(), isBlocking: random.chance(50), resources: list { $0.resource() },
      inputs: list { $0.input() })
  }
}
