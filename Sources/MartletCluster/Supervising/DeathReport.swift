package import MartletBytes
package import MartletProtocol

/// A task that a thread of a worker was in.
package struct RunningTask: Equatable, Hashable, Sendable {
  package var digest: Digest128
  package var task: TaskHandle
  package var run: RunID

  package init(digest: Digest128, task: TaskHandle, run: RunID) {
    self.digest = digest
    self.task = task
    self.run = run
  }
}

/// How a worker's process has ended, as its supervisor tells the next one.
package struct DeathReport: Equatable, Sendable {
  /// `signal 9 (KILL)`, `exit status 1`, `3.9 GiB in memory, …`.
  package var cause: String
  /// Its largest resident memory, in bytes; 0 when nobody knows.
  package var peakBytes: Int64
  /// The last lines that it wrote to standard error.
  package var lastLines: [String]
  /// Its number, if it was registered, with a scheduler of this epoch.
  package var worker: WorkerID?
  package var epoch: UInt64
  /// The tasks that its threads were in; nil when nobody knows.
  package var tasks: [RunningTask]?

  package init(
    cause: String, peakBytes: Int64 = 0, lastLines: [String] = [], worker: WorkerID? = nil, epoch: UInt64 = 0,
    tasks: [RunningTask]? = nil
  ) {
    self.cause = cause
    self.peakBytes = peakBytes
    self.lastLines = lastLines
    self.worker = worker
    self.epoch = epoch
    self.tasks = tasks
  }

  /// What clients are told.
  package func death(of worker: String, on host: String) -> WorkerDeath {
    WorkerDeath(worker: worker, host: host, cause: cause, peakBytes: peakBytes, lastLines: lastLines)
  }
}

extension RunningTask: PortableValue {
  package static var leastBytes: Int { 28 }

  package func write(to writer: inout ByteWriter) {
    digest.write(to: &writer)
    task.write(to: &writer)
    run.write(to: &writer)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      digest: try Digest128(from: &reader), task: try TaskHandle(from: &reader), run: try RunID(from: &reader))
  }
}

extension DeathReport: PortableValue {
  package static var leastBytes: Int { 20 }

  package func write(to writer: inout ByteWriter) {
    cause.write(to: &writer)
    peakBytes.write(to: &writer)
    lastLines.write(to: &writer)
    worker.write(to: &writer)
    epoch.write(to: &writer)
    tasks.write(to: &writer)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    self.init(
      cause: try String(from: &reader), peakBytes: try Int64(from: &reader), lastLines: try [String](from: &reader),
      worker: try WorkerID?(from: &reader), epoch: try UInt64(from: &reader), tasks: try [RunningTask]?(from: &reader))
  }
}
