import MartletGraph

/// What a run used over time: processor, memory, tasks that ran, and bytes of live results, at up to 400 moments at equal
/// distances.
public struct ResourceProfile: Sendable {
  /// What was used from one moment to the next.
  public struct Point: Equatable, Sendable {
    /// The beginning, in seconds since the recording began.
    public var seconds: Double
    /// Processors that were busy, of this process: 2 is two whole processors. Nil where there was no sample.
    public var processors: Double?
    /// The resident set. Nil where there was no sample.
    public var residentBytes: Int?
    /// Tasks that ran at the same time, in the mean.
    public var runningTasks: Double
    /// The most that live results took.
    public var liveBytes: Int
  }

  /// Ascending in time.
  public let points: [Point]
  /// The most that live results took at one time.
  public let peakLiveBytes: Int

  /// - Parameters:
  ///   - record: What was recorded.
  ///   - count: The number of moments.
  public init(_ record: RunRecord, count: Int = 200) {
    let count = max(1, min(count, 400))
    let live = LiveBytes(record)
    peakLiveBytes = live.peak
    guard record.wallNanoseconds > 0 else {
      points = []
      return
    }
    let grid = TimeGrid(begin: record.begin, nanoseconds: record.wallNanoseconds, count: count)
    let running = grid.runningTasks(record.spans)
    let bytes = grid.highest(live.steps)
    let processors = grid.processors(record.samples)
    let resident = grid.residentBytes(record.samples)
    points = (0..<count).map { index in
      Point(
        seconds: Double(index) * grid.step / 1e9, processors: processors[index], residentBytes: resident[index],
        runningTasks: running[index], liveBytes: bytes[index])
    }
  }

  /// A line a quantity, drawn with blocks, with its largest value.
  public func text(width: Int = 60) -> String {
    let width = max(1, width)
    var text = ""
    func add(_ name: String, _ values: [Double?], _ label: (Double) -> String) {
      guard let highest = values.compactMap({ $0 }).max() else { return }
      text += name + Self.blocks(values, highest, width) + "  " + label(highest) + "\n"
    }
    add("processors    ", points.map(\.processors)) { Markup.number($0) }
    add("running tasks ", points.map(\.runningTasks)) { Markup.number($0) }
    add("memory        ", points.map { $0.residentBytes.map(Double.init) }) { FigureText.bytes(UInt64(max(0, $0))) }
    if peakLiveBytes > 0 {
      add("live results  ", points.map { Double($0.liveBytes) }) { _ in FigureText.bytes(UInt64(peakLiveBytes)) }
    }
    return text
  }

  private static func blocks(_ values: [Double?], _ highest: Double, _ width: Int) -> String {
    let blocks: [Character] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    let columns = min(width, values.count)
    return String(
      (0..<columns).map { column in
        let range = column * values.count / columns..<max((column + 1) * values.count / columns, 1)
        guard highest > 0, let value = values[range].compactMap({ $0 }).max(), value > 0 else { return " " }
        return blocks[max(1, min(8, Int((value / highest * 8).rounded())))]
      })
  }
}

/// Equal pieces of the time of a record.
struct TimeGrid {
  let begin: UInt64
  let count: Int
  /// Nanoseconds a piece.
  let step: Double

  init(begin: UInt64, nanoseconds: UInt64, count: Int) {
    self.begin = begin
    self.count = count
    step = Double(max(1, nanoseconds)) / Double(count)
  }

  /// Where a time is, in pieces.
  private func place(_ time: UInt64) -> Double { time > begin ? Double(time - begin) / step : 0 }

  /// The mean number of spans at the same time, by piece.
  func runningTasks(_ spans: [RunRecord.Span]) -> [Double] {
    // A span covers whole pieces between two that it covers in part: the whole ones are steps up and down.
    var parts = [Double](repeating: 0, count: count)
    var steps = [Double](repeating: 0, count: count + 1)
    for span in spans where span.end > span.begin {
      let (low, high) = (min(place(span.begin), Double(count)), min(place(span.end), Double(count)))
      let (first, last) = (min(Int(low), count - 1), min(Int(high), count - 1))
      if first == last {
        parts[first] += high - low
      } else {
        parts[first] += Double(first + 1) - low
        parts[last] += high - Double(last)
        steps[first + 1] += 1
        steps[last] -= 1
      }
    }
    var whole = 0.0
    for index in 0..<count {
      whole += steps[index]
      parts[index] += whole
    }
    return parts
  }

  /// The highest value in each piece.
  func highest(_ steps: [LiveBytes.Step]) -> [Int] {
    var values = [Int](repeating: 0, count: count)
    var next = 0
    var now = 0
    for index in 0..<count {
      values[index] = now
      while next < steps.count, place(steps[next].time) < Double(index + 1) || index == count - 1 {
        now = steps[next].bytes
        values[index] = max(values[index], now)
        next += 1
      }
    }
    return values
  }

  /// Busy processors in each piece: between two samples they are taken to be the same.
  func processors(_ samples: [RunRecord.Sample]) -> [Double?] {
    var values = [Double?](repeating: nil, count: count)
    for (first, second) in zip(samples, samples.dropFirst()) where second.time > first.time {
      let used = Double(second.processorNanoseconds &- first.processorNanoseconds)
      let busy = used / Double(second.time - first.time)
      let (low, high) = (min(Int(place(first.time)), count - 1), min(Int(place(second.time)), count - 1))
      for index in low...high { values[index] = values[index].map { max($0, busy) } ?? busy }
    }
    return values
  }

  /// The resident set in each piece: between two samples that of the later one.
  func residentBytes(_ samples: [RunRecord.Sample]) -> [Int?] {
    var values = [Int?](repeating: nil, count: count)
    var from = 0
    for sample in samples {
      let index = min(Int(place(sample.time)), count - 1)
      for piece in min(from, index)...index { values[piece] = max(values[piece] ?? 0, sample.residentBytes) }
      from = index + 1
    }
    return values
  }
}
