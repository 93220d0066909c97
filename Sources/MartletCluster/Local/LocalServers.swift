import MartletEngine
import MartletGraph
import MartletScheduler

/// A cluster on threads of this process.
final class LocalServers: LocalBackend, @unchecked Sendable {
  // Sendable: one thread at a time starts and ends workers, the cluster sees to that; `leaving` is used under its lock.

  let secret = RandomSecret.make()
  private let threads: Int
  private let options: LocalClusterOptions
  private let scheduler: SchedulerServer
  private let log: Log
  private var workers: [WorkerServer] = []
  private let lock = Lock()
  /// Workers that hand over their results; nil when nobody waits for that any more.
  private var leaving: [WorkerServer]? = []
  private var named = 0
  private var isClosed = false

  var address: String { "tcp://\(scheduler.address)" }
  var httpAddress: String { scheduler.httpAddress.map { "http://\($0)" } ?? "" }
  var workerCount: Int { workers.count }

  init(threads: Int, _ options: LocalClusterOptions) throws {
    self.threads = threads
    self.options = options
    log = options.showsLogs ? Log(level: .info, format: .text) : .silent
    var settings = SchedulerServerSettings()
    settings.port = options.port
    settings.secret = secret
    settings.http = SchedulerServerSettings.HTTPPlace()
    settings.core.epoch = UInt64.random(in: 1 ... .max)
    do {
      scheduler = try SchedulerServer(settings: settings, log: log)
    } catch {
      throw ClusterError.notStarted("the scheduler", "\(error)", [])
    }
  }

  func scale(to count: Int) throws {
    if isClosed { throw ClusterError.clusterClosed }
    let retiring = workers.count > count ? Array(workers[count...]) : []
    workers.removeLast(retiring.count)
    let isPatient = lock.withLock {
      guard leaving != nil else { return false }
      leaving = retiring
      return true
    }
    for worker in retiring { if isPatient { worker.retire() } else { worker.stop() } }
    for worker in retiring { worker.waitUntilEnded() }
    lock.withLock { if leaving != nil { leaving = [] } }
    let registry = options.registry ?? TaskFunctions.locked()
    while workers.count < count {
      var settings = WorkerServerSettings(scheduler: address)
      settings.name = "local-\(named)"
      settings.threads = threads
      settings.memoryLimit = Int64(options.memoryLimit)
      settings.resources = options.resources
      settings.secret = secret
      settings.localDirectory = options.directory ?? ""
      settings.retirePatience = options.retireTimeout
      settings.log = log
      do {
        let worker = try WorkerServer(settings, registry: registry)
        try worker.start()
        workers.append(worker)
      } catch {
        throw ClusterError.notStarted("worker \(named)", "\(error)", [])
      }
      named += 1
    }
    try LocalProcesses.waitForWorkers(count, at: httpAddress, within: options.startTimeout)
  }

  func hurry() {
    let waiting = lock.withLock {
      defer { leaving = nil }
      return leaving ?? []
    }
    for worker in waiting { worker.stop() }
  }

  func close() {
    if isClosed { return }
    isClosed = true
    for worker in workers { worker.stop() }
    for worker in workers { worker.waitUntilEnded() }
    workers = []
    scheduler.stop("the cluster is closed")
    scheduler.waitUntilStopped()
  }
}
