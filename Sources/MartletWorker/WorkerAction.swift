package import MartletBytes
package import MartletProtocol

/// A value for somebody who asked for it.
package struct ServedValue: Equatable, Sendable {
  package var task: TaskHandle
  package var value: ValueID
  package var type: String
  /// Read its file: it is not in memory, and is not brought back for this.
  package var isFromFile: Bool

  package init(task: TaskHandle, value: ValueID, type: String, isFromFile: Bool) {
    self.task = task
    self.value = value
    self.type = type
    self.isFromFile = isFromFile
  }
}

/// Why data is not sent.
package enum DataRefusal: Equatable, Sendable {
  /// Too many transfers already: come again.
  case busy(retryAfterNanoseconds: Int64)
  /// Data that a client brings cannot be held, and why.
  case rejected(reason: String)
}

/// Something for the shell to do, in this order.
package enum WorkerAction: Equatable, Sendable {
  case tellScheduler(WorkerToScheduler)
  /// Connect, and say `peerConnected` or `peerLost`.
  case connectPeer(PeerRef)
  /// Close the connection, or give up making one, and say nothing more of it.
  case disconnectPeer(WorkerID)
  case askPeer(WorkerID, PeerRequest)
  /// Answer the request with data frames for `values`, `missing` for the others, then `done`; then say `dataSent`.
  case sendData(RequesterID, request: UInt32, [ServedValue], missing: [TaskHandle])
  case refuseData(RequesterID, request: UInt32, DataRefusal)
  /// Receive these values of a client, and say `dataPut` for each.
  case acceptData(RequesterID, request: UInt32, [PutValue])
  /// The value that has just come is this one from now on.
  case holdPut(RequesterID, request: UInt32, Digest128, ValueID)
  /// The value that has just come was not announced.
  case discardPut(RequesterID, request: UInt32, Digest128)
  /// All values of the request are held: answer `done`.
  case confirmData(RequesterID, request: UInt32)
  /// Send nothing more of this request from now on but `done`, and say `dataSent`.
  case stopSending(RequesterID, request: UInt32)
  /// Run a body. Its inputs, in the order of its arguments, are in memory and stay there until it has ended. `isAwaited`: other
  /// workers wait for what it gives.
  case run(ExecutionID, ComputeTask, inputs: [ValueID], isAwaited: Bool = false)
  /// Let a body go on that said that it could: there is a thread's room for it. Before any body that is run after this.
  case resume(ExecutionID)
  /// Nobody waits for this run any more: let the body know if it asks. Its end is still to be said.
  case cancelRunning(ExecutionID)
  /// The result of this run, which has just ended, is the value from now on.
  case hold(ExecutionID, ValueID)
  /// The result of this run, which has just ended, is not wanted.
  case discard(ExecutionID)
  /// The data that a peer has just sent is the value from now on.
  case holdReceived(WorkerID, request: UInt32, TaskHandle, ValueID)
  /// The data that a peer has just sent is not wanted any more.
  case discardReceived(WorkerID, request: UInt32, TaskHandle)
  /// These few bytes are the value. If they cannot be decoded, the runs that get it as an input fail with that reason.
  case decode(ValueID, type: String, bytes: [UInt8])
  /// Forget the value, in memory and on disk.
  case drop(ValueID)
  /// The value has another number from now on.
  case move(ValueID, to: ValueID)
  /// Write the value to a file; it stays in memory. Then say `spillEnded`.
  case spill(ValueID)
  /// Forget the value in memory: it has a file.
  case unload(ValueID)
  /// Read the value from its file, which stays. Then say `loadEnded`.
  case load(ValueID)
  /// The outcome of a task's operation on something shared.
  case deliver(request: UInt32, CoordinationReply)
  /// A line for the log.
  case log(String)
  /// All that this worker had is dropped: end the process, where a supervisor starts another one; else the connection is closed
  /// by the scheduler, and made again.
  case restart(reason: String)
  /// End the process: everything was handed over, or the scheduler does not want this worker.
  case stop(reason: String)
}
