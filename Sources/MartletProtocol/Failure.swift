package import MartletBytes

/// Why a task has no result, for people and programs on the other side.
package struct FailureRecord: Equatable, Sendable {
  /// The kind of failure.
  package enum Kind: UInt8, Sendable, CaseIterable {
    /// The task threw.
    case threw
    /// An attempt took longer than it may.
    case timedOut
    /// It ran on more workers that died than are allowed.
    case killedWorkers
    /// No worker has the function, the resources, or may run it.
    case cannotRun
    /// Its arguments or inputs are not what its function expects.
    case undecodable
    /// Its result has no bytes, or too many.
    case unsendable
    /// Somebody cancelled it.
    case cancelled
    /// What it needs is lost and cannot be computed again.
    case lost
    /// The cluster was started anew before it had ended, or its result was fetched.
    case restarted
  }

  /// The kind of failure.
  package var kind: Kind
  /// The key of the task that failed first; others fail because of it.
  package var key: Digest128
  /// Its label.
  package var label: String
  /// What was thrown, or what happened.
  package var message: String
  /// How often it was run.
  package var attempts: UInt32
  /// The workers that died of it, the last ones.
  package var deaths: [WorkerDeath]

  package init(
    _ kind: Kind, key: Digest128, label: String, message: String, attempts: UInt32 = 1, deaths: [WorkerDeath] = []
  ) {
    self.kind = kind
    self.key = key
    self.label = label
    self.message = message
    self.attempts = attempts
    self.deaths = deaths
  }
}

/// How a worker ended, as its supervisor or the scheduler saw it.
package struct WorkerDeath: Equatable, Sendable {
  /// The name of the worker.
  package var worker: String
  /// Where it ran.
  package var host: String
  /// `signal 9`, `exit status 1`, `no heartbeat for 300 s`, `connection lost`.
  package var cause: String
  /// Its largest resident memory, in bytes; 0 when nobody knows.
  package var peakBytes: Int64
  /// The last lines that it wrote.
  package var lastLines: [String]

  package init(worker: String, host: String, cause: String, peakBytes: Int64 = 0, lastLines: [String] = []) {
    self.worker = worker
    self.host = host
    self.cause = cause
    self.peakBytes = peakBytes
    self.lastLines = lastLines
  }
}

extension FailureRecord: PortableValue {
  package static var leastBytes: Int { 24 }

  package func write(to writer: inout ByteWriter) {
    writer.write(byte: kind.rawValue)
    key.write(to: &writer)
    writer.write(label, atMost: WireLimits.shortText)
    writer.write(message, atMost: WireLimits.longText)
    writer.write(attempts)
    deaths.write(to: &writer)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    guard let kind = Kind(rawValue: try reader.readByte()) else {
      throw ByteError(offset: start, "a failure of an unknown kind")
    }
    self.init(
      kind, key: try Digest128(from: &reader), label: try reader.readShortText(), message: try reader.readLongText(),
      attempts: try reader.read(), deaths: try [WorkerDeath](from: &reader))
  }
}

extension WorkerDeath: PortableValue {
  package static var leastBytes: Int { 12 }

  package func write(to writer: inout ByteWriter) {
    writer.write(worker, atMost: WireLimits.shortText)
    writer.write(host, atMost: WireLimits.shortText)
    writer.write(cause, atMost: WireLimits.shortText)
    writer.write(peakBytes)
    writer.write(varint: UInt64(lastLines.count))
    for line in lastLines { writer.write(line, atMost: WireLimits.shortText) }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      worker: try reader.readShortText(), host: try reader.readShortText(), cause: try reader.readShortText(),
      peakBytes: try reader.readAmount(), lastLines: try reader.readShortTexts())
  }
}
