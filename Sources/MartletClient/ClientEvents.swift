package import MartletProtocol

/// A future: one result, however many handles the program has on it. The slot is used again; the generation then grows.
package struct FutureID: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  package let slot: UInt32
  package let generation: UInt32

  package init(slot: UInt32, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }

  /// `future N.generation`.
  package var description: String { "future \(slot).\(generation)" }
}

/// The shell's number of a graph; not used again while its futures live.
package struct SubmissionID: Hashable, Sendable, BitwiseCopyable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// The shell's number of a request; not used again before it is answered.
package struct RequestID: Hashable, Sendable, BitwiseCopyable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }
}

/// Something that happened, for the session to decide upon.
package enum ClientEvent: Sendable {
  // What the program asks.

  /// Look for the scheduler.
  case connect
  /// A piece of a graph, below the size of a frame. The core numbers graphs itself: `graph` of the piece is not looked at.
  case submit(SubmissionID, Submission)
  /// Graphs without layers, of one piece each, joined to one; `ends`: where each ends among the tasks. They are sent one by one
  /// where they are not taken together: none fails because of another one.
  case submitJoined(SubmissionID, Submission, ends: [Int])
  /// The rest of a graph of several pieces will not come.
  case giveUp(SubmissionID)
  /// Values that the program brings along. `at`: the worker that the shell puts them on when the core asks for it; nil:
  /// they are small and stay with the scheduler.
  case scatter(SubmissionID, [ScatteredValue], at: PeerRef?)
  /// One more handle, one handle less.
  case retain(FutureID)
  case release(FutureID)
  /// The program needs the value here.
  case want(FutureID)
  /// The shell has dropped a value that it held; it can be fetched again.
  case valueDropped(FutureID)
  case cancel([FutureID], force: Bool)
  case retry([FutureID])
  case request(RequestID, ClientRequest)
  /// Nobody waits for the answer any more.
  case abandon(RequestID)
  /// The end: what the session wants is released.
  case close

  // What the network brings.

  case schedulerConnected(epoch: UInt64)
  case schedulerSaid(SchedulerToClient)
  /// The connection is gone, or could not be made.
  case schedulerLost(reason: String)
  case workerConnected(String)
  /// Bytes have come from this worker, or have gone there, since this was said before.
  case workerActive(String)
  /// A reply of the worker at this address.
  case workerSaid(String, PeerReply)
  /// Its connection is gone, or could not be made.
  case workerLost(String)
  /// A data frame was taken whole; or its bytes are no value.
  case valueReceived(FutureID, from: String)
  case valueDamaged(FutureID, from: String)
  /// Time has passed; some ten a second.
  case tick
}

/// A request that is answered once (`listen`: and with messages until it ends).
package enum ClientRequest: Sendable, Equatable {
  /// The values of all these, or the first failure.
  case gather([FutureID])
  case publish(name: String, [FutureID], overwrites: Bool)
  case unpublish(name: String)
  /// The futures behind a published name.
  case subscribe(name: String)
  case whoHas([FutureID])
  case ask(Question)
  /// So many copies of these results, on as many workers; answered by a text.
  case replicate([FutureID], copies: UInt32)
  /// These results, or all, from workers that hold much to those that hold little; answered by a text.
  case rebalance([FutureID])
  /// Workers, by name or address, that shall end; answered by a text.
  case retireWorkers([String])
  /// All workers are started anew, everything is forgotten. `name`: who wants it. Answered by a text: a line for each worker that
  /// is not back in time.
  case restart(name: String, timeoutNanoseconds: Int64)
  /// A call on each of some workers; answered by `holders`: a future for each, with a handle, and the worker's address.
  case runOnWorkers(WorkersCall)
  /// An operation on something shared; `future`: what to put or set instead of bytes.
  case coordinate(CoordinationRequest, future: FutureID?)
}

/// What came of a request.
package enum ClientAnswer: Sendable, Equatable {
  /// All values of a gather are with the shell.
  case gathered
  /// The first of a gather that has no value.
  case failed(FutureID, FailureRecord)
  /// JSON, names or lines.
  case text(String)
  /// The futures behind a name; the shell has one handle on each.
  case futures([FutureID])
  /// Addresses of those who hold them.
  case holders([HeldFuture])
  case done
  case value(type: String, [UInt8])
  /// A shared value that is a future of this session; one handle more.
  case future(FutureID)
  case lease(UInt64, fence: UInt64)
  case message(topic: String, [UInt8])
  case timedOut
  case denied(String)
}

/// Who holds the result of a future.
package struct HeldFuture: Sendable, Equatable {
  package var future: FutureID
  package var holders: [String]
}

/// Where the value of a future is.
package enum ValueSource: Sendable, Equatable {
  case bytes([UInt8])
  /// The body of the data frame that this worker has just announced; `valueReceived` or `valueDamaged` has to follow.
  case frame(from: String, byteCount: Int64)
}

/// How far the wanted results of a graph are. Results that an earlier graph gave already are not counted.
package struct ClientProgress: Sendable, Equatable {
  package var total = 0
  package var finished = 0
  package var failed = 0
}

/// Something for the shell to do.
package enum ClientAction: Sendable, Equatable {
  case tellScheduler(ClientToScheduler)
  case connectScheduler(afterNanoseconds: Int64)
  case closeScheduler
  case connectWorker(String)
  case closeWorker(String)
  /// After `put`, the shell sends a data frame for each value.
  case askWorker(String, PeerRequest)
  /// The futures of the wanted tasks of a piece, in their order: one handle on each.
  case submitted(SubmissionID, [FutureID])
  /// The graph was not taken. Futures of earlier pieces fail.
  case refused(SubmissionID, FailureRecord)
  /// The result is there.
  case resolved(FutureID, type: String, byteCount: Int64)
  /// A result that was there, or was cancelled, is computed again.
  case recomputing(FutureID)
  case value(FutureID, type: String, ValueSource)
  case failed(FutureID, FailureRecord)
  /// The result is there, but could not be brought here; `want` tries again.
  case valueFailed(FutureID, FailureRecord)
  /// The last handle is gone: the shell drops the value.
  case forgotten(FutureID)
  /// Nobody wants the data that this worker has just announced: it is read and dropped.
  case discard(from: String)
  case progress(SubmissionID, ClientProgress)
  /// How far the tasks of a watched graph are, by label, as the scheduler says.
  case advanced(SubmissionID, [LabelProgress])
  case answered(RequestID, ClientAnswer)
  /// Tasks of this session's graphs wait for workers that are not there.
  case stranded([StrandedTasks])
  /// A lease was not renewed: somebody else may have it.
  case leaseLost(semaphore: String, UInt64)
  /// The session is over; all futures have failed, all requests were denied.
  case sessionLost(reason: String)
  /// The cluster was restarted, by this client or another one: what was not fetched has failed.
  case restarted(by: String)
  case log(String)
}

/// What can be chosen about a session.
package struct ClientSettings: Sendable {
  /// Whether it is the client of a worker's tasks.
  package var isInside = false
  /// Its share of the cluster beside other clients', at least 1.
  package var weight: UInt32 = 1
  /// How long the first scheduler is looked for before the session is lost; `Int64.max`: as long as somebody waits for it.
  package var connectNanoseconds: Int64 = 30_000_000_000
  /// How long a scheduler that was lost is looked for before the session is.
  package var reconnectNanoseconds: Int64 = 30_000_000_000
  package var firstBackoffNanoseconds: Int64 = 50_000_000
  package var longestBackoffNanoseconds: Int64 = 2_000_000_000
  package var heartbeatNanoseconds: Int64 = 5_000_000_000
  /// A scheduler that is silent for longer is gone.
  package var silenceNanoseconds: Int64 = 60_000_000_000
  /// Bytes of graphs that are kept to be submitted again to another scheduler.
  package var graphBudgetBytes = 1 << 30
  /// Bytes that workers were asked for and have not sent.
  package var bytesInFlight: Int64 = 64 << 20
  /// Of one request.
  package var batchBytes: Int64 = 16 << 20
  package var batchCount = 512
  /// Fetches that one gather has under way.
  package var gatherWindow = 1024
  /// How often the scheduler is asked for holders of one result before its fetch fails.
  package var fetchAttempts = 8
  /// A worker that does not answer for so long, and to or from which no byte goes, is taken for lost.
  package var fetchTimeoutNanoseconds: Int64 = 60_000_000_000
  /// A connection to a worker that nobody needs is closed after this time.
  package var idleNanoseconds: Int64 = 60_000_000_000
  /// Requests that are not answered, at most.
  package var requestLimit = 1 << 16
  /// Keys in one message.
  package var keysInMessage = 1 << 19

  package init() {}
}
