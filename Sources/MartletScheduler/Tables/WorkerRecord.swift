package import MartletProtocol

/// What the scheduler knows of a worker.
package struct WorkerRecord: Sendable {
  package let name: String
  package let address: String
  package let host: String
  package let threads: Int
  /// Bytes of results that it may hold; 0: no limit.
  package let memoryLimit: Int64
  /// What it has of each resource, and what is occupied.
  package let resources: [ResourceAmount]
  package var occupied: [Int64]
  /// By the scheduler's number of a function: whether it can run it.
  package var functions: [Bool]
  /// Whether it may still be given something.
  package var isAlive = true
  package var isPaused = false
  package var isRetiring = false
  package var metrics = WorkerMetrics()
  package var lastHeard: Timestamp
  /// Tasks that were given to it and not ended.
  package var processing = 0
  /// How long those will take, as far as one knows.
  package var occupancyNanoseconds: Int64 = 0
  /// Results that it holds, and that its tasks are expected to give.
  package var heldBytes: Int64 = 0
  package var expectedBytes: Int64 = 0
  /// A task of it is suspected of having killed a worker: it gets nothing else meanwhile.
  package var isIsolated = false

  /// Whether it takes new work.
  package var isOpen: Bool { isAlive && !isPaused && !isRetiring && !isIsolated }
}

/// What the scheduler knows of a client.
package struct ClientRecord: Sendable {
  package var isAlive = true
  package var lastHeard: Timestamp
  /// When its wants are given up, after its connection was lost.
  package var leavesAt = Timestamp(nanoseconds: 0)
  /// The processor time that its tasks have used, divided by its weight: who has used least is served first.
  package var servedNanoseconds: Int64
  /// How many graphs it has sent: earlier ones run first.
  package var graphs: UInt32 = 0
}
