/// What was recorded of a run: which task ran when on which thread. Traces and profiles are made of it.
package struct RunRecord: Sendable {
  /// One task from its start to its end.
  package struct Span: Equatable, Sendable {
    /// An index into `labels`.
    package var label: Int
    package var thread: Int
    /// Nanoseconds of the monotonic clock.
    package var begin: UInt64
    package var end: UInt64
    package var bytesIn = 0
    package var bytesOut = 0
    package var hasFailed = false

    package init(label: Int, thread: Int, begin: UInt64, end: UInt64) {
      self.label = label
      self.thread = thread
      self.begin = begin
      self.end = end
    }
  }

  package var labels: [String] = []
  /// In the order of their ends, thread by thread.
  package var spans: [Span] = []
  /// Threads that the run could use, whether they did anything or not.
  package var threads = 1
  /// When the run began and how long it took, in nanoseconds of the monotonic clock.
  package var begin: UInt64 = 0
  package var wallNanoseconds: UInt64 = 0
  /// Events that found no place; then totals are too low.
  package var droppedEvents = 0

  package init() {}
}
