import MartletBytes
import MartletEngine
import MartletNet
import MartletProtocol
import MartletSystem
import MartletWorker

/// What a worker counts, for metrics.
struct WorkerCounters {
  var finishedTasks = 0
  var failedTasks = 0
  var schedulerMessages = 0
  var servedValues = 0
  var servedBytes: Int64 = 0
  var receivedBytes: Int64 = 0
  /// Those of them that were read from the memory of a process on this machine.
  var readBytes: Int64 = 0
  var spilledValues = 0
  var spilledBytes: Int64 = 0
  var loadedValues = 0
  var refusedConnections = 0
  /// Lines about connections that were turned away, in this second.
  var complaints = 0
  var complaintsSecond: UInt64 = 0
}

/// What the process takes, measured once a second.
struct ProcessUsage {
  private(set) var residentBytes: Int64 = 0
  private(set) var processorPercent: UInt32 = 0
  private var measuredAt: UInt64 = 0
  private var microseconds: Int64 = 0

  /// Measures if it is time to; some microseconds then.
  mutating func measure(at now: UInt64) -> Bool {
    guard measuredAt == 0 || now &- measuredAt >= 1_000_000_000 else { return false }
    let usage = martlet_process_usage()
    let total = usage.user_microseconds + usage.system_microseconds
    if measuredAt != 0 {
      processorPercent = UInt32(clamping: (total - microseconds) * 100_000 / Int64(now - measuredAt))
    }
    microseconds = total
    measuredAt = now
    residentBytes = martlet_resident_bytes()
    return true
  }
}

/// What operators ask over HTTP.
extension WorkerShell {
  func answer(_ request: HTTPRequest) -> HTTPResponse {
    switch request.path {
    case "/health": return .text("ok\n")
    case "/metrics":
      var response = HTTPResponse.text(metricsPage())
      response.contentType = "text/plain; version=0.0.4; charset=utf-8"
      return response
    case "/", "/api", "/api/": return .text("/health\n/metrics\n/api/worker\n")
    case "/api/worker": return .json(workerPage())
    default:
      return .text("There is no \(OutputText.oneLine(request.path)) here; / lists what there is.\n", status: 404)
    }
  }

  private var uptimeSeconds: Double { Double(martlet_monotonic_nanoseconds() - startedAt) / 1e9 }

  private var status: String {
    if isEnding { return "ending" }
    guard link?.isRegistered == true else { return "connecting" }
    return core.isRetiring ? "retiring" : core.isPaused ? "paused" : "running"
  }

  private func workerPage() -> String {
    let metrics = core.metrics
    let address = places.withLock { $0.address }
    var json = JSONWriter()
    json.object { json in
      json.field("version", MartletVersion.current)
      json.field("name", name.isEmpty ? address : name)
      json.field("address", address)
      json.field("scheduler", "\(scheduler)")
      json.field("status", status)
      if let worker = core.worker { json.field("id", worker.rawValue) }
      json.field("uptime_seconds", uptimeSeconds)
      json.field("threads", core.settings.threads)
      json.field("memory_limit_bytes", core.settings.memoryLimit)
      json.field("result_bytes", metrics.resultBytes)
      json.field("spilled_bytes", metrics.spilledBytes)
      json.field("incoming_bytes", metrics.incomingBytes)
      json.field("resident_bytes", metrics.residentBytes)
      json.field("processor_percent", metrics.processorPercent)
      json.field("executing", metrics.executing)
      json.field("suspended", core.suspendedBodies)
      json.field("ready", metrics.ready)
      json.field("finished", counters.finishedTasks)
      json.field("failed", counters.failedTasks)
      json.field("peers", peers.count)
      json.field("requesters", requesters.count)
      json.object("resources") { json in
        for (name, amount) in settings.resources.sorted(by: { $0.key < $1.key }) { json.field(name, amount) }
      }
    }
    return json.text + "\n"
  }

  private func metricsPage() -> String {
    var text = MetricsText()
    let metrics = core.metrics
    text.gauge("martlet_worker_connected", "Whether a scheduler has taken it in.", link?.isRegistered == true ? 1 : 0)
    text.gauge("martlet_worker_paused", "Whether it begins no work for want of memory.", core.isPaused ? 1 : 0)
    text.gauge("martlet_worker_threads", "Bodies that run at one time.", Double(core.settings.threads))
    text.gauge("martlet_worker_executing", "Bodies that were begun.", Double(metrics.executing))
    text.gauge("martlet_worker_suspended", "Those of them that wait for others.", Double(core.suspendedBodies))
    text.gauge("martlet_worker_ready", "Tasks that could begin.", Double(metrics.ready))
    text.gauge(
      "martlet_worker_memory_limit_bytes", "What it may hold; 0: no limit.", Double(core.settings.memoryLimit))
    text.gauge("martlet_worker_result_bytes", "Results in memory.", Double(metrics.resultBytes))
    text.gauge("martlet_worker_disk_bytes", "Results in files.", Double(metrics.spilledBytes))
    text.gauge("martlet_worker_incoming_bytes", "Results on their way in.", Double(metrics.incomingBytes))
    text.gauge(
      "martlet_worker_kept_bytes", "Memory of received results that nobody uses, kept for the next ones.",
      Double(kept.freeBytes))
    text.gauge("martlet_worker_connections", "Connections of peers and clients.", Double(requesters.count))
    text.counter("martlet_worker_finished_total", "Bodies that gave a result.", Double(counters.finishedTasks))
    text.counter("martlet_worker_failed_total", "Bodies that gave none.", Double(counters.failedTasks))
    text.counter("martlet_worker_served_total", "Results sent to others.", Double(counters.servedValues))
    text.counter("martlet_worker_served_bytes_total", "Their bytes.", Double(counters.servedBytes))
    text.counter("martlet_worker_received_bytes_total", "Bytes of results received.", Double(counters.receivedBytes))
    text.counter(
      "martlet_worker_read_bytes_total", "Those of them that were read from another process's memory.",
      Double(counters.readBytes))
    text.counter("martlet_worker_spilled_total", "Results written to files.", Double(counters.spilledValues))
    text.counter("martlet_worker_spilled_bytes_total", "Their bytes.", Double(counters.spilledBytes))
    text.counter("martlet_worker_loaded_total", "Results read back.", Double(counters.loadedValues))
    text.counter(
      "martlet_worker_refused_connections_total", "Connections that were closed for what came.",
      Double(counters.refusedConnections))
    text.counter("martlet_loop_sleeps_total", "Turns of the loop that slept.", Double(loop.sleeps))
    text.gauge("martlet_uptime_seconds", "Since the start.", uptimeSeconds)
    let usage = martlet_process_usage()
    text.counter(
      "process_cpu_seconds_total", "Processor time of the process.",
      Double(usage.user_microseconds + usage.system_microseconds) / 1e6)
    text.gauge("process_resident_memory_bytes", "Resident memory of the process.", Double(martlet_resident_bytes()))
    return text.text
  }

  /// One line about a connection that was turned away, and not too many of them.
  func complain(_ text: String, _ peer: String) {
    let second = loop.now / 1_000_000_000
    if second != counters.complaintsSecond {
      counters.complaintsSecond = second
      counters.complaints = 0
    }
    counters.complaints += 1
    if counters.complaints <= 20 { log.warning(text, ("peer", peer)) }
  }
}
