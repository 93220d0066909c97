package import MartletBytes

// A message is its tag, one byte, then its fields. Tags are never used again for another message.

extension ClientToScheduler: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .submit(let submission):
      writer.write(byte: 1)
      submission.write(to: &writer)
    case .release(let tasks):
      writer.write(byte: 2)
      tasks.write(to: &writer)
    case .cancel(let tasks, let force):
      writer.write(byte: 3)
      tasks.write(to: &writer)
      force.write(to: &writer)
    case .retry(let tasks):
      writer.write(byte: 4)
      tasks.write(to: &writer)
    case .scatter(let values):
      writer.write(byte: 5)
      values.write(to: &writer)
    case .publish(let request, let name, let tasks, let overwrites):
      writer.write(byte: 6)
      writer.write(request)
      writer.write(name)
      tasks.write(to: &writer)
      overwrites.write(to: &writer)
    case .unpublish(let request, let name):
      writer.write(byte: 7)
      writer.write(request)
      writer.write(name)
    case .subscribe(let request, let name):
      writer.write(byte: 8)
      writer.write(request)
      writer.write(name)
    case .ask(let request, let question):
      writer.write(byte: 9)
      writer.write(request)
      question.write(to: &writer)
    case .coordinate(let request, let operation):
      writer.write(byte: 10)
      writer.write(request)
      operation.write(to: &writer)
    case .heartbeat: writer.write(byte: 11)
    case .goodbye: writer.write(byte: 12)
    case .want(let request, let digests):
      writer.write(byte: 13)
      writer.write(request)
      digests.write(to: &writer)
    case .missing(let tasks, let address):
      writer.write(byte: 14)
      tasks.write(to: &writer)
      writer.write(address)
    case .replicate(let request, let tasks, let count):
      writer.write(byte: 15)
      writer.write(request)
      tasks.write(to: &writer)
      writer.write(count)
    case .rebalance(let request, let tasks):
      writer.write(byte: 16)
      writer.write(request)
      tasks.write(to: &writer)
    case .runOnWorkers(let request, let call):
      writer.write(byte: 17)
      writer.write(request)
      call.write(to: &writer)
    case .inside: writer.write(byte: 19)
    case .weight(let weight):
      writer.write(byte: 20)
      writer.write(weight)
    case .retireWorkers(let request, let workers):
      writer.write(byte: 18)
      writer.write(request)
      workers.write(to: &writer)
    case .restart(let request, let name, let timeout):
      writer.write(byte: 21)
      writer.write(request)
      writer.write(name, atMost: WireLimits.shortText)
      writer.write(timeout)
    case .abandon(let request):
      writer.write(byte: 25)
      writer.write(request)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1: self = .submit(try Submission(from: &reader))
    case 2: self = .release(try [TaskHandle](from: &reader))
    case 3: self = .cancel(try [TaskHandle](from: &reader), force: try Bool(from: &reader))
    case 4: self = .retry(try [TaskHandle](from: &reader))
    case 5: self = .scatter(try [ScatteredValue](from: &reader))
    case 6:
      self = .publish(
        request: try reader.read(), name: try reader.readShortText(), tasks: try [TaskHandle](from: &reader),
        overwrites: try Bool(from: &reader))
    case 7: self = .unpublish(request: try reader.read(), name: try reader.readShortText())
    case 8: self = .subscribe(request: try reader.read(), name: try reader.readShortText())
    case 9: self = .ask(request: try reader.read(), try Question(from: &reader))
    case 10: self = .coordinate(request: try reader.read(), try CoordinationRequest(from: &reader))
    case 11: self = .heartbeat
    case 12: self = .goodbye
    case 13: self = .want(request: try reader.read(), try [Digest128](from: &reader))
    case 14: self = .missing(try [TaskHandle](from: &reader), from: try reader.readShortText())
    case 15:
      self = .replicate(request: try reader.read(), try [TaskHandle](from: &reader), copies: try reader.read())
    case 16: self = .rebalance(request: try reader.read(), try [TaskHandle](from: &reader))
    case 17: self = .runOnWorkers(request: try reader.read(), try WorkersCall(from: &reader))
    case 19: self = .inside
    case 20:
      let weight: UInt32 = try reader.read()
      guard weight > 0 else { throw ByteError(offset: start, "a client of no weight") }
      self = .weight(weight)
    case 18: self = .retireWorkers(request: try reader.read(), try reader.readShortTexts())
    case 21:
      self = .restart(
        request: try reader.read(), name: try reader.readShortText(), timeoutNanoseconds: try reader.readAmount())
    case 25: self = .abandon(request: try reader.read())
    case let tag: throw ByteError(offset: start, "a client's message of the unknown kind \(tag)")
    }
  }
}

extension WorkersCall: PortableValue {
  package func write(to writer: inout ByteWriter) {
    digest.write(to: &writer)
    writer.write(label)
    function.write(to: &writer)
    writer.write(bytes: arguments)
    workers.write(to: &writer)
    writer.write(timeoutNanoseconds)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      digest: try Digest128(from: &reader), label: try reader.readShortText(),
      function: try FunctionName(from: &reader), arguments: try reader.readBytes(),
      workers: try reader.readShortTexts(), timeoutNanoseconds: try reader.readAmount())
  }
}

extension WorkersTask: PortableValue {
  package static var leastBytes: Int { 25 }

  package func write(to writer: inout ByteWriter) {
    writer.write(worker)
    task.write(to: &writer)
    digest.write(to: &writer)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      worker: try reader.readShortText(), task: try TaskHandle(from: &reader), digest: try Digest128(from: &reader))
  }
}

extension LabelProgress: PortableValue {
  package static var leastBytes: Int { 13 }

  package func write(to writer: inout ByteWriter) {
    writer.write(label, atMost: WireLimits.shortText)
    writer.write(running)
    writer.write(finished)
    writer.write(failed)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      label: try reader.readShortText(), running: try reader.read(), finished: try reader.read(),
      failed: try reader.read())
  }
}

extension StrandedTasks: PortableValue {
  package static var leastBytes: Int { 14 }

  package func write(to writer: inout ByteWriter) {
    writer.write(label, atMost: WireLimits.shortText)
    writer.write(count)
    writer.write(nanoseconds)
    writer.write(reason, atMost: WireLimits.longText)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      label: try reader.readShortText(), count: try reader.read(), nanoseconds: try reader.readAmount(),
      reason: try reader.readLongText())
  }
}

extension Question: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .workers: writer.write(byte: 1)
    case .tasks: writer.write(byte: 2)
    case .whoHas(let tasks):
      writer.write(byte: 3)
      tasks.write(to: &writer)
    case .story(let digest):
      writer.write(byte: 4)
      digest.write(to: &writer)
    case .published: writer.write(byte: 5)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1: self = .workers
    case 2: self = .tasks
    case 3: self = .whoHas(try [TaskHandle](from: &reader))
    case 4: self = .story(try Digest128(from: &reader))
    case 5: self = .published
    case let tag: throw ByteError(offset: start, "a question of the unknown kind \(tag)")
    }
  }
}

extension SchedulerToClient: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .accepted(let graph, let wanted):
      writer.write(byte: 1)
      writer.write(graph)
      wanted.write(to: &writer)
    case .refused(let graph, let failure):
      writer.write(byte: 2)
      writer.write(graph)
      failure.write(to: &writer)
    case .finished(let results):
      writer.write(byte: 3)
      results.write(to: &writer)
    case .failed(let task, let failure):
      writer.write(byte: 4)
      task.write(to: &writer)
      failure.write(to: &writer)
    case .recomputing(let tasks):
      writer.write(byte: 5)
      tasks.write(to: &writer)
    case .holders(let held):
      writer.write(byte: 6)
      held.write(to: &writer)
    case .answer(let request, let text):
      writer.write(byte: 7)
      writer.write(request)
      writer.write(text)
    case .named(let request, let tasks):
      writer.write(byte: 8)
      writer.write(request)
      tasks.write(to: &writer)
    case .coordinated(let request, let reply):
      writer.write(byte: 9)
      writer.write(request)
      reply.write(to: &writer)
    case .denied(let request, let reason):
      writer.write(byte: 10)
      writer.write(request)
      writer.write(reason, atMost: WireLimits.longText)
    case .heartbeat: writer.write(byte: 11)
    case .goodbye(let reason):
      writer.write(byte: 12)
      writer.write(reason, atMost: WireLimits.longText)
    case .onWorkers(let request, let tasks):
      writer.write(byte: 13)
      writer.write(request)
      tasks.write(to: &writer)
    case .progress(let graph, let labels):
      writer.write(byte: 14)
      writer.write(graph)
      labels.write(to: &writer)
    case .stranded(let list):
      writer.write(byte: 16)
      list.write(to: &writer)
    case .restarted(let name):
      writer.write(byte: 15)
      writer.write(name, atMost: WireLimits.shortText)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1: self = .accepted(graph: try reader.read(), wanted: try [TaskHandle](from: &reader))
    case 2: self = .refused(graph: try reader.read(), try FailureRecord(from: &reader))
    case 3: self = .finished(try [FinishedResult](from: &reader))
    case 4: self = .failed(try TaskHandle(from: &reader), try FailureRecord(from: &reader))
    case 5: self = .recomputing(try [TaskHandle](from: &reader))
    case 6: self = .holders(try [HeldResult](from: &reader))
    // An answer may be as long as a frame: it is as long as the cluster is large.
    case 7: self = .answer(request: try reader.read(), text: try reader.readText())
    case 8: self = .named(request: try reader.read(), tasks: try [NamedTask](from: &reader))
    case 9: self = .coordinated(request: try reader.read(), try CoordinationReply(from: &reader))
    case 10: self = .denied(request: try reader.read(), reason: try reader.readLongText())
    case 11: self = .heartbeat
    case 12: self = .goodbye(reason: try reader.readLongText())
    case 13: self = .onWorkers(request: try reader.read(), try [WorkersTask](from: &reader))
    case 14: self = .progress(graph: try reader.read(), try [LabelProgress](from: &reader))
    case 15: self = .restarted(by: try reader.readShortText())
    case 16: self = .stranded(try [StrandedTasks](from: &reader))
    case let tag: throw ByteError(offset: start, "a scheduler's message of the unknown kind \(tag)")
    }
  }
}
