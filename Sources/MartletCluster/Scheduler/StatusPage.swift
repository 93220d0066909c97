import MartletBytes
import MartletProtocol
import MartletScheduler

/// What operators are told of the core's tables, as JSON.
enum StatusPage {
  /// The workers that are there.
  static func workers(_ core: borrowing SchedulerCore, now: Timestamp) -> String {
    let workers = core.livingWorkers
    var json = JSONWriter()
    json.array { json in
      for (id, worker) in workers {
        json.object { json in
          json.field("id", id.rawValue)
          json.field("name", worker.name)
          json.field("address", worker.address)
          json.field("host", worker.host)
          json.field("status", status(worker))
          json.field("threads", worker.threads)
          json.field("memory_limit_bytes", worker.memoryLimit)
          json.field("held_bytes", worker.heldBytes)
          json.field("spilled_bytes", worker.metrics.spilledBytes)
          json.field("resident_bytes", worker.metrics.residentBytes)
          json.field("incoming_bytes", worker.metrics.incomingBytes)
          json.field("processor_percent", worker.metrics.processorPercent)
          json.field("processing", worker.processing)
          json.field("blocking", worker.blocking)
          json.field("suspended", worker.suspended)
          json.field("executing", worker.metrics.executing)
          json.field("occupancy_seconds", Double(worker.occupancyNanoseconds) / 1e9)
          json.field("silent_seconds", Double(max(0, now - worker.lastHeard)) / 1e9)
          json.object("resources") { json in
            for resource in worker.resources { json.field(resource.name, resource.amount) }
          }
        }
      }
    }
    return json.text + "\n"
  }

  private static func status(_ worker: WorkerRecord) -> String {
    worker.isRetiring ? "retiring" : worker.isPaused ? "paused" : worker.isIsolated ? "isolated" : "running"
  }

  /// Tasks by state, and by label and state: the thousand labels with most tasks.
  static func tasks(_ core: borrowing SchedulerCore) -> String {
    let labels = core.overviewByLabel()
    let total = core.taskCount
    let stranded = core.strandedTasks
    let counts = TaskState.allCases.map { core.count($0) }
    var json = JSONWriter()
    json.object { json in
      json.field("total", total)
      json.object("states") { json in
        for state in TaskState.allCases { json.field(state.name, counts[Int(state.rawValue)]) }
      }
      json.array("waiting_for_workers") { json in
        for tasks in stranded.prefix(1000) {
          json.object { json in
            json.field("label", tasks.label)
            json.field("tasks", tasks.count)
            json.field("seconds", Double(tasks.nanoseconds) / 1e9)
            json.field("reason", tasks.reason)
          }
        }
      }
      json.field("label_count", labels.count)
      json.array("labels") { json in
        for label in labels.prefix(1000) {
          json.object { json in
            json.field("label", label.label)
            json.field("total", label.total)
            json.field("result_bytes", label.resultBytes)
            json.object("states") { json in
              for state in TaskState.allCases where label.count(state) > 0 {
                json.field(state.name, label.count(state))
              }
            }
          }
        }
      }
    }
    return json.text + "\n"
  }

  /// What happened to a task; nil when nothing is remembered.
  static func story(_ core: borrowing SchedulerCore, of key: Digest128) -> String? {
    let lines = core.story(of: key)
    if lines.isEmpty { return nil }
    var json = JSONWriter()
    json.object { json in
      json.field("key", key.description)
      json.array("story") { json in for line in lines { json.value(line) } }
    }
    return json.text + "\n"
  }
}

extension TaskState {
  /// As Dask's users write it.
  var name: String { self == .noWorker ? "no-worker" : "\(self)" }
}

extension Digest128 {
  /// A digest from its thirty-two hexadecimal digits; nil for anything else.
  init?(hexadecimal text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 32 else { return nil }
    var halves: [UInt64] = [0, 0]
    for place in 0..<16 {
      let pair = String(decoding: digits[(2 * place)..<(2 * place + 2)], as: UTF8.self)
      // `UInt8` takes a sign, which is no digit.
      guard pair.utf8.allSatisfy({ $0 != UInt8(ascii: "+") && $0 != UInt8(ascii: "-") }),
        let byte = UInt8(pair, radix: 16)
      else { return nil }
      halves[place / 8] |= UInt64(byte) << UInt64(8 * (place % 8))
    }
    self.init(low: halves[0], high: halves[1])
  }
}
