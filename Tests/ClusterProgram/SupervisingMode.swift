import Glibc
import MartletBytes
import MartletCluster
import MartletProtocol

/// A supervisor, and processes that end in every way.
enum SupervisingMode {
  /// `LIMIT-BYTES PROGRAM ARGUMENT…`; the program `self` is this one.
  static func supervise(_ words: [String]) -> Int32 {
    var settings = SupervisorSettings()
    settings.memoryLimit = Int(words[0]) ?? 0
    settings.lookEvery = .milliseconds(20)
    settings.backoff = .milliseconds(2)
    settings.name = "the child"
    return Supervisor(
      program: words[1] == "self" ? nil : words[1], arguments: Array(words.dropFirst(2)), settings: settings
    ).run()
  }

  /// Tells on standard output how the process before this one ended; the second one ends well. The first does what `words` say.
  static func supervised(_ words: [String]) {
    guard let page = RunningTasksPage.attach() else {
      print("no page")
      exit(3)
    }
    if let report = page.lastDeath() {
      let tasks = report.tasks?.map { "\($0.digest.low) \($0.task) \($0.run.rawValue)" }.sorted()
      print("cause: \(report.cause)")
      print("worker: \(report.worker.map { "\($0)" } ?? "none") \(report.epoch)")
      print("tasks: \(tasks?.joined(separator: ", ") ?? "unknown")")
      print("lines: \(report.lastLines.joined(separator: "|"))")
      print("peak: \(report.peakBytes >> 20) MiB")
      print("variable: \(getenv("MARTLET_SUPERVISED") == nil ? "gone" : "there")")
      fflush(nil)
      page.leaving()
      exit(0)
    }
    page.registered(as: WorkerID(rawValue: 7), epoch: 99)
    var places: [Int] = []
    for number in 1...3 as ClosedRange<UInt32> {
      places.append(
        page.enter(
          RunningTask(
            digest: Digest128(low: UInt64(number) * 11, high: 1), task: TaskHandle(slot: number, generation: 4),
            run: RunID(rawValue: number + 1)), hint: 5))
    }
    page.leave(places[1])
    let said = "first line\n\nlast words"
    _ = said.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    switch words.first {
    case "abort": abort()
    case "exit": exit(0)
    case "allocate":
      var pieces: [[UInt8]] = []
      while true {
        pieces.append([UInt8](repeating: 1, count: 1 << 20))
        usleep(500)
      }
    default: exit(2)
    }
  }
}
