import MartletGraph

/// A computation that stands for its result until somebody asks for it.
///
/// Delayed computations are made of others by `delayed`, `map`, operators and their like; nothing runs until `compute()`
/// or `run()`. What several results share runs once. A value: it may be kept, sent and used any number of times.
///
/// ```swift
/// let left = delayed("left") { 20 }
/// let right = delayed("right") { 22 }
/// let sum = left + right
/// print(try sum.run())  // 42
/// ```
///
/// Some 50 ns and 64 bytes each, up to three inputs 80; closures that capture something take what they capture besides.
@dynamicMemberLookup
public struct Delayed<Value: Sendable>: @unchecked Sendable {
  // Sendable: see `DelayedNode`.

  @usableFromInline package let node: DelayedNode

  @usableFromInline package init(node: DelayedNode) { self.node = node }

  /// A constant.
  public init(_ value: Value, fileID: StaticString = #fileID, line: UInt = #line) {
    self.init(constant: value, label: "constant", CompactLocation(fileID, line))
  }

  package init(constant value: Value, label: String, _ place: CompactLocation) {
    node = DelayedNode.make(
      at: DelayedSiteReference(label, place, .literal, nil), count: 0, isInSlot: Slot.isInline(Value.self),
      body: constantBody(value)
    ) { _ in }
  }

  /// The same computation with the type of its result forgotten.
  public var erased: AnyDelayed { AnyDelayed(node: node) }

  /// The label that people see.
  public var label: String { node.site.label }
}

/// A delayed computation of which one does not know the type of the result.
public struct AnyDelayed: @unchecked Sendable {
  // Sendable: see `DelayedNode`.

  package let node: DelayedNode

  package init(node: DelayedNode) { self.node = node }

  /// The label that people see.
  public var label: String { node.site.label }
}

extension Delayed: CustomStringConvertible {
  /// `Delayed<Int> sum`: the result is not known.
  public var description: String { "Delayed<\(Value.self)> \(label)" }
}
