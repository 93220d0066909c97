import MartletBytes
import MartletProtocol

/// Waits of a task for itself: equal work is one task, so what a body submits may be the task that it is, or need it. It would
/// wait for ever.
struct SelfWait {
  /// The key of the task whose body runs here; nil where none does.
  static var ownKey: Digest128? { BodySeat.current?.run?.task?.digest ?? InsideCluster.ownKey }

  /// That of the body which makes a graph.
  private let own: Digest128?
  /// The tasks of the graph that need it, themselves or by others.
  private var needing: Set<Digest128> = []

  /// For a graph that is made here.
  init() { own = SelfWait.ownKey }

  /// Looks at a piece of the graph; the pieces come in their order. Nothing outside of bodies.
  mutating func note(_ piece: Submission) {
    guard let own else { return }
    for (place, task) in piece.tasks.enumerated() {
      let needsOwn = task.dependencies.contains { dependency in
        let input =
          switch dependency {
          case .back(let distance): piece.tasks[place - Int(distance)].digest
          case .known(let digest): digest
          }
        return input == own || needing.contains(input)
      }
      if needsOwn { needing.insert(task.digest) }
    }
  }

  /// The body's own task, where the task with this key is it or needs it.
  func blocked(_ key: Digest128) -> Digest128? { own.flatMap { key == $0 || needing.contains(key) ? $0 : nil } }

  /// Throws when the body that runs here could wait for ever for one of these.
  static func check(_ cells: [ResultCell]) throws(ClusterError) {
    guard let own = ownKey else { return }
    for cell in cells where cell.digest == own || cell.blocker == own { throw error(own) }
  }

  /// The same for the results of a graph.
  func check(_ keys: [Digest128]) throws(ClusterError) {
    for key in keys { if let own = blocked(key) { throw SelfWait.error(own) } }
  }

  private static func error(_ own: Digest128) -> ClusterError {
    ClusterError(
      .waitsForItself,
      "the task \(own) waits for a result that cannot be there before it has ended itself: equal work is one task, and "
        + "what it has submitted is this task, or needs it",
      "Give what it submits other arguments, or compute it in the body")
  }
}
