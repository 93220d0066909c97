package import MartletBytes

/// A function as processes speak of it.
package struct FunctionName: Hashable, Sendable {
  /// The name that its type gives.
  package let name: String
  /// Its version.
  package let version: Int

  package init(name: String, version: Int) {
    self.name = name
    self.version = version
  }
}

/// What has to be done for a task: data only. Functions and types are indices into tables that travel beside it.
package enum TaskWork: Equatable, Sendable {
  /// A call of a function with these arguments, as bytes.
  case call(function: UInt32, arguments: [UInt8])
  /// A constant of a type, as bytes.
  case literal(type: UInt32, bytes: [UInt8])
  /// The inputs, all of one type, as an array.
  case gather(element: UInt32)
  /// The one input under another name.
  case alias
  /// Nothing: the end of the one input.
  case signal
}

/// What a scheduler and a worker respect beyond the work itself.
package struct WorkTraits: Hashable, Sendable {
  /// Higher runs earlier.
  package var priority: Int16 = 0
  /// Repetitions when the task throws.
  package var retries: UInt16 = 0
  /// The wait before the first repetition, in nanoseconds, and what it grows by.
  package var retryDelayNanoseconds: Int64 = 0
  package var retryFactor: Double = 2
  package var retryLongestDelayNanoseconds: Int64 = 60_000_000_000
  /// How long an attempt may take; 0: as long as it wants.
  package var timeoutNanoseconds: Int64 = 0
  /// What the result will take in memory; 0: unknown.
  package var estimatedResultBytes: Int64 = 0
  /// Reads data into memory: held back while there is no room.
  package var isSource = false
  /// Waits rather than computes.
  package var isBlocking = false
  /// Amounts by name, in the order of the names.
  package var resources: [ResourceAmount] = []
  /// Names or addresses of the workers that may run it; empty: all.
  package var workers: [String] = []
  /// Whether other workers may run it when none of `workers` is there.
  package var allowsOtherWorkers = false
  /// How long it waits for a worker that may run it while there is none; 0: as long as it takes.
  package var workerPatienceNanoseconds: Int64 = 0

  package init() {}
}

/// So much of a resource.
package struct ResourceAmount: Hashable, Sendable {
  /// What it is called.
  package var name: String
  /// How much; at least 1.
  package var amount: Int64

  package init(name: String, amount: Int64) {
    self.name = name
    self.amount = amount
  }
}

extension FunctionName: PortableValue {
  package static var leastBytes: Int { 2 }
  package func write(to writer: inout ByteWriter) {
    writer.write(name)
    writer.write(varint: UInt64(bitPattern: Int64(version)))
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(name: try reader.readShortText(), version: Int(Int64(bitPattern: try reader.readVarint())))
  }
}

extension ResourceAmount: PortableValue {
  package static var leastBytes: Int { 9 }
  package func write(to writer: inout ByteWriter) {
    writer.write(name)
    writer.write(amount)
  }
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    self.init(name: try reader.readShortText(), amount: try reader.read())
    if amount < 1 { throw ByteError(offset: start, "a need of \(amount) of the resource \(name)") }
  }
}

extension TaskWork: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .call(let function, let arguments):
      writer.write(byte: 0)
      writer.write(varint: UInt64(function))
      writer.write(bytes: arguments)
    case .literal(let type, let bytes):
      writer.write(byte: 1)
      writer.write(varint: UInt64(type))
      writer.write(bytes: bytes)
    case .gather(let element):
      writer.write(byte: 2)
      writer.write(varint: UInt64(element))
    case .alias: writer.write(byte: 3)
    case .signal: writer.write(byte: 4)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    switch try reader.readByte() {
    case 0: self = .call(function: try reader.readIndex(), arguments: try reader.readBytes())
    case 1: self = .literal(type: try reader.readIndex(), bytes: try reader.readBytes())
    case 2: self = .gather(element: try reader.readIndex())
    case 3: self = .alias
    case 4: self = .signal
    case let kind: throw ByteError(offset: start, "a task of the unknown kind \(kind)")
    }
  }
}

extension WorkTraits: PortableValue {
  package static var leastBytes: Int { 52 }

  package func write(to writer: inout ByteWriter) {
    writer.write(priority)
    writer.write(retries)
    writer.write(retryDelayNanoseconds)
    writer.write(retryFactor)
    writer.write(retryLongestDelayNanoseconds)
    writer.write(timeoutNanoseconds)
    writer.write(estimatedResultBytes)
    writer.write(byte: (isSource ? 1 : 0) | (isBlocking ? 2 : 0) | (allowsOtherWorkers ? 4 : 0))
    resources.write(to: &writer)
    workers.write(to: &writer)
    writer.write(workerPatienceNanoseconds)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init()
    let start = reader.offset
    priority = try reader.read()
    retries = try reader.read()
    retryDelayNanoseconds = try reader.read()
    retryFactor = try reader.readDouble()
    retryLongestDelayNanoseconds = try reader.read()
    timeoutNanoseconds = try reader.read()
    estimatedResultBytes = try reader.read()
    let flags = try reader.readByte()
    guard flags < 8, retryDelayNanoseconds >= 0, retryLongestDelayNanoseconds >= 0, timeoutNanoseconds >= 0,
      estimatedResultBytes >= 0, retryFactor >= 1, retryFactor <= 1e6
    else { throw ByteError(offset: start, "traits out of range") }
    isSource = flags & 1 != 0
    isBlocking = flags & 2 != 0
    allowsOtherWorkers = flags & 4 != 0
    resources = try [ResourceAmount](from: &reader)
    workers = try reader.readShortTexts()
    workerPatienceNanoseconds = try reader.readAmount()
  }
}
