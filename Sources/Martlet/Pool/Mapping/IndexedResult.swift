/// A result of a `stream`, and which element it belongs to.
public struct IndexedResult<Value: Sendable>: Sendable {
  /// The position of the element, from 0.
  public let index: Int
  /// What the body gave for it.
  public let value: Value
}

extension IndexedResult: Equatable where Value: Equatable {}

/// In which order the results of a `stream` come.
public enum ResultOrder: Sendable, Hashable {
  /// Each as soon as it is there.
  case asCompleted
  /// As the elements; one that takes long holds those after it up.
  case ofElements
}
