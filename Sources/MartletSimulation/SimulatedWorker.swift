import MartletBytes
import MartletProtocol
import MartletWorker

/// A worker's core with the least of a shell around it: values in a table, files, bodies that run.
struct SimulatedWorker: Sendable {
  var core: WorkerCore
  let name: String
  let threads: Int
  var isAlive = true
  /// It does nothing before this time.
  var frozenUntil: Int64 = 0
  var diskIsFullUntil: Int64 = 0
  /// What it says comes late, and its answers come twice, before these times.
  var lateUntil: Int64 = 0
  var twiceUntil: Int64 = 0
  /// What its process takes beside its results, before this time.
  var foreignBytes: Int64 = 0
  var foreignUntil: Int64 = 0
  /// Whether somebody sees what it is at when it ends, and starts it again.
  let isSupervised: Bool
  /// What the process before it ended of.
  let lastDeath: PastDeath?
  /// The connection to the scheduler, and those to peers and from requesters, by number.
  var session: Int?
  var peers: [WorkerID: Int] = [:]
  /// Values in memory and in files.
  var values: [ValueID: SimulatedValue] = [:]
  var files: [ValueID: SimulatedValue] = [:]
  /// Values that could not be decoded: who gets one fails.
  var undecodable: Set<ValueID> = []
  /// What each body that runs will give.
  var running: [ExecutionID: Body] = [:]
  /// The result that has just come, until the core says what becomes of it.
  var given: SimulatedValue?

  /// A body at work.
  struct Body: Sendable {
    let task: ComputeTask
    let inputs: [SimulatedValue]
  }

  init(name: String, threads: Int, memoryLimit: Int64, isSupervised: Bool, lastDeath: PastDeath?) {
    self.name = name
    self.isSupervised = isSupervised
    self.lastDeath = lastDeath
    self.threads = threads
    var settings = WorkerSettings()
    settings.threads = threads
    settings.memoryLimit = memoryLimit
    settings.diskLimit = memoryLimit * 20
    settings.spillRetryNanoseconds = 200_000_000
    settings.giveBackNanoseconds = 2_000_000_000
    settings.unnamedNanoseconds = 1_000_000_000
    core = WorkerCore(settings: settings)
  }

  /// How it introduces itself.
  var registration: WorkerRegistration {
    core.registration(
      base: WorkerRegistration(
        name: name, address: name, host: "host", threads: UInt32(threads), memoryLimit: core.settings.memoryLimit,
        functions: [Workload.function], isSupervised: isSupervised, lastDeath: lastDeath))
  }
}
