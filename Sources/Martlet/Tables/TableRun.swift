package import MartletEngine
package import MartletTable
package import Synchronization

/// How a query is to be executed; none of it changes the answer.
package struct ExecutionOptions: Sendable {
  /// Threads that compute, the calling one included; nil for one a core.
  package var threads: Int?
  /// Bytes of input a partition; nil for a size that follows from the input alone.
  package var partitionBytes: Int?
  /// The resident set to stay below; nil for no limit.
  package var memoryBytes: Int?
  /// Whether the process ends with the run: then the system takes the memory of a large result back at once, and it is
  /// not freed piece by piece.
  package var endsProcess = false

  /// Gives what runs the passes over the input, a cluster say; called once, when the query runs. Its graphs are data, made of
  /// the functions of `TableFunctions`; what is made of merged results runs in this process. Nil for threads of this process.
  package var connect: (@Sendable (CancellationSource) throws -> any Executor)?
  /// Whether the bytes of the input go with the tasks: in blocks of this size. Nil where workers read the files themselves.
  package var sentBlockBytes: Int?
  /// A size of block that suits most inputs: a record may reach so far into the next partition.
  package static let usualBlockBytes = 1 << 20

  package init() {}
}

/// Where the bytes of a result go: called in order, by one thread at a time.
package protocol OutputTarget: AnyObject, Sendable {
  /// Takes all of `bytes`, or throws `.unwritable`.
  func write(_ bytes: UnsafeRawBufferPointer) throws(TableError)
}

/// How far a run is: written by its tasks, read by whoever shows it, at any time from any thread.
package final class RunProgress: Sendable {
  package let totalBytes = Atomic<Int>(0)
  package let totalPartitions = Atomic<Int>(0)
  package let bytes = Atomic<Int>(0)
  package let partitions = Atomic<Int>(0)
  /// Stops the run: for a signal, or a closed pipe. The run then throws `RunCancelled` soon.
  package let cancellation = CancellationSource()

  package init() {}

  /// How far it is, as a line.
  package func line(elapsedSeconds: Double) -> ProgressLine {
    var line = ProgressLine()
    line.bytes = bytes.load(ordering: .relaxed)
    line.totalBytes = totalBytes.load(ordering: .relaxed)
    line.partitions = partitions.load(ordering: .relaxed)
    line.totalPartitions = totalPartitions.load(ordering: .relaxed)
    line.elapsedSeconds = elapsedSeconds
    return line
  }

  /// Stops the run.
  package func cancel() { cancellation.cancel() }
}

/// What ends a run that was told to stop.
package struct RunCancelled: Error {
  package init() {}
}
