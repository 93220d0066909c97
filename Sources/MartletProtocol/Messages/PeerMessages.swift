package import MartletBytes

/// What a worker or a client asks of a worker that holds results.
package enum PeerRequest: Equatable, Sendable {
  /// These results, as data frames in this order; each known by its handle and its key.
  case get(request: UInt32, [NamedTask])
  /// Data that a client brings; a data frame for each follows.
  case put(request: UInt32, [PutValue])
  /// The request is no longer wanted.
  case abandon(request: UInt32)
  /// Small results that the other waits for, as the scheduler has said. No answer: what cannot be used is ignored.
  case push([PushedResult])
}

/// A small result that comes without being asked for.
package struct PushedResult: Equatable, Sendable {
  package var task: TaskHandle
  package var digest: Digest128
  package var type: String
  package var byteCount: Int64
  package var bytes: [UInt8]

  package init(task: TaskHandle, digest: Digest128, type: String, byteCount: Int64, bytes: [UInt8]) {
    self.task = task
    self.digest = digest
    self.type = type
    self.byteCount = byteCount
    self.bytes = bytes
  }
}

/// A value that a client puts onto a worker.
package struct PutValue: Equatable, Sendable {
  package var digest: Digest128
  package var type: String
  package var byteCount: Int64

  package init(digest: Digest128, type: String, byteCount: Int64) {
    self.digest = digest
    self.type = type
    self.byteCount = byteCount
  }
}

/// What the worker answers.
package enum PeerReply: Equatable, Sendable {
  /// The head of a data frame: the bytes follow, in pieces.
  case data(request: UInt32, task: TaskHandle, type: String, byteCount: Int64)
  /// It does not hold this one.
  case missing(request: UInt32, task: TaskHandle)
  /// It serves too many already.
  case busy(request: UInt32, retryAfterNanoseconds: Int64)
  /// All of the request was answered, or all that was put is held.
  case done(request: UInt32)
  /// What was put cannot be held.
  case rejected(request: UInt32, reason: String)
}
