import MartletBytes
import MartletClient
import MartletEngine
import MartletProtocol
import Synchronization

/// What is known here of the result of one future.
final class ResultCell: @unchecked Sendable {
  // Sendable: `future` and `place` belong to the loop's thread, `word` is atomic, the rest is used under `StripedLocks.lock(of: self)`.

  enum State: Sendable { case waiting, finished, failed, cancelled }

  private enum Bits {
    static let finished: UInt32 = 1
    static let failed: UInt32 = 2
    static let cancelled: UInt32 = 4
    static let hasValue: UInt32 = 8
    static let isSmall: UInt32 = 16
    static let ends = finished | failed
  }

  /// The key of the task.
  let digest: Digest128
  /// What the session calls it, once it is submitted. The loop's.
  @exclusivity(unchecked) var future: FutureID?
  /// Where it stands among further cells of its future. The loop's.
  @exclusivity(unchecked) var place = 0
  /// A mirror of what is below, for looking without the lock.
  private let word = Atomic<UInt32>(0)
  private var value: ClientValue?
  private var failure: FailureRecord?
  private var endError: ClusterError?
  /// Why it had failed, after somebody has asked to try it again and before the loop has heard of that.
  private var retried: (failure: FailureRecord, end: ClusterError?)?
  /// Why it could not be brought here, the last time, and how often that has happened.
  private var fetchFailure: FailureRecord?
  private var failedFetches: UInt32 = 0
  private var readers = 0
  private var isWanted = false
  private var listeners: [CellListener] = []

  /// The task whose body has submitted it, where it cannot be there before that has ended.
  let blocker: Digest128?

  init(digest: Digest128, blocker: Digest128? = nil) {
    self.digest = digest
    self.blocker = blocker
  }

  var state: State {
    let bits = word.load(ordering: .acquiring)
    if bits & Bits.failed != 0 { return bits & Bits.cancelled == 0 ? .failed : .cancelled }
    return bits & (Bits.finished | Bits.hasValue) == 0 ? .waiting : .finished
  }

  var isFinished: Bool { state != .waiting }

  /// Whether the value is here, or never comes: a look that costs nothing.
  var isReadable: Bool { word.load(ordering: .acquiring) & (Bits.hasValue | Bits.failed) != 0 }

  /// Whether the value is here, and takes little wherever it is.
  var isSmall: Bool {
    let bits = Bits.hasValue | Bits.isSmall
    return word.load(ordering: .acquiring) & bits == bits
  }

  private static let smallBytes = 4 << 10

  private func locked<Result>(_ body: () -> Result) -> Result { StripedLocks.lock(of: self).withLock(body) }

  // MARK: For readers

  enum Look {
    case value(ClientValue)
    case failure(any Error)
    /// Somebody has asked for it.
    case underWay
    /// Nobody has: the caller has to.
    case unasked
  }

  /// Begins to read: the value is kept until `endReading`, however large it is.
  ///
  /// - Returns: A number for `look`: fetches that have failed before are not the reader's affair.
  @discardableResult
  func beginReading() -> UInt32 {
    locked {
      readers += 1
      return failedFetches
    }
  }

  /// - Returns: Whether this was the last reader of a value that is too large to be kept, which is dropped here.
  func endReading(keptBytes: Int) -> Bool {
    locked {
      readers -= 1
      guard readers == 0, let held = value, held.byteCount > keptBytes else { return false }
      value = nil
      word.bitwiseAnd(~Bits.hasValue, ordering: .releasing)
      return true
    }
  }

  /// What a reader finds. `unasked` once a fetch: who gets it asks the loop.
  ///
  /// - Parameter begin: What `beginReading` has given.
  func look(since begin: UInt32) -> Look {
    locked {
      if let value { return .value(value) }
      if let error = error { return .failure(error) }
      if failedFetches != begin, let fetchFailure {
        return .failure(ClusterError.notFetched(fetchFailure.message))
      }
      if isWanted { return .underWay }
      isWanted = true
      return .unasked
    }
  }

  /// The value, where it is here; nobody is asked for it.
  var valueHere: ClientValue? { locked { value } }

  /// Why there is no result; under the lock.
  private var error: (any Error)? {
    if let endError { return endError }
    guard let failure else { return nil }
    return failure.kind == .cancelled ? CancellationError() : ClusterTaskError(failure)
  }

  /// Why there is no result; nil where there is one, or may be.
  var failureError: (any Error)? { locked { error } }

  /// Somebody wants it to be tried again: from here on it waits, whatever it has failed of. The loop has to be told.
  func beginRetry() {
    locked {
      guard value == nil, let failure else { return }
      retried = (failure, endError)
      self.failure = nil
      endError = nil
      isWanted = false
      word.store(0, ordering: .releasing)
    }
  }

  /// It cannot be tried again, and has failed as before.
  func refuseRetry() {
    guard let (failure, end) = locked({ retried }) else { return }
    fail(failure, end)
  }

  /// Adds who is told once, on the loop's thread: when it ends, or when the value is here or will not come.
  ///
  /// - Parameter begin: What `beginReading` has given, for who waits for the value.
  /// - Returns: False when there is nothing to wait for.
  func add(_ listener: CellListener, since begin: UInt32? = nil) -> Bool {
    locked {
      if value != nil || error != nil { return false }
      if let begin, failedFetches != begin { return false }
      if !listener.needsValue, word.load(ordering: .relaxed) & Bits.ends != 0 { return false }
      listeners.append(listener)
      return true
    }
  }

  func remove(_ listener: CellListener) { locked { listeners.removeAll { $0 === listener } } }

  // MARK: For the loop

  /// Whether somebody waits for the value.
  var isRead: Bool { locked { readers > 0 } }
  var holdsValue: Bool { locked { value != nil } }

  func resolved() {
    tell {
      word.bitwiseOr(Bits.finished, ordering: .releasing)
      return takeListeners(withValue: false)
    }
  }

  /// The value has come; large ones are only taken for those who read.
  func deliver(_ value: ClientValue, keptBytes: Int) {
    tell {
      isWanted = false
      fetchFailure = nil
      word.bitwiseOr(Bits.finished, ordering: .releasing)
      guard readers > 0 || value.byteCount <= keptBytes else { return takeListeners(withValue: false) }
      self.value = value
      let size = value.byteCount <= ResultCell.smallBytes ? Bits.isSmall : 0
      word.bitwiseOr(Bits.hasValue | size, ordering: .releasing)
      return takeListeners(withValue: true)
    }
  }

  func fail(_ failure: FailureRecord, _ end: ClusterError?) {
    tell {
      guard value == nil else { return [] }
      retried = nil
      self.failure = failure
      endError = end
      isWanted = false
      let kind = failure.kind == .cancelled ? Bits.failed | Bits.cancelled : Bits.failed
      word.bitwiseOr(kind, ordering: .releasing)
      return takeListeners(withValue: true)
    }
  }

  /// It is computed again.
  func recomputing() {
    locked {
      retried = nil
      failure = nil
      endError = nil
      fetchFailure = nil
      isWanted = false
      if value == nil { word.store(0, ordering: .releasing) }
    }
  }

  /// The result is there, but could not be brought here; asking again may do it.
  func fetchFailed(_ failure: FailureRecord) {
    tell {
      fetchFailure = failure
      failedFetches &+= 1
      isWanted = false
      return takeListeners(withValue: true)
    }
  }

  /// Under the lock: those who wait for the end, or for the value, too.
  private func takeListeners(withValue: Bool) -> [CellListener] {
    if listeners.isEmpty { return [] }
    if withValue {
      defer { listeners = [] }
      return listeners
    }
    let told = listeners.filter { !$0.needsValue }
    listeners.removeAll { !$0.needsValue }
    return told
  }

  private func tell(_ change: () -> [CellListener]) {
    for listener in locked(change) { listener.action() }
  }
}

/// Somebody who is told of a result once.
final class CellListener: Sendable {
  let needsValue: Bool
  let action: @Sendable () -> Void

  init(needsValue: Bool, _ action: @escaping @Sendable () -> Void) {
    self.needsValue = needsValue
    self.action = action
  }
}
