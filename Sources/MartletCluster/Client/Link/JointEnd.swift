import Martlet
import Synchronization

/// Counts the ends of several futures until somebody need not wait any more.
final class JointEnd: @unchecked Sendable {
  // Sendable: atomic or constant.
  private let goal: WaitGoal
  private let remaining: Atomic<Int>
  private let hasEnded = Atomic<Bool>(false)
  private let tell: @Sendable () -> Void

  init(_ goal: WaitGoal, _ count: Int, tell: @escaping @Sendable () -> Void) {
    self.goal = goal
    self.tell = tell
    remaining = Atomic(count)
    if count == 0 { hasEnded.store(true, ordering: .relaxed) }
  }

  var isOver: Bool { hasEnded.load(ordering: .acquiring) }

  /// Listens to all of them, or until there is nothing to wait for.
  func listen(to cells: [ResultCell]) -> [(ResultCell, CellListener)] {
    var listeners: [(ResultCell, CellListener)] = []
    for cell in cells {
      if isOver { break }
      // The cell is told after its state has changed.
      let listener = CellListener(needsValue: false) { [weak cell] in self.ended(cell) }
      if cell.add(listener) { listeners.append((cell, listener)) } else { ended(cell) }
    }
    return listeners
  }

  private func ended(_ cell: ResultCell?) {
    let isLast = remaining.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0
    let isEnough =
      switch goal {
      case .first: true
      case .firstFailure: isLast || cell.map { $0.state != .finished } ?? true
      case .all: isLast
      }
    if isEnough, !hasEnded.exchange(true, ordering: .acquiringAndReleasing) { tell() }
  }
}
