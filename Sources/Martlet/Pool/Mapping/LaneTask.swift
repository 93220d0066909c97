import Synchronization

/// A call that several threads work on, each in a lane of it.
@usableFromInline
class SharedCall: @unchecked Sendable {
  // Sendable: has nothing; who inherits says why for himself.

  /// Works until there is nothing more to do for this lane, and leaves.
  func work(in lane: LaneTask) {}

  /// Counts off a lane that will not work any more.
  func leave() {}

  /// Ends the call with an error that is no element's.
  func abort(_ error: any Error) {}

  /// Whether nobody wants the results of elements from this position on.
  func isUnwanted(from position: Int) -> Bool { false }
}

/// The part of a call that one thread does.
final class LaneTask: AnyFuture, @unchecked Sendable {
  // Sendable: atomic or constant.
  private let call: SharedCall
  /// The lowest position that it is working on.
  let start = Atomic<Int>(0)

  init(_ call: SharedCall, core: PoolCore) {
    self.call = call
    super.init(core: core, priority: .normal)
  }

  override var wantsStop: Bool {
    super.wantsStop || call.isUnwanted(from: start.load(ordering: .relaxed))
  }

  override func run() -> Bool {
    call.work(in: self)
    return true
  }

  override func failWithoutRunning(_ error: any Error, kind: UInt32) {
    call.abort(error)
    call.leave()
  }
}
