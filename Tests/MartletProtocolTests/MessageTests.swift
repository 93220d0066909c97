import MartletBytes
import TestSupport
import Testing

@testable import MartletProtocol

@Suite struct MessageTests {
  /// Every family of messages, with what makes a random one of it.
  private func forEachFamily(
    _ body: (_ name: String, _ encode: (inout RandomMessages) -> [UInt8], _ recode: ([UInt8]) throws -> [UInt8]) throws
      ->
      Void
  ) rethrows {
    func recoded<Message: PortableValue>(_ type: Message.Type) -> ([UInt8]) throws -> [UInt8] {
      { try Message(portableBytes: $0).portableBytes() }
    }
    try body("client to scheduler", { $0.clientToScheduler().portableBytes() }, recoded(ClientToScheduler.self))
    try body("scheduler to client", { $0.schedulerToClient().portableBytes() }, recoded(SchedulerToClient.self))
    try body("worker to scheduler", { $0.workerToScheduler().portableBytes() }, recoded(WorkerToScheduler.self))
    try body("scheduler to worker", { $0.schedulerToWorker().portableBytes() }, recoded(SchedulerToWorker.self))
    try body("peer request", { $0.peerRequest().portableBytes() }, recoded(PeerRequest.self))
    try body("peer reply", { $0.peerReply().portableBytes() }, recoded(PeerReply.self))
  }

  @Test func `what is read is what was written`() throws {
    for seed in sampled(0..<400 as Range<UInt64>) {
      var one = RandomMessages(seed: seed)
      let message = one.clientToScheduler()
      #expect(try ClientToScheduler(portableBytes: message.portableBytes()) == message, "seed \(seed)")
      let order = one.schedulerToWorker()
      #expect(try SchedulerToWorker(portableBytes: order.portableBytes()) == order, "seed \(seed)")
      let news = one.schedulerToClient()
      #expect(try SchedulerToClient(portableBytes: news.portableBytes()) == news, "seed \(seed)")
      let answer = one.workerToScheduler()
      #expect(try WorkerToScheduler(portableBytes: answer.portableBytes()) == answer, "seed \(seed)")
      let request = one.peerRequest()
      #expect(try PeerRequest(portableBytes: request.portableBytes()) == request, "seed \(seed)")
      let reply = one.peerReply()
      #expect(try PeerReply(portableBytes: reply.portableBytes()) == reply, "seed \(seed)")
    }
  }

  @Test func `messages with other bytes are another version of the protocol`() {
    var all = StableHasher()
    forEachFamily { name, encode, _ in
      for seed in 0..<200 as Range<UInt64> {
        var random = RandomMessages(seed: seed)
        all.combine(encode(&random))
      }
    }
    // By the version: one that is there is not written over. Drawing the messages in another way changes it as well.
    let known: [UInt16: String] = [2: "ff68429cd57b29a2165540457df49fa4"]
    let digest = "\(all.digest())"
    #expect(known[ProtocolVersion.newest] == digest, "raise ProtocolVersion when the bytes of a message change")
  }

  @Test func `a message that is cut anywhere is refused`() {
    forEachFamily { name, encode, recode in
      for seed in sampled(0..<40 as Range<UInt64>) {
        var random = RandomMessages(seed: seed)
        let bytes = encode(&random)
        for count in 0..<bytes.count {
          #expect(throws: ByteError.self, "\(name), seed \(seed), \(count) of \(bytes.count) bytes") {
            try recode([UInt8](bytes[..<count]))
          }
        }
      }
    }
  }

  @Test func `flipped and foreign bytes are refused or are another message, and never more`() {
    forEachFamily { name, encode, recode in
      for seed in sampled(0..<300 as Range<UInt64>) {
        var random = RandomMessages(seed: seed)
        var bytes = encode(&random)
        for _ in 0..<(1 + random.random.below(4)) where !bytes.isEmpty {
          switch random.random.below(3) {
          case 0: bytes[random.random.below(bytes.count)] = UInt8(truncatingIfNeeded: random.random.next())
          case 1: bytes.insert(0xff, at: random.random.below(bytes.count + 1))
          default: bytes.append(contentsOf: random.bytes())
          }
        }
        // What is understood has the one form that would be written for it, or is refused: it never traps.
        if let again = try? recode(bytes) { #expect((try? recode(again)) == again, "\(name), seed \(seed)") }
      }
    }
  }

  @Test func `an index outside of its table is found when the submission is read`() throws {
    var good = Submission(graph: 1, isLast: true)
    good.functions = [FunctionName(name: "f", version: 1)]
    good.types = ["Int"]
    good.labels = ["a"]
    let digest = Digest128(low: 1, high: 2)
    func refused(_ change: (inout Submission) -> Void, _ message: String) {
      var bad = good
      change(&bad)
      let error = #expect(throws: ByteError.self) { try Submission(portableBytes: bad.portableBytes()) }
      #expect(error?.message == message)
    }
    func task(_ work: TaskWork, label: UInt32 = 0, traits: UInt32 = 0, _ inputs: [SubmittedDependency] = [])
      -> SubmittedTask
    {
      SubmittedTask(digest: digest, label: label, traits: traits, work: work, dependencies: inputs)
    }
    let call = TaskWork.call(function: 0, arguments: [])
    refused({ $0.tasks = [task(call, label: 1)] }, "task 0 has the label 1 of 1")
    refused({ $0.tasks = [task(call, traits: 1)] }, "task 0 has the traits 1 of 0")
    refused({ $0.tasks = [task(.call(function: 1, arguments: []))] }, "task 0 calls function 1 of 1")
    refused({ $0.tasks = [task(.literal(type: 7, bytes: []))] }, "task 0 has the type 7 of 1")
    refused({ $0.tasks = [task(.signal)] }, "task 0 needs one input, it has 0")
    refused({ $0.tasks = [task(call), task(call, [.back(2)])] }, "task 1 needs a task 2 places before it")
    refused({ $0.wanted = [0] }, "task 0 of 0 is wanted")
  }
}

@Suite struct `Sizes of results` {
  @Test func `more than a scheduler could add up is refused`() throws {
    for (size, isAllowed) in [
      (0, true), (WireLimits.resultBytes, true), (WireLimits.resultBytes + 1, false), (.max, false),
    ] {
      let end = TaskEnd(
        task: TaskHandle(slot: 0, generation: 0), run: RunID(rawValue: 1), nanoseconds: 1, byteCount: size, type: "t")
      let bytes = WorkerToScheduler.finished([end]).portableBytes()
      #expect(((try? WorkerToScheduler(portableBytes: bytes)) != nil) == isAllowed, "\(size)")
    }
  }
}
