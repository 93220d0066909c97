public import Synchronization

/// The run that a task is part of, as the task sees it. Valid while the task runs; it cannot be copied or kept.
public struct TaskContext: ~Copyable {
  @usableFromInline let state: UnsafeMutablePointer<TaskContextState>

  @inlinable package init(_ state: UnsafeMutablePointer<TaskContextState>) { self.state = state }

  /// Whether nobody wants the result any more: the run was cancelled, another task failed, or this attempt has taken as long
  /// as the task's trait `timeout` allows.
  @inlinable public var isCancelled: Bool {
    // Relaxed: a hint, nothing is read because of it.
    state.pointee.stop.pointee.load(ordering: .relaxed) || state.pointee.cancelled.pointee.load(ordering: .relaxed)
      || state.pointee.expired.pointee.load(ordering: .relaxed)
  }

  /// Throws `CancellationError` when the result is no longer wanted. A few ns: long tasks ask every millisecond or so.
  @inlinable public func checkCancellation() throws {
    if isCancelled { throw CancellationError() }
  }

  /// Adds to the bytes that the task has read and written; they are shown with its end by progress, trace and profile.
  @inlinable public func report(bytesIn: Int = 0, bytesOut: Int = 0) {
    state.pointee.bytesIn &+= bytesIn
    state.pointee.bytesOut &+= bytesOut
  }

  /// Which thread of the executor this is, from 0: for scratch memory that is used again. Those for blocking tasks come after
  /// those for the others.
  @inlinable public var threadIndex: Int { state.pointee.threadIndex }
}

/// What is behind a `TaskContext`: belongs to one thread of an executor.
@usableFromInline
package struct TaskContextState {
  @usableFromInline let stop: UnsafePointer<Atomic<Bool>>
  @usableFromInline let cancelled: UnsafePointer<Atomic<Bool>>
  /// Set when the time of the task that runs is up; the same as `stop` while there is no limit.
  @usableFromInline package var expired: UnsafePointer<Atomic<Bool>>
  @usableFromInline let threadIndex: Int
  @usableFromInline package var bytesIn = 0
  @usableFromInline package var bytesOut = 0
  /// Left here by a body that threw `TaskSuspended`.
  package var work: AsyncWork?

  package init(stop: UnsafePointer<Atomic<Bool>>, cancelled: UnsafePointer<Atomic<Bool>>, threadIndex: Int) {
    self.stop = stop
    self.cancelled = cancelled
    expired = stop
    self.threadIndex = threadIndex
  }
}

/// The rest of a task that waits without holding a thread: gives the filled slot.
package struct AsyncWork: Sendable {
  package let run: @Sendable () async throws -> Slot
}

/// Thrown by the body of a task that has left its rest as `AsyncWork` in its context. The slot is still empty.
package struct TaskSuspended: Error {}

extension TaskContext {
  /// What the body of an asynchronous task throws, once it has read its inputs.
  package func suspended<Value: Sendable>(
    _ body: @escaping @Sendable () async throws -> Value
  ) -> TaskSuspended {
    state.pointee.work = AsyncWork {
      var slot = Slot()
      slot.fill(try await body())
      return slot
    }
    return TaskSuspended()
  }

  /// Lets `body` see the result of a task that has just suspended itself, before anybody else does.
  package func afterSuspension(_ body: @escaping @Sendable (Slot) -> Void) {
    guard let work = state.pointee.work else { return }
    state.pointee.work = AsyncWork {
      let slot = try await work.run()
      body(slot)
      return slot
    }
  }
}
