/// Writes a record in the trace event format that Perfetto and chrome://tracing open.
///
/// Format: "Trace Event Format" of the Chromium project. Complete events (`X`) for the tasks, a track a thread (more where tasks
/// of a thread overlap); counters (`C`) for the tasks that run, the bytes read and written so far, and memory; metadata (`M`)
/// for the names. Times are microseconds since the run began, with nanoseconds behind the point.
public struct TraceWriter: Sendable {
  private let record: RunRecord
  private let program: String
  private var text: [UInt8] = []
  private var isFirst = true

  /// - Parameters:
  ///   - record: What was recorded.
  ///   - program: What the trace is called.
  public init(_ record: RunRecord, program: String = "martlet") {
    self.record = record
    self.program = program
  }

  /// Creates or replaces a file.
  ///
  /// - Throws: `DiagnosticsFileError`.
  public func write(toFile path: String) throws {
    var writer = self
    try TextFile.write(path) { put in try writer.write(to: put) }
  }

  /// Writes the whole file, piece by piece and in order, to what takes all of the bytes that it is given.
  package mutating func write(to output: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    put("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[")
    metadata("process_name", thread: nil, program)
    let rows = SpanRows(record.spans, threads: record.threads)
    var tracks = [Int?](repeating: nil, count: record.spans.count)
    for (track, row) in rows.rows.enumerated() {
      metadata("thread_name", thread: track, SpanRows.name(of: row))
      for span in row.spans { tracks[span] = track }
      try flush(to: output, atLeast: 1 << 16)
    }
    let labels = record.labels.map(JSON.string)
    for (number, span) in record.spans.enumerated() {
      guard let track = tracks[number] else { continue }
      event("X", thread: track, at: span.begin, name: labels[span.label])
      put(",\"dur\":")
      put(microseconds: span.end >= span.begin ? span.end - span.begin : 0)
      put(",\"args\":{\"bytes in\":\(span.bytesIn),\"bytes out\":\(span.bytesOut)")
      put(span.hasFailed ? ",\"failed\":true}}" : "}}")
      try flush(to: output, atLeast: 1 << 16)
    }
    try counters(to: output)
    try memory(to: output)
    put("\n]}\n")
    try flush(to: output, atLeast: 0)
  }

  private mutating func counters(to output: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    var steps: [(time: UInt64, running: Int, span: Int)] = []
    steps.reserveCapacity(record.spans.count * 2)
    for (index, span) in record.spans.enumerated() {
      steps.append((span.begin, 1, index))
      steps.append((span.end, -1, index))
    }
    steps.sort { $0.time < $1.time }
    var running = 0
    var bytesIn = 0
    var bytesOut = 0
    var shown = (running: 0, bytesIn: 0, bytesOut: 0)
    for (index, step) in steps.enumerated() {
      running += step.running
      if step.running < 0 {
        bytesIn &+= record.spans[step.span].bytesIn
        bytesOut &+= record.spans[step.span].bytesOut
      }
      // All that happens at one moment is one step: a task that follows another does not make the counter twitch.
      if index + 1 < steps.count, steps[index + 1].time == step.time { continue }
      if running != shown.running {
        event("C", thread: nil, at: step.time, name: "\"running tasks\"")
        put(",\"args\":{\"tasks\":\(running)}}")
      }
      if bytesIn != shown.bytesIn || bytesOut != shown.bytesOut {
        event("C", thread: nil, at: step.time, name: "\"bytes\"")
        put(",\"args\":{\"read\":\(bytesIn),\"written\":\(bytesOut)}}")
      }
      shown = (running, bytesIn, bytesOut)
      try flush(to: output, atLeast: 1 << 16)
    }
  }

  private mutating func memory(to output: (UnsafeRawBufferPointer) throws -> Void) rethrows {
    for sample in record.samples {
      event("C", thread: nil, at: sample.time, name: "\"resident memory\"")
      put(",\"args\":{\"bytes\":\(sample.residentBytes)}}")
      try flush(to: output, atLeast: 1 << 16)
    }
    for step in LiveBytes(record).steps {
      event("C", thread: nil, at: step.time, name: "\"live results\"")
      put(",\"args\":{\"bytes\":\(step.bytes)}}")
      try flush(to: output, atLeast: 1 << 16)
    }
  }

  private mutating func metadata(_ name: String, thread: Int?, _ value: String) {
    separate()
    put("{\"ph\":\"M\",\"pid\":1,")
    if let thread { put("\"tid\":\(thread + 1),") }
    put("\"name\":\"\(name)\",\"args\":{\"name\":\(JSON.string(value))}}")
  }

  /// Begins an event; its arguments and the closing brace follow.
  private mutating func event(_ phase: String, thread: Int?, at time: UInt64, name: String) {
    separate()
    put("{\"ph\":\"\(phase)\",\"pid\":1,")
    if let thread { put("\"tid\":\(thread + 1),") }
    put("\"name\":\(name),\"ts\":")
    put(microseconds: time >= record.begin ? time - record.begin : 0)
  }

  private mutating func separate() {
    put(isFirst ? "\n" : ",\n")
    isFirst = false
  }

  private mutating func put(_ piece: String) { text.append(contentsOf: piece.utf8) }

  private mutating func put(microseconds nanoseconds: UInt64) {
    let fraction = nanoseconds % 1000
    put("\(nanoseconds / 1000).\(fraction < 10 ? "00" : fraction < 100 ? "0" : "")\(fraction)")
  }

  private mutating func flush(to output: (UnsafeRawBufferPointer) throws -> Void, atLeast least: Int) rethrows {
    guard text.count >= least else { return }
    try text.withUnsafeBytes(output)
    text.removeAll(keepingCapacity: true)
  }
}
