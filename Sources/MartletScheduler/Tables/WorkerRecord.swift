package import MartletProtocol

/// What is looked at when work is given out, of each worker, in a flat table of its own.
package struct WorkerLoad: Sendable, BitwiseCopyable {
  /// How long the tasks that it has will take, as far as one knows.
  package var occupancyNanoseconds: Int64 = 0
  /// Results that it holds, and that its tasks are expected to give.
  package var heldBytes: Int64 = 0
  package var expectedBytes: Int64 = 0
  /// Bytes of results that it may hold; 0: no limit.
  package let memoryLimit: Int64
  let threadCount: Int32
  /// Tasks of unknown duration that it is given at most.
  let fewTasks: Int32
  private var processingCount: Int32 = 0
  private var blockingCount: Int32 = 0
  private var suspendedCount: Int32 = 0
  /// Whether it may still be given something.
  package var isAlive = true
  package var isPaused = false
  package var isRetiring = false
  /// A task of it is suspected of having killed a worker: it gets nothing else meanwhile.
  package var isIsolated = false
  /// It is among those that are told something at the next flush.
  var isListed = false
  /// Whether tasks wait to be given to it ahead.
  var isAwaited = false

  init(threads: Int, memoryLimit: Int64, fewTasks: Int) {
    self.memoryLimit = memoryLimit
    threadCount = Int32(clamping: threads)
    self.fewTasks = Int32(clamping: fewTasks)
  }

  package var threads: Int { Int(threadCount) }

  /// Tasks that were given to it for its threads and not ended; those that wait are not among them.
  package var processing: Int {
    get { Int(processingCount) }
    set { processingCount = Int32(truncatingIfNeeded: newValue) }
  }

  /// Tasks that were given to it and have threads of their own.
  package var blocking: Int {
    get { Int(blockingCount) }
    set { blockingCount = Int32(truncatingIfNeeded: newValue) }
  }

  /// Tasks that it has begun and whose bodies wait.
  package var suspended: Int {
    get { Int(suspendedCount) }
    set { suspendedCount = Int32(truncatingIfNeeded: newValue) }
  }

  /// Whether it has fewer tasks than it is given in any case.
  var isHungry: Bool { processingCount < fewTasks }

  /// Whether it takes new work.
  package var isOpen: Bool { isAlive && !isPaused && !isRetiring && !isIsolated }
}

/// What the scheduler knows of a worker.
package struct WorkerRecord: Sendable {
  package let name: String
  package let address: String
  package let host: String
  /// A supervisor will tell what it died of.
  package var isSupervised = false
  /// Runs that are blamed for its loss, because they may have been under way, and what it seemed to have died of.
  var blamed: [TaskRun] = []
  var blame: WorkerDeath?
  /// When it is looked again, as it retires, whether its results are elsewhere.
  var evacuatesAt = Timestamp(nanoseconds: 0)
  /// Tasks that may be given to it ahead of their inputs when it has less in hand. They may have gone another way meanwhile.
  var awaiting: [UInt32] = []
  /// What it has of each resource, and what is occupied.
  package let resources: [ResourceAmount]
  package var occupied: [Int64]
  /// By the scheduler's number of a function: whether it can run it.
  var functions: [Bool]
  package var metrics = WorkerMetrics()
  package var lastHeard: Timestamp
  /// As a holder of results: arrays that messages share.
  let peers: [PeerRef]
  let addresses: [String]
  /// Filled where the record is handed out; the scheduler keeps it in a table of its own.
  package var load: WorkerLoad

  package var threads: Int { load.threads }
  package var memoryLimit: Int64 { load.memoryLimit }
  package var isPaused: Bool { load.isPaused }
  package var isRetiring: Bool { load.isRetiring }
  package var isIsolated: Bool { load.isIsolated }
  package var processing: Int { load.processing }
  package var blocking: Int { load.blocking }
  package var suspended: Int { load.suspended }
  package var occupancyNanoseconds: Int64 { load.occupancyNanoseconds }
  package var heldBytes: Int64 { load.heldBytes }
  package var expectedBytes: Int64 { load.expectedBytes }
}

/// What the scheduler knows of a client.
package struct ClientRecord: Sendable {
  package var isAlive = true
  package var lastHeard: Timestamp
  /// When its wants are given up, after its connection was lost.
  package var leavesAt = Timestamp(nanoseconds: 0)
  /// The processor time that its tasks have used, divided by its weight: who has used least is served first.
  package var servedNanoseconds: Int64
  /// Its share beside others'.
  package var weight: Int64 = 1
  /// It speaks for tasks of a worker.
  package var isInside = false
  /// How many graphs it has sent: earlier ones run first.
  package var graphs: UInt32 = 0
}
