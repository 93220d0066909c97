import Synchronization

/// The right to write numbers of tasks into the nodes themselves: one lowering at a time has it, others use a table of their
/// own. So the usual case finds a node's task where it has just looked at the node, and nobody ever waits.
///
/// A mark is valid only for the turn whose number it carries, so nothing has to be taken back.
struct LoweringTurn: ~Copyable {
  /// Distinguishes the turns; from 1.
  let number: UInt64

  private static let isTaken = Atomic<Bool>(false)
  private static let turns = Atomic<UInt64>(0)
  /// Numbers have 32 bits in a mark; after that many turns all use tables.
  private static let limit: UInt64 = 0xffff_ffff

  /// Nil when another lowering is under way.
  static func taken() -> LoweringTurn? {
    // Acquires what the turn before wrote into nodes that both know, which its end releases.
    guard
      LoweringTurn.isTaken.compareExchange(
        expected: false, desired: true, successOrdering: .acquiring, failureOrdering: .relaxed
      ).exchanged
    else { return nil }
    let turn = LoweringTurn(number: LoweringTurn.turns.wrappingAdd(1, ordering: .relaxed).newValue)
    if turn.number > LoweringTurn.limit { return nil }
    return turn
  }

  private init(number: UInt64) { self.number = number }

  deinit { LoweringTurn.isTaken.store(false, ordering: .releasing) }

  /// The task of a node that was written down in this turn.
  @inline(__always)
  func task(of node: Unmanaged<DelayedNode>) -> UInt32? {
    let mark = node._withUnsafeGuaranteedRef { $0.withUnsafeMutablePointerToHeader { $0.pointee.mark } }
    return mark &>> 32 == number ? UInt32(truncatingIfNeeded: mark) : nil
  }

  /// Says that a node was written down as `task`.
  @inline(__always)
  func put(_ task: UInt32, for node: Unmanaged<DelayedNode>) {
    node._withUnsafeGuaranteedRef {
      $0.withUnsafeMutablePointerToHeader { $0.pointee.mark = number &<< 32 | UInt64(task) }
    }
  }
}
