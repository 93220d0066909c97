/// What can be chosen about a worker.
package struct WorkerSettings: Sendable {
  /// Bodies that run at one time.
  package var threads = 1
  /// Bodies that wait rather than compute, and run on threads of their own, at one time.
  package var blockingTasks = 64
  /// Bodies that are suspended at one time, before no other is begun.
  package var suspendedTasks = 4096
  /// Those of them whose threads sleep.
  package var sleepingThreads = 256
  /// Bytes of results that may be held; 0: no limit.
  package var memoryLimit: Int64 = 0
  /// Shares of the limit: results are spilled above the first; above the second no work is begun but one task, until less than
  /// the third is held. The second and third are asked of the whole process too.
  package var spillShare = 0.6
  package var pauseShare = 0.8
  package var resumeShare = 0.75
  /// Above this share of the limit, taken by the whole process, results are spilled too.
  package var residentSpillShare = 0.7
  /// Values written at one time, and read at one time.
  package var spillsAtOnce = 2
  package var loadsAtOnce = 4
  /// Smaller results stay in memory: a file each would cost more than it saves.
  package var leastSpillBytes: Int64 = 4 << 10
  /// Bytes of files; 0: no limit.
  package var diskLimit: Int64 = 0
  /// Nothing is spilled for so long after the disk was full.
  package var spillRetryNanoseconds: Int64 = 30_000_000_000
  /// Bytes that are asked for and have not come, of all peers. A larger single result comes alone.
  package var incomingBytes: Int64 = 256 << 20
  /// Bytes and results asked for by one request.
  package var requestBytes: Int64 = 64 << 20
  package var requestResults = 1024
  /// Requests served at one time; who comes then is told to come again after so long.
  package var outgoingTransfers = 16
  package var busyNanoseconds: Int64 = 20_000_000
  /// Values of clients that the scheduler has not named, and how long they are held.
  package var unnamedValues = 4096
  package var unnamedNanoseconds: Int64 = 60_000_000_000
  /// The wait before a peer is tried again that was busy or could not be reached; doubled each time up to the longest.
  package var retryNanoseconds: Int64 = 20_000_000
  package var longestRetryNanoseconds: Int64 = 2_000_000_000
  /// A peer that could not be reached so often in a row is not asked any more.
  package var connectionAttempts = 3
  /// A result that nobody seems to hold: the scheduler is asked again after so long, and a task that waited so long for it
  /// is given back.
  package var askAgainNanoseconds: Int64 = 200_000_000
  package var giveBackNanoseconds: Int64 = 10_000_000_000
  /// Copies of a result that could not be decoded, before the tasks that need it fail.
  package var damagedCopies = 3
  /// Results of at most so many bytes travel inside `finished`.
  package var inlineBytes = 2 << 10

  package init() {}
}
