import MartletBytes
import MartletNet
import MartletProtocol
import MartletScheduler
import MartletSystem

/// What operators ask over HTTP.
extension SchedulerShell {
  func answer(_ request: HTTPRequest) -> HTTPResponse {
    switch request.path {
    case "/health": return .text("ok\n")
    case "/metrics":
      var response = HTTPResponse.text(metrics())
      response.contentType = "text/plain; version=0.0.4; charset=utf-8"
      return response
    case "/", "/api", "/api/":
      return .text("/health\n/metrics\n/api/cluster\n/api/workers\n/api/tasks\n/api/story/KEY\n")
    case "/api/cluster": return .json(cluster())
    case "/api/workers": return .json(StatusPage.workers(core, now: core.now))
    case "/api/tasks": return .json(StatusPage.tasks(core))
    default:
      let prefix = "/api/story/"
      guard request.path.hasPrefix(prefix) else {
        return .text("There is no \(OutputText.oneLine(request.path)) here; / lists what there is.\n", status: 404)
      }
      guard let key = Digest128(hexadecimal: String(request.path.dropFirst(prefix.count))) else {
        return .text("A key has 32 hexadecimal digits.\n", status: 400)
      }
      if let story = StatusPage.story(core, of: key) { return .json(story) }
      return .text("Nothing is remembered of the task \(key).\n", status: 404)
    }
  }

  private func cluster() -> String {
    let workers = core.livingWorkers
    var json = JSONWriter()
    json.object { json in
      json.field("version", MartletVersion.current)
      // As text: numbers of JSON are exact to 53 bits only.
      json.field("epoch", String(core.settings.epoch, radix: 16))
      json.field("uptime_seconds", Double(uptimeNanoseconds) / 1e9)
      json.field("workers", workers.count)
      json.field("threads", workers.reduce(0) { $0 + $1.record.threads })
      json.field("clients", core.livingClientCount)
      json.field("connections", peerCount)
      json.field("memory_limit_bytes", workers.reduce(Int64(0)) { $0 &+ $1.record.memoryLimit })
      json.field("held_bytes", workers.reduce(Int64(0)) { $0 &+ $1.record.heldBytes })
      json.object("tasks") { json in
        for state in TaskState.allCases { json.field(state.name, core.count(state)) }
      }
      json.field("transitions", core.transitionCount)
      json.field("lost_runs", core.lostRuns)
    }
    return json.text + "\n"
  }

  private func metrics() -> String {
    var text = MetricsText()
    let workers = core.livingWorkers
    text.gauge(
      "martlet_tasks", "Tasks that are known, by state.",
      TaskState.allCases.map { ("state=\"\($0.name)\"", Double(core.count($0))) })
    text.gauge("martlet_workers", "Workers that are there.", Double(workers.count))
    text.gauge("martlet_worker_threads", "Their threads.", Double(workers.reduce(0) { $0 + $1.record.threads }))
    text.gauge("martlet_clients", "Clients that are there.", Double(core.livingClientCount))
    text.gauge("martlet_connections", "Connections of all kinds.", Double(peerCount))
    text.gauge(
      "martlet_held_bytes", "Bytes of results that workers hold.",
      Double(workers.reduce(Int64(0)) { $0 &+ $1.record.heldBytes }))
    text.gauge(
      "martlet_spilled_bytes", "Bytes of results that workers have on disk.",
      Double(workers.reduce(Int64(0)) { $0 &+ $1.record.metrics.spilledBytes }))
    text.gauge("martlet_inline_bytes", "Bytes of small results that the scheduler keeps.", Double(core.keptInlineBytes))
    text.gauge("martlet_queued_bytes", "Bytes that wait for peers to read them.", Double(queuedBytes))
    text.counter("martlet_transitions_total", "Changes of tasks' states.", Double(core.transitionCount))
    text.counter("martlet_lost_runs_total", "Runs whose work was lost or given up.", Double(core.lostRuns))
    text.counter("martlet_events_total", "Events that the scheduler has decided upon.", Double(events))
    text.counter("martlet_received_messages_total", "Messages of peers.", Double(receivedMessages))
    text.counter("martlet_sent_messages_total", "Messages to peers.", Double(sentMessages))
    text.counter("martlet_refused_connections_total", "Connections that never became a peer.", Double(refusedPeers))
    text.counter("martlet_loop_busy_seconds_total", "Time spent on events and actions.", Double(workNanoseconds) / 1e9)
    text.gauge(
      "martlet_loop_longest_seconds", "The longest time spent so without a look at the sockets.",
      Double(longestWorkNanoseconds) / 1e9)
    text.counter("martlet_loop_sleeps_total", "Turns of the loop that slept.", Double(loop.sleeps))
    text.gauge("martlet_uptime_seconds", "Since the start.", Double(uptimeNanoseconds) / 1e9)
    let usage = martlet_process_usage()
    text.counter(
      "process_cpu_seconds_total", "Processor time of the process.",
      Double(usage.user_microseconds + usage.system_microseconds) / 1e6)
    text.gauge("process_resident_memory_bytes", "Resident memory of the process.", Double(martlet_resident_bytes()))
    return text.text
  }
}

/// Prometheus's text format.
struct MetricsText {
  private(set) var text = ""

  mutating func gauge(_ name: String, _ help: String, _ value: Double) { add("gauge", name, help, [("", value)]) }
  mutating func gauge(_ name: String, _ help: String, _ values: [(label: String, value: Double)]) {
    add("gauge", name, help, values)
  }
  mutating func counter(_ name: String, _ help: String, _ value: Double) { add("counter", name, help, [("", value)]) }

  private mutating func add(_ kind: String, _ name: String, _ help: String, _ values: [(label: String, value: Double)])
  {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(kind)\n"
    for (label, value) in values {
      let number = value == value.rounded() && abs(value) < 9e15 ? "\(Int(value))" : "\(value)"
      text += name + (label.isEmpty ? "" : "{\(label)}") + " \(number)\n"
    }
  }
}
