package import MartletBytes
package import MartletProtocol

/// A value that the worker holds, or is getting: an index into the shell's table of values.
///
/// The shell knows values by these and not by the scheduler's handles, because handles mean something else when the scheduler
/// was started anew, while a worker keeps its values. Used again after `drop`.
package struct ValueID: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `value N`.
  package var description: String { "value \(rawValue)" }
}

/// A run of a task's body: an index into the shell's table of runs. Used again when the run has ended.
package struct ExecutionID: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  package let rawValue: UInt32

  package init(rawValue: UInt32) { self.rawValue = rawValue }

  /// `execution N`.
  package var description: String { "execution \(rawValue)" }
}

/// A connection of a peer or a client that asks for data, as the shell numbers them; never used again.
package struct RequesterID: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  package let rawValue: UInt64

  package init(rawValue: UInt64) { self.rawValue = rawValue }

  /// `requester N`.
  package var description: String { "requester \(rawValue)" }
}

/// How an operation on a file ended.
package enum FileOutcome: Equatable, Sendable {
  case done
  case failed(reason: String)
}

/// Something that happened, for the worker to decide upon.
package enum WorkerEvent: Sendable {
  /// There is a connection to a scheduler; the shell has sent, or sends next, `registration(base:)`.
  case schedulerConnected
  case schedulerSaid(SchedulerToWorker)
  /// The connection to the scheduler is gone.
  case schedulerLost
  /// The connection that `connectPeer` asked for is there.
  case peerConnected(WorkerID)
  /// A peer's answer. `data` only when `mayReceive` allowed it and all of its bytes have come; its `byteCount` is then what the
  /// value takes in memory. `holdReceived` or `discardReceived` follows.
  case peerSaid(WorkerID, PeerReply)
  /// Data of a peer could not be decoded. What was asked for is asked of another holder.
  case peerSentNonsense(WorkerID, request: UInt32, TaskHandle, reason: String)
  /// A connection to a peer is gone, or could not be made. The shell says so too when a peer is silent in a transfer.
  case peerLost(WorkerID)
  /// A peer or a client asks for data.
  case dataRequested(RequesterID, PeerRequest)
  /// A value that `acceptData` let in has come, takes so much in memory, and has its place beside the table: `holdPut` or
  /// `discardPut` follows.
  case dataPut(RequesterID, request: UInt32, Digest128, type: String, byteCount: Int64)
  /// What `sendData` asked for was sent.
  case dataSent(RequesterID, request: UInt32)
  /// A connection is gone; nothing is sent on it any more.
  case requesterLost(RequesterID)
  /// A body has given a result, which takes so much in memory. `hold` or `discard` follows.
  case taskEnded(ExecutionID, nanoseconds: Int64, byteCount: Int64, type: String, inline: [UInt8]?)
  /// A body has thrown, or its inputs or result could not be used.
  case taskFailed(ExecutionID, FailureRecord)
  /// A body that was to be run has not begun, and will not: its task is given back.
  case taskReturned(ExecutionID)
  /// A body waits and computes nothing. `holdsThread`: its thread sleeps, and another one has taken its place; otherwise it
  /// holds none.
  case taskSuspended(ExecutionID, holdsThread: Bool)
  /// What a suspended body waited for is there: it goes on once `resume` says so.
  case taskAwake(ExecutionID)
  /// The value was written to a file of so many bytes, or could not be.
  case spillEnded(ValueID, FileOutcome, bytesOnDisk: Int64)
  /// The value was read from its file, or the file is damaged.
  case loadEnded(ValueID, FileOutcome)
  /// How the process is, at least once a second.
  case memory(residentBytes: Int64, processorPercent: UInt32 = 0)
  /// The worker should hand over what it holds, then end.
  case retireRequested
  /// Time has passed; at least twenty a second while there is something to wait for.
  case tick
}
