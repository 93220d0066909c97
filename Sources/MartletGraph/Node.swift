/// The number of a task in its graph. The inputs of a task always have lower numbers.
public struct TaskID: Hashable, Sendable, Comparable, BitwiseCopyable, CustomStringConvertible {
  /// The number, counted from 0.
  public let rawValue: UInt32

  /// The task with this number.
  @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// The number as an index.
  @inlinable package var index: Int { Int(rawValue) }

  /// Orders by number.
  @inlinable public static func < (left: TaskID, right: TaskID) -> Bool { left.rawValue < right.rawValue }

  /// `#` and the number.
  public var description: String { "#\(rawValue)" }
}

/// A task whose result is a `Value`: given by the builder, and good as an input of later tasks of the same graph only.
public struct Node<Value: Sendable>: Sendable, Hashable {
  /// The task.
  public let id: TaskID
  /// Which graph the task belongs to.
  @usableFromInline package let stamp: UInt32

  @inlinable package init(id: TaskID, stamp: UInt32) {
    self.id = id
    self.stamp = stamp
  }

  /// The same task with the type of its result forgotten.
  @inlinable public var erased: AnyNode { AnyNode(id: id, stamp: stamp) }
}

/// A task of which one does not know the type of the result.
public struct AnyNode: Sendable, Hashable {
  /// The task.
  public let id: TaskID
  @usableFromInline package let stamp: UInt32

  @inlinable package init(id: TaskID, stamp: UInt32) {
    self.id = id
    self.stamp = stamp
  }

  /// The same task as one whose result is a `Value`. That it is, is checked when the result is read: another type stops the
  /// program where a task has it as an input or an output, so it is for those who know the task.
  @inlinable public func typed<Value: Sendable>(as type: Value.Type = Value.self) -> Node<Value> {
    Node(id: id, stamp: stamp)
  }
}
