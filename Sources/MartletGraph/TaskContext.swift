public import Synchronization

/// The run that a task is part of, as the task sees it. Valid while the task runs; it cannot be copied or kept.
public struct TaskContext: ~Copyable {
  @usableFromInline let state: UnsafeMutablePointer<TaskContextState>

  @inlinable package init(_ state: UnsafeMutablePointer<TaskContextState>) { self.state = state }

  /// Whether nobody wants the result any more: the run was cancelled, or another task failed.
  @inlinable public var isCancelled: Bool {
    // Relaxed: a hint, nothing is read because of it.
    state.pointee.stop.pointee.load(ordering: .relaxed) || state.pointee.cancelled.pointee.load(ordering: .relaxed)
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

  /// Which thread of the executor this is, from 0: for scratch memory that is used again.
  @inlinable public var threadIndex: Int { state.pointee.threadIndex }
}

/// What is behind a `TaskContext`: belongs to one thread of an executor.
@usableFromInline
package struct TaskContextState {
  @usableFromInline let stop: UnsafePointer<Atomic<Bool>>
  @usableFromInline let cancelled: UnsafePointer<Atomic<Bool>>
  @usableFromInline let threadIndex: Int
  @usableFromInline package var bytesIn = 0
  @usableFromInline package var bytesOut = 0

  package init(stop: UnsafePointer<Atomic<Bool>>, cancelled: UnsafePointer<Atomic<Bool>>, threadIndex: Int) {
    self.stop = stop
    self.cancelled = cancelled
    self.threadIndex = threadIndex
  }
}
