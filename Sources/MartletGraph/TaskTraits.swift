/// What an executor may want to know about a task besides its work. Tasks without traits take no memory for them.
public struct TaskTraits: Sendable, Hashable {
  /// The task brings data into memory (it reads a file); a memory budget holds such tasks back.
  public var isSource: Bool
  /// The task waits for something other than the processor. Executors of this version treat it as any other task.
  public var isBlocking: Bool
  /// Higher runs earlier where there is a choice. Executors of this version go by their order alone.
  public var priority: Int16
  /// What the result will take in memory, as far as one knows before; 0 when one does not.
  public var estimatedResultBytes: Int

  /// Traits of a task.
  public init(
    isSource: Bool = false, estimatedResultBytes: Int = 0, isBlocking: Bool = false, priority: Int16 = 0
  ) {
    self.isSource = isSource
    self.isBlocking = isBlocking
    self.priority = priority
    self.estimatedResultBytes = estimatedResultBytes
  }

  /// No traits.
  public static let none = TaskTraits()
}

/// How the work of a task is given.
@usableFromInline
package enum TaskKind: UInt8, Sendable {
  case literal
  case call
  case closure
  case gather
  case alias
}
