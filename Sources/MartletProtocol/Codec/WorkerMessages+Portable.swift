package import MartletBytes

extension WorkerToScheduler: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .register(let registration):
      writer.write(byte: 1)
      registration.write(to: &writer)
    case .heartbeat(let metrics):
      writer.write(byte: 2)
      metrics.write(to: &writer)
    case .finished(let ends):
      writer.write(byte: 3)
      ends.write(to: &writer)
    case .failed(let task, let run, let failure):
      writer.write(byte: 4)
      task.write(to: &writer)
      run.write(to: &writer)
      failure.write(to: &writer)
    case .fetched(let tasks):
      writer.write(byte: 5)
      tasks.write(to: &writer)
    case .missing(let task, let worker, let run):
      writer.write(byte: 6)
      task.write(to: &writer)
      worker.write(to: &writer)
      run.write(to: &writer)
    case .dropped(let tasks):
      writer.write(byte: 7)
      tasks.write(to: &writer)
    case .stealAnswer(let task, let run, let gave):
      writer.write(byte: 8)
      task.write(to: &writer)
      run.write(to: &writer)
      gave.write(to: &writer)
    case .paused(let isPaused):
      writer.write(byte: 9)
      isPaused.write(to: &writer)
    case .retire: writer.write(byte: 10)
    case .coordinate(let request, let operation):
      writer.write(byte: 11)
      writer.write(request)
      operation.write(to: &writer)
    case .goodbye: writer.write(byte: 12)
    case .suspended(let runs):
      writer.write(byte: 13)
      runs.write(to: &writer)
    case .resumed(let runs):
      writer.write(byte: 14)
      runs.write(to: &writer)
    case .abandon(let request):
      writer.write(byte: 20)
      writer.write(request)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1: self = .register(try WorkerRegistration(from: &reader))
    case 2: self = .heartbeat(try WorkerMetrics(from: &reader))
    case 3: self = .finished(try [TaskEnd](from: &reader))
    case 4:
      self = .failed(try TaskHandle(from: &reader), try RunID(from: &reader), try FailureRecord(from: &reader))
    case 5: self = .fetched(try [TaskHandle](from: &reader))
    case 6:
      self = .missing(
        try TaskHandle(from: &reader), from: try WorkerID(from: &reader), run: try RunID(from: &reader))
    case 7: self = .dropped(try [TaskHandle](from: &reader))
    case 8:
      self = .stealAnswer(try TaskHandle(from: &reader), try RunID(from: &reader), gave: try Bool(from: &reader))
    case 9: self = .paused(try Bool(from: &reader))
    case 10: self = .retire
    case 11: self = .coordinate(request: try reader.read(), try CoordinationRequest(from: &reader))
    case 12: self = .goodbye
    case 13: self = .suspended(try [TaskRun](from: &reader))
    case 14: self = .resumed(try [TaskRun](from: &reader))
    case 20: self = .abandon(request: try reader.read())
    case let tag: throw ByteError(offset: start, "a worker's message of the unknown kind \(tag)")
    }
  }
}

extension SchedulerToWorker: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .welcome(let worker, let epoch, let heartbeat, let keep):
      writer.write(byte: 1)
      worker.write(to: &writer)
      writer.write(epoch)
      writer.write(heartbeat)
      keep.write(to: &writer)
    case .refused(let reason):
      writer.write(byte: 2)
      writer.write(reason, atMost: WireLimits.longText)
    case .compute(let tasks):
      writer.write(byte: 3)
      tasks.write(to: &writer)
    case .cancel(let runs):
      writer.write(byte: 4)
      runs.write(to: &writer)
    case .release(let tasks):
      writer.write(byte: 5)
      tasks.write(to: &writer)
    case .fetch(let inputs):
      writer.write(byte: 6)
      inputs.write(to: &writer)
    case .steal(let task, let run):
      writer.write(byte: 7)
      task.write(to: &writer)
      run.write(to: &writer)
    case .holders(let task, let peers, let run):
      writer.write(byte: 8)
      task.write(to: &writer)
      peers.write(to: &writer)
      run.write(to: &writer)
    case .peerLost(let worker):
      writer.write(byte: 9)
      worker.write(to: &writer)
    case .retired: writer.write(byte: 10)
    case .coordinated(let request, let reply):
      writer.write(byte: 11)
      writer.write(request)
      reply.write(to: &writer)
    case .heartbeat: writer.write(byte: 12)
    case .goodbye(let reason):
      writer.write(byte: 13)
      writer.write(reason, atMost: WireLimits.longText)
    case .named(let tasks):
      writer.write(byte: 14)
      tasks.write(to: &writer)
    case .push(let orders):
      writer.write(byte: 15)
      orders.write(to: &writer)
    case .inputs(let inputs):
      writer.write(byte: 16)
      inputs.write(to: &writer)
    case .restart(let reason):
      writer.write(byte: 17)
      writer.write(reason, atMost: WireLimits.longText)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 1:
      self = .welcome(
        try WorkerID(from: &reader), epoch: try reader.read(), heartbeatNanoseconds: try reader.readAmount(),
        keep: try [Holding](from: &reader))
    case 2: self = .refused(reason: try reader.readLongText())
    case 3: self = .compute(try [ComputeTask](from: &reader))
    case 4: self = .cancel(try [TaskRun](from: &reader))
    case 5: self = .release(try [TaskHandle](from: &reader))
    case 6: self = .fetch(try [InputRef](from: &reader))
    case 7: self = .steal(try TaskHandle(from: &reader), try RunID(from: &reader))
    case 8:
      self = .holders(try TaskHandle(from: &reader), try [PeerRef](from: &reader), run: try RunID(from: &reader))
    case 9: self = .peerLost(try WorkerID(from: &reader))
    case 10: self = .retired
    case 11: self = .coordinated(request: try reader.read(), try CoordinationReply(from: &reader))
    case 12: self = .heartbeat
    case 13: self = .goodbye(reason: try reader.readLongText())
    case 14: self = .named(try [NamedTask](from: &reader))
    case 15: self = .push(try [PushOrder](from: &reader))
    case 16: self = .inputs(try [InputRef](from: &reader))
    case 17: self = .restart(reason: try reader.readLongText())
    case let tag: throw ByteError(offset: start, "a scheduler's message of the unknown kind \(tag)")
    }
  }
}
