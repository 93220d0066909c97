package import MartletBytes
package import MartletGraph

/// What few delayed computations have.
@usableFromInline
package final class DelayedExtras: @unchecked Sendable {
  // Sendable: constant until it is given up; see `DelayedNode`.

  /// Adds a task to a graph; its traits and its label may have been changed since it was made.
  package typealias Lower = @Sendable (inout GraphBuilder, _ inputs: [AnyNode], _ label: String, TaskTraits) -> AnyNode

  package let traits: TaskTraits
  /// What must have ended before, without giving a result.
  package private(set) var predecessors: [DelayedNode]
  /// Equal keys are one task.
  package let key: Digest128?
  /// Writes the task down itself: calls of functions and constants that are known by content.
  package let lower: Lower?
  /// Gives the body of a task without inputs when the result is known already.
  package let shortcut: (@Sendable () -> TaskBody?)?

  package init(
    traits: TaskTraits = .none, predecessors: [DelayedNode] = [], key: Digest128? = nil,
    lower: Lower? = nil, shortcut: (@Sendable () -> TaskBody?)? = nil
  ) {
    self.traits = traits
    self.predecessors = predecessors
    self.key = key
    self.lower = lower
    self.shortcut = shortcut
  }

  /// The same with other traits or predecessors.
  func with(traits: TaskTraits? = nil, predecessors: [DelayedNode]? = nil) -> DelayedExtras {
    DelayedExtras(
      traits: traits ?? self.traits, predecessors: predecessors ?? self.predecessors, key: key, lower: lower,
      shortcut: shortcut)
  }

  /// Gives the predecessors up to a caller who knows that nobody else refers to this, and who owns them then.
  func takePredecessors() -> [Unmanaged<DelayedNode>] {
    let taken = predecessors.map { Unmanaged.passRetained($0) }
    predecessors = []
    return taken
  }
}
