package import MartletBytes

// The parts of messages as bytes, field after field in the order of their declaration.

extension ScatteredValue: PortableValue {
  package static var leastBytes: Int { 28 }
  package func write(to writer: inout ByteWriter) {
    digest.write(to: &writer)
    writer.write(label, atMost: WireLimits.shortText)
    writer.write(type)
    writer.write(byteCount)
    holders.write(to: &writer)
    writer.write(optional: bytes)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      digest: try Digest128(from: &reader), label: try reader.readShortText(), type: try reader.readShortText(),
      byteCount: try reader.readResultSize(), holders: try [WorkerID](from: &reader),
      bytes: try reader.readOptionalBytes())
  }
}

extension FinishedResult: PortableValue {
  package static var leastBytes: Int { 19 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    writer.write(type)
    writer.write(byteCount)
    writer.write(optional: inline)
    holders.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      task: try TaskHandle(from: &reader), type: try reader.readShortText(), byteCount: try reader.readResultSize(),
      inline: try reader.readOptionalBytes(), holders: try reader.readShortTexts())
  }
}

extension HeldResult: PortableValue {
  package static var leastBytes: Int { 9 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    holders.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(task: try TaskHandle(from: &reader), holders: try reader.readShortTexts())
  }
}

extension NamedTask: PortableValue {
  package static var leastBytes: Int { 24 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    digest.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(task: try TaskHandle(from: &reader), digest: try Digest128(from: &reader))
  }
}

extension PutValue: PortableValue {
  package static var leastBytes: Int { 25 }
  package func write(to writer: inout ByteWriter) {
    digest.write(to: &writer)
    writer.write(type)
    writer.write(byteCount)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      digest: try Digest128(from: &reader), type: try reader.readShortText(), byteCount: try reader.readResultSize())
  }
}

extension Holding: PortableValue {
  package static var leastBytes: Int { 33 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    digest.write(to: &writer)
    writer.write(type)
    writer.write(byteCount)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      task: try TaskHandle(from: &reader), digest: try Digest128(from: &reader), type: try reader.readShortText(),
      byteCount: try reader.readResultSize())
  }
}

extension WorkerRegistration: PortableValue {
  package func write(to writer: inout ByteWriter) {
    writer.write(name, atMost: WireLimits.shortText)
    writer.write(address, atMost: WireLimits.shortText)
    writer.write(host, atMost: WireLimits.shortText)
    writer.write(threads)
    writer.write(memoryLimit)
    resources.write(to: &writer)
    functions.write(to: &writer)
    writer.write(epoch)
    holdings.write(to: &writer)
    isSupervised.write(to: &writer)
    lastDeath.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    self.init(
      name: try reader.readShortText(), address: try reader.readShortText(), host: try reader.readShortText(),
      threads: try reader.read(), memoryLimit: try reader.readAmount(), resources: try [ResourceAmount](from: &reader),
      functions: try [FunctionName](from: &reader), epoch: try reader.read(), holdings: try [Holding](from: &reader),
      isSupervised: try Bool(from: &reader), lastDeath: try PastDeath?(from: &reader))
    if threads == 0 || threads > 65_536 { throw ByteError(offset: start, "a worker of \(threads) threads") }
  }
}

extension PastDeath: PortableValue {
  package static var leastBytes: Int { 25 }
  package func write(to writer: inout ByteWriter) {
    worker.write(to: &writer)
    writer.write(epoch)
    death.write(to: &writer)
    running.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      worker: try WorkerID(from: &reader), epoch: try reader.read(), death: try WorkerDeath(from: &reader),
      running: try [TaskRun]?(from: &reader))
  }
}

extension WorkerMetrics: PortableValue {
  package static var leastBytes: Int { 44 }
  package func write(to writer: inout ByteWriter) {
    writer.write(resultBytes)
    writer.write(spilledBytes)
    writer.write(residentBytes)
    writer.write(incomingBytes)
    writer.write(executing)
    writer.write(ready)
    writer.write(processorPercent)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init()
    resultBytes = try reader.readAmount()
    spilledBytes = try reader.readAmount()
    residentBytes = try reader.readAmount()
    incomingBytes = try reader.readAmount()
    executing = try reader.read()
    ready = try reader.read()
    processorPercent = try reader.read()
  }
}

extension TaskEnd: PortableValue {
  package static var leastBytes: Int { 31 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    run.write(to: &writer)
    writer.write(nanoseconds)
    writer.write(byteCount)
    writer.write(type)
    writer.write(optional: inline)
    isPushed.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      task: try TaskHandle(from: &reader), run: try RunID(from: &reader), nanoseconds: try reader.readAmount(),
      byteCount: try reader.readResultSize(), type: try reader.readShortText(), inline: try reader.readOptionalBytes(),
      isPushed: try Bool(from: &reader))
  }
}

extension TaskRun: PortableValue {
  package static var leastBytes: Int { 12 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    run.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(task: try TaskHandle(from: &reader), run: try RunID(from: &reader))
  }
}

extension PeerRef: PortableValue {
  package static var leastBytes: Int { 5 }
  package func write(to writer: inout ByteWriter) {
    worker.write(to: &writer)
    writer.write(address)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(worker: try WorkerID(from: &reader), address: try reader.readShortText())
  }
}

extension PushOrder: PortableValue {
  package static var leastBytes: Int { 13 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    to.write(to: &writer)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(task: try TaskHandle(from: &reader), to: try PeerRef(from: &reader))
  }
}

extension PushedResult: PortableValue {
  package static var leastBytes: Int { 34 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    digest.write(to: &writer)
    writer.write(type)
    writer.write(byteCount)
    writer.write(bytes: bytes)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      task: try TaskHandle(from: &reader), digest: try Digest128(from: &reader), type: try reader.readShortText(),
      byteCount: try reader.readResultSize(), bytes: try reader.readBytes())
  }
}

extension AssignedWork: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .call(let function, let arguments):
      writer.write(byte: 0)
      function.write(to: &writer)
      writer.write(bytes: arguments)
    case .literal(let type, let bytes):
      writer.write(byte: 1)
      writer.write(type)
      writer.write(bytes: bytes)
    case .gather(let element):
      writer.write(byte: 2)
      writer.write(element)
    case .alias: writer.write(byte: 3)
    case .signal: writer.write(byte: 4)
    }
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 0: self = .call(try FunctionName(from: &reader), arguments: try reader.readBytes())
    case 1: self = .literal(type: try reader.readShortText(), bytes: try reader.readBytes())
    case 2: self = .gather(element: try reader.readShortText())
    case 3: self = .alias
    case 4: self = .signal
    case let kind: throw ByteError(offset: start, "an assignment of the unknown kind \(kind)")
    }
  }
}

extension ComputeTask: PortableValue {
  package static var leastBytes: Int { 49 }
  package func write(to writer: inout ByteWriter) {
    task.write(to: &writer)
    run.write(to: &writer)
    digest.write(to: &writer)
    writer.write(label, atMost: WireLimits.shortText)
    writer.write(priority)
    work.write(to: &writer)
    writer.write(timeoutNanoseconds)
    isBlocking.write(to: &writer)
    resources.write(to: &writer)
    inputs.write(to: &writer)
  }
  package convenience init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      task: try TaskHandle(from: &reader), run: try RunID(from: &reader), digest: try Digest128(from: &reader),
      label: try reader.readShortText(), priority: try reader.read(), work: try AssignedWork(from: &reader),
      timeoutNanoseconds: try reader.readAmount(), isBlocking: try Bool(from: &reader),
      resources: try [ResourceAmount](from: &reader), inputs: try [InputRef](from: &reader))
  }
}

extension SharedValue: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .bytes(let type, let bytes):
      writer.write(byte: 0)
      writer.write(type)
      writer.write(bytes: bytes)
    case .task(let task):
      writer.write(byte: 1)
      task.write(to: &writer)
    }
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 0: self = .bytes(type: try reader.readShortText(), try reader.readBytes())
    case 1: self = .task(try TaskHandle(from: &reader))
    case let kind: throw ByteError(offset: start, "a shared value of the unknown kind \(kind)")
    }
  }
}
