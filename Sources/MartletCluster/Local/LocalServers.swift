import MartletGraph
import MartletScheduler

/// A cluster on threads of this process.
final class LocalServers: LocalBackend, @unchecked Sendable {
  // Sendable: the cluster's lock guards it.

  let secret = RandomSecret.make()
  private let threads: Int
  private let options: LocalClusterOptions
  private let scheduler: SchedulerServer
  private let log: Log
  private var workers: [WorkerServer] = []
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
    for worker in retiring { worker.retire() }
    for worker in retiring { worker.waitUntilEnded() }
    let registry = options.registry ?? TaskFunctions.locked()
    while workers.count < count {
      var settings = WorkerServerSettings(scheduler: address)
      settings.name = "local-\(named)"
      settings.threads = threads
      settings.memoryLimit = Int64(options.memoryLimit)
      settings.resources = options.resources
      settings.secret = secret
      settings.localDirectory = options.directory ?? ""
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
