/// When a supervisor starts its process again, and when it ends it.
package struct SupervisorSettings: Sendable {
  /// Bytes that the process may hold in memory; 0: as many as it wants.
  package var memoryLimit = 0
  /// The share of the limit at which it is ended.
  package var memoryShare = 0.95
  /// How often its memory is looked at.
  package var lookEvery: Duration = .milliseconds(200)
  /// It is not started again after so many crashes within `crashWindow`.
  package var crashLimit = 5
  package var crashWindow: Duration = .seconds(60)
  /// How long the second restart waits; the first does not, and each further one twice as long as the last.
  package var backoff: Duration = .milliseconds(100)
  package var longestBackoff: Duration = .seconds(5)
  /// Exit statuses of a process that means to end: done, misused, refused, gave up. After any other end it is started
  /// again.
  package var finalStatuses: Set<Int32> = [0, 2, 3, 4]
  /// Exit statuses of a process that wants to be started again, which is no crash.
  package var restartStatuses: Set<Int32> = []
  /// What the process is called in lines of the log.
  package var name = "the worker"

  package init() {}
}
