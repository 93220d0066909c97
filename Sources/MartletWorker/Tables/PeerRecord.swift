import MartletProtocol

/// A worker that has results which are, or were, needed here.
struct PeerRecord: Sendable {
  enum Link: UInt8, Sendable { case none, connecting, connected }

  /// A result that was asked for.
  struct Asked: Sendable {
    var slot: UInt32
    var task: TaskHandle
    var isAnswered = false
  }

  var isUsed = false
  var worker = WorkerID(rawValue: 0)
  var address = ""
  var link = Link.none
  /// The request that it has not answered fully; 0: none.
  var request: UInt32 = 0
  var asked: [Asked] = []
  /// The first of `asked` that has no answer.
  var firstOpen = 0
  var isAbandoned = false
  /// Not before this moment.
  var retryAt = Timestamp(nanoseconds: 0)
  /// Failed connections, and refusals for being busy, in a row.
  var failures = 0
  var refusals = 0
  /// Results to ask for. An entry may be out of date.
  var queue = Heap<UInt64>()
  /// Small results that it waits for; sent at the next flush.
  var pushes: [PushedResult] = []
  /// Tasks that name it as a holder.
  var uses = 0
}

/// Values that a client is sending.
struct Reception: Sendable {
  var requester: RequesterID
  var request: UInt32
  /// Those that have not come.
  var values: [PutValue]

  /// What those will take.
  var bytes: Int64 { values.reduce(0) { $0 &+ min(max(0, $1.byteCount), mostBytes) } }
}

/// A request that is being answered.
struct Transfer: Sendable {
  var requester: RequesterID
  var request: UInt32
  /// Values sent from memory, and from files.
  var values: [UInt32]
  var files: [UInt32]
}
