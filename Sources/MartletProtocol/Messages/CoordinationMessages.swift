/// An operation on something that clients and tasks of a cluster share, by name. Those that have to wait are answered when
/// they can be carried out or when their time is over. Times are nanoseconds: 0 does not wait, `Int64.max` waits for ever.
package enum CoordinationRequest: Equatable, Sendable {
  /// Appends to a queue; waits while it is full (`limit`, 0: the scheduler's own limit).
  case put(queue: String, value: SharedValue, limit: UInt32, timeoutNanoseconds: Int64)
  /// Takes the oldest of a queue.
  case take(queue: String, timeoutNanoseconds: Int64)
  /// Sets a variable.
  case set(variable: String, value: SharedValue)
  /// Takes the value of a variable away.
  case unset(variable: String)
  /// Reads a variable, waits until it is set.
  case read(variable: String, timeoutNanoseconds: Int64)
  /// Sets or clears an event.
  case signal(event: String, isSet: Bool)
  /// Waits until an event is set.
  case wait(event: String, timeoutNanoseconds: Int64)
  /// Takes so many of a semaphore's places for a lease, 0: while he who asks is there; a lock is a
  /// semaphore of one place.
  case acquire(semaphore: String, places: UInt32, of: UInt32, leaseNanoseconds: Int64, timeoutNanoseconds: Int64)
  /// Makes a lease last again.
  case renew(semaphore: String, lease: UInt64)
  /// Gives the places of a lease back.
  case giveBack(semaphore: String, lease: UInt64)
  /// Sends to all who listen.
  case publish(topic: String, bytes: [UInt8])
  /// Begins or ends to listen.
  case listen(topic: String, isListening: Bool)
}

/// A value that is shared: small bytes of a type, or a task whose result it is. Clients are told of a task by `named`, with its
/// key.
package enum SharedValue: Equatable, Sendable {
  case bytes(type: String, [UInt8])
  case task(TaskHandle)
}

/// What came of an operation.
package enum CoordinationReply: Equatable, Sendable {
  /// Done.
  case done
  /// Done, with a value.
  case value(SharedValue)
  /// The lease, and a number that grows with every lease of the semaphore: who holds an older one has lost it.
  case lease(UInt64, fence: UInt64)
  /// A message of a topic.
  case message(topic: String, bytes: [UInt8])
  /// The time was over.
  case timedOut
  /// It cannot be done, and why.
  case denied(reason: String)
}
