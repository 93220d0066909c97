public import MartletGraph

/// What was recorded of some runs: which task ran when on which thread, and what the process used meanwhile. Profiles, traces
/// and reports are made of it. A value: it keeps no results and no closures alive.
///
/// Times are nanoseconds of the monotonic clock.
public struct RunRecord: Sendable {
  /// One task from its start to its end.
  public struct Span: Equatable, Sendable {
    /// An index into `labels`.
    public var label: Int
    /// Where it began. Numbers are those of `TaskEvent`.
    public var thread: Int
    /// When it began.
    public var begin: UInt64
    /// When it ended.
    public var end: UInt64
    /// The task in its graph.
    public var task = TaskID(rawValue: 0)
    /// Which graph; the same number for all runs of one graph.
    public var graph: UInt32 = 0
    /// Whether it threw.
    public var hasFailed = false
    /// Bytes that the task says it has read.
    public var bytesIn = 0
    /// Bytes that the tasks say they have written.
    public var bytesOut = 0
    /// What the result took in memory.
    public var resultBytes = 0

    package init(label: Int, thread: Int, begin: UInt64, end: UInt64) {
      self.label = label
      self.thread = thread
      self.begin = begin
      self.end = end
    }

    /// How long it took.
    public var nanoseconds: UInt64 { end >= begin ? end - begin : 0 }
  }

  /// All tasks of one label, whether their spans were kept or not.
  public struct Totals: Equatable, Sendable {
    /// How many ran.
    public var tasks = 0
    /// How many of them threw.
    public var failed = 0
    /// How long they took together.
    public var nanoseconds: UInt64 = 0
    /// How long the longest took.
    public var longestNanoseconds: UInt64 = 0
    /// Bytes that the tasks say they have read.
    public var bytesIn = 0
    /// Bytes that the tasks say they have written.
    public var bytesOut = 0
    /// How many took how long: below 1 ns, then from 2^(n - 1) to below 2^n ns at index n.
    public var histogram = [Int](repeating: 0, count: 65)
  }

  /// One run.
  public struct Run: Sendable {
    /// Counts the runs of an event log, from 1.
    public var number: Int
    /// Which graph.
    public var graph: UInt32
    /// Tasks that its outputs needed.
    public var tasks: Int
    /// The tasks that were asked for.
    public var outputs: [TaskID]
    /// When it began.
    public var begin: UInt64
    /// Nil while it goes on.
    public var end: UInt64?
    /// Why it failed; nil when it did not.
    public var failure: Failure?
  }

  /// Why a run failed.
  public struct Failure: Equatable, Sendable {
    /// What was thrown.
    public var message: String
    /// The keys from an output down to the task that threw; empty when no task did.
    public var path: [String]
  }

  /// What the process used up to a moment.
  public struct Sample: Equatable, Sendable {
    /// When it was taken.
    public var time: UInt64
    /// Processor time of all threads since the process began.
    public var processorNanoseconds: UInt64
    /// The resident set.
    public var residentBytes: Int
  }

  /// The labels of all tasks.
  public package(set) var labels: [String] = []
  /// By label.
  public private(set) var totals: [Totals] = []
  /// In the order of their ends, thread by thread.
  public package(set) var spans: [Span] = []
  /// Tasks whose spans were not kept, because they are too many. They are in `totals` all the same.
  public private(set) var omittedSpans = 0
  /// In the order of their begins.
  public package(set) var runs: [Run] = []
  /// Runs that are not in `runs`, because they are too many.
  public package(set) var omittedRuns = 0
  /// Ascending, at equal distances.
  public package(set) var samples: [Sample] = []
  /// Threads that runs could use, whether they did anything or not.
  public package(set) var threads = 1
  /// When the recording began.
  public package(set) var begin: UInt64 = 0
  /// How long it took.
  public package(set) var wallNanoseconds: UInt64 = 0
  /// Events that found no place, so that tasks are missing.
  public package(set) var droppedEvents = 0
  /// Processor time of the process while it was recorded.
  public package(set) var processorNanoseconds: UInt64 = 0
  /// The part of it that the system took.
  public package(set) var systemNanoseconds: UInt64 = 0
  /// The largest resident set of the process since it was started.
  public package(set) var peakResidentBytes = 0
  /// Seconds since 1970 when the recording began.
  public package(set) var startedAt = 0
  /// The graphs that are small enough to be kept, by number.
  package var shapes: [UInt32: GraphShape] = [:]
  private var labelNumbers: [String: Int] = [:]
  private let spanLimit: Int

  package init(spanLimit: Int = .max) { self.spanLimit = spanLimit }

  /// The number of tasks that ran.
  public var tasks: Int { totals.reduce(0) { $0 + $1.tasks } }

  /// The number of tasks that threw; a task that was run again counts each time.
  public var failedTasks: Int { totals.reduce(0) { $0 + $1.failed } }

  /// When the recording ended.
  package var end: UInt64 { begin &+ wallNanoseconds }

  /// More labels are one: somebody may give each task a label of its own.
  package static let labelLimit = 10_000

  /// The number of a label.
  package mutating func number(ofLabel label: String) -> Int {
    if let known = labelNumbers[label] { return known }
    if labels.count >= Self.labelLimit { return labels.count - 1 }
    let label = labels.count == Self.labelLimit - 1 ? "other labels" : label
    labelNumbers[label] = labels.count
    labels.append(label)
    totals.append(Totals())
    return labels.count - 1
  }

  /// Adds a task that has ended.
  package mutating func add(_ span: Span) {
    let time = span.nanoseconds
    totals[span.label].tasks += 1
    totals[span.label].failed += span.hasFailed ? 1 : 0
    totals[span.label].nanoseconds &+= time
    totals[span.label].longestNanoseconds = max(totals[span.label].longestNanoseconds, time)
    totals[span.label].bytesIn &+= span.bytesIn
    totals[span.label].bytesOut &+= span.bytesOut
    totals[span.label].histogram[64 - time.leadingZeroBitCount] += 1
    if spans.count < spanLimit { spans.append(span) } else { omittedSpans += 1 }
  }
}
