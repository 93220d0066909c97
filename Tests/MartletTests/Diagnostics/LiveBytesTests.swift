import TestSupport
import Testing

@testable import Martlet

@Suite struct LiveBytesTests {
  /// A graph that is run several times, with times that are made up: each task after its inputs.
  private func record(seed: UInt64) -> (RunRecord, TaskGraph) {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for index in 0..<30 {
      let inputs = nodes.isEmpty ? [] : (0..<random.below(4)).map { _ in random.pick(nodes) }
      nodes.append(builder.task("task", all: inputs) { _ in index })
    }
    let graph = builder.build()
    var record = RunRecord()
    record.shapes[graph.stamp] = GraphShape(graph)
    record.begin = 1000
    _ = record.number(ofLabel: "task")
    var now: UInt64 = 1000
    for number in 1...3 {
      var run = RunRecord.Run(
        number: number, graph: graph.stamp, tasks: 30, outputs: [nodes[29].id, random.pick(nodes).id], begin: now)
      var ends = [UInt64](repeating: now, count: 30)
      // The last run is cut short.
      for task in 0..<(number == 3 ? 20 : 30) {
        let id = TaskID(rawValue: UInt32(task))
        let begin = (graph.dependencies(of: id).map { ends[$0.index] }.max() ?? now) + UInt64(random.below(5))
        var span = RunRecord.Span(label: 0, thread: 0, begin: begin, end: begin + UInt64(random.below(20)))
        span.task = id
        span.graph = graph.stamp
        span.resultBytes = random.below(1000)
        ends[task] = span.end
        record.add(span)
      }
      now = ends.max()! + 5
      run.end = number == 3 ? nil : now
      record.runs.append(run)
      now += 10
    }
    record.wallNanoseconds = now - record.begin
    return (record, graph)
  }

  @Test(arguments: sampled(0..<30 as Range<UInt64>))
  func `live bytes are as by looking at each result at each moment`(seed: UInt64) {
    let (record, graph) = record(seed: seed)
    // When each result dies, from the definition.
    var lives: [(birth: UInt64, death: UInt64, bytes: Int)] = []
    for (place, run) in record.runs.enumerated() {
      let end = run.end ?? record.end
      let limit = place + 1 < record.runs.count ? record.runs[place + 1].begin : .max
      let spans = record.spans.filter { $0.begin >= run.begin && $0.begin < limit }
      for span in spans {
        let consumers = spans.filter { graph.dependencies(of: $0.task).contains(span.task) }
        var death = consumers.map(\.end).max() ?? end
        if run.outputs.contains(span.task) { death = end }
        lives.append((span.end, max(death, span.end), span.resultBytes))
      }
    }
    let live = LiveBytes(record)
    var peak = 0
    for time in record.begin...record.end {
      let expected = lives.filter { $0.birth <= time && time < $0.death }.reduce(0) { $0 + $1.bytes }
      peak = max(peak, expected)
      #expect((live.steps.last { $0.time <= time }?.bytes ?? 0) == expected, "seed \(seed), time \(time)")
    }
    #expect(live.peak == peak, "seed \(seed)")
    #expect(zip(live.steps, live.steps.dropFirst()).allSatisfy { $0.time < $1.time })
  }

  @Test func `a run shows the bytes of its results`() throws {
    var builder = GraphBuilder()
    var last = builder.task("make") { [UInt8](repeating: 1, count: 1 << 20) }
    for _ in 0..<4 { last = builder.task("copy", last) { $0.map { $0 &+ 1 } } }
    let size = builder.task("size", last) { $0.count }
    let graph = builder.build()
    let recorder = RunRecorder()
    _ = try recorder.observing { try SerialExecutor().run(graph, output: size) }
    let profile = ResourceProfile(recorder.record(), count: 50)
    // One is dropped when the next one is there.
    #expect(profile.peakLiveBytes >= 1 << 20 && profile.peakLiveBytes < 3 << 20)
    #expect(profile.points.count == 50 && profile.points.map(\.liveBytes).max() == profile.peakLiveBytes)
  }

  @Test func `running tasks are counted by the time that they take of each piece`() {
    var record = RunRecord()
    record.begin = 0
    record.wallNanoseconds = 100
    _ = record.number(ofLabel: "task")
    record.add(RunRecord.Span(label: 0, thread: 0, begin: 5, end: 35))
    record.add(RunRecord.Span(label: 0, thread: 1, begin: 10, end: 20))
    record.add(RunRecord.Span(label: 0, thread: 1, begin: 22, end: 24))
    record.add(RunRecord.Span(label: 0, thread: 1, begin: 90, end: 100))
    let running = ResourceProfile(record, count: 10).points.map(\.runningTasks)
    let expected = [0.5, 2, 1.2, 0.5, 0, 0, 0, 0, 0, 1]
    #expect(zip(running, expected).allSatisfy { abs($0 - $1) < 1e-9 }, "\(running)")
  }

  @Test func `processors and memory are those between samples`() {
    var record = RunRecord()
    record.begin = 1
    record.wallNanoseconds = 99
    record.samples = [
      RunRecord.Sample(time: 1, processorNanoseconds: 0, residentBytes: 10),
      RunRecord.Sample(time: 51, processorNanoseconds: 100, residentBytes: 20),
      RunRecord.Sample(time: 100, processorNanoseconds: 100, residentBytes: 15),
    ]
    let points = ResourceProfile(record, count: 2).points
    #expect(points.map(\.processors) == [2, 2] && points.map(\.residentBytes) == [10, 20])
    #expect(ResourceProfile(RunRecord()).points.isEmpty && ResourceProfile(RunRecord()).text() == "")
    let text = ResourceProfile(record, count: 2).text(width: 10)
    #expect(text.contains("processors    ██  2\n") && text.contains("memory        ▄█  20 B\n"))
  }
}
