import MartletEngine
import MartletGraph
import Synchronization
import Testing

@testable import Martlet

/// Runs whose tasks run in other processes, and are told of as counts.
@Suite struct AdvanceTests {
  /// An executor that says how far it is, and what was seen of that.
  private struct Elsewhere {
    let labels: [[RunAdvance]]

    func run(_ graph: TaskGraph, outputs: [AnyNode], events: EventLog, _ look: () -> Void) throws {
      try events.observing(graph, outputs: outputs, threads: 1) { (tell: (@Sendable ([RunAdvance]) -> Void)?) in
        for labels in labels {
          tell?(labels)
          look()
        }
      }
    }
  }

  private func graph(_ tasks: Int) -> (TaskGraph, [AnyNode]) {
    var builder = GraphBuilder()
    let nodes = (0..<tasks).map { number in builder.task("scan") { number }.erased }
    return (builder.build(), nodes)
  }

  @Test func `a display shows counts that come from elsewhere`() throws {
    let display = ProgressDisplay("query", style: ProgressStyle(visibility: .never))
    let (graph, outputs) = graph(10)
    var lines: [String] = []
    let elsewhere = Elsewhere(labels: [
      [RunAdvance(label: "scan", running: 2, finished: 3)],
      // Some were computed once more: never more than there are, and never backwards.
      [RunAdvance(label: "scan", running: 0, finished: 12)], [RunAdvance(label: "scan", running: 1, finished: 9)],
    ])
    try elsewhere.run(graph, outputs: outputs, events: display.events) { lines.append(display.line(width: 100)) }
    #expect(lines[0].contains(" 30%  3/10 tasks") && lines[0].hasSuffix("scan"), "\(lines)")
    #expect(lines[1].contains("10/10 tasks") && lines[2].contains("10/10 tasks"), "\(lines)")
    display.stop()
  }

  @Test func `a query counts partitions that are scanned elsewhere, and all of them at the end`() throws {
    let progress = RunProgress()
    let scans = RemoteScanProgress(progress, partitions: 10, bytes: 1005, next: nil)
    let log = EventLog(capacityPerThread: 2, observer: scans)
    let (graph, outputs) = graph(10)
    var seen: [[Int]] = []
    let elsewhere = Elsewhere(labels: [
      [RunAdvance(label: "link", finished: 8)], [RunAdvance(label: "scan", finished: 4)],
      [RunAdvance(label: "scan", finished: 3)],
    ])
    try elsewhere.run(graph, outputs: outputs, events: log) {
      seen.append([progress.partitions.load(ordering: .relaxed), progress.bytes.load(ordering: .relaxed)])
    }
    #expect(seen == [[0, 0], [4, 400], [4, 400]])
    scans.roundEnded()
    #expect(progress.partitions.load(ordering: .relaxed) == 10 && progress.bytes.load(ordering: .relaxed) == 1005)
  }
}
