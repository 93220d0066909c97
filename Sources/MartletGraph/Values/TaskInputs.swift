public import Synchronization

/// The results that a task works on, in the order in which its inputs were named. Valid while the task runs; it cannot
/// be copied or kept.
public struct TaskInputs: ~Copyable {
  @usableFromInline let slots: UnsafeMutablePointer<Slot>
  @usableFromInline let ids: UnsafePointer<UInt32>
  @usableFromInline let uses: UnsafeMutablePointer<Atomic<Int32>>?
  /// The number of inputs.
  public let count: Int

  /// - Parameters:
  ///   - slots: Results by number of task.
  ///   - ids: The numbers of the inputs.
  ///   - uses: How many tasks still want each result, so that the last can take it; nil when nobody may.
  @inlinable package init(
    slots: UnsafeMutablePointer<Slot>, ids: UnsafePointer<UInt32>, count: Int,
    uses: UnsafeMutablePointer<Atomic<Int32>>?
  ) {
    self.slots = slots
    self.ids = ids
    self.count = count
    self.uses = uses
  }

  /// The first inputs only.
  borrowing func prefix(_ count: Int) -> TaskInputs {
    TaskInputs(slots: slots, ids: ids, count: min(count, self.count), uses: uses)
  }

  /// The input at `index`.
  ///
  /// - Throws: `TaskInputError` when there is no such input or it is of another type.
  @inlinable public borrowing func value<Value: Sendable>(
    _ index: Int, as type: Value.Type = Value.self
  ) throws -> Value {
    guard index >= 0, index < count, let value = slots[Int(ids[index])].value(as: type) else {
      throw mismatch(index, Value.self)
    }
    return value
  }

  /// The input at `index`, and where this task is the last to use it, the only reference to it: what is changed in
  /// place is then not copied first. The input cannot be read again.
  ///
  /// - Throws: `TaskInputError` when there is no such input or it is of another type.
  @inlinable public borrowing func take<Value: Sendable>(
    _ index: Int, as type: Value.Type = Value.self
  ) throws -> Value {
    let value = try value(index, as: type)
    // Acquires what the other users of the result did before they counted themselves off; the executor does the same.
    // The pointer is copied because the thread sanitizer reports a race on the first slot otherwise: Swift 6.3.1 takes a write
    // through a property of a noncopyable struct for one to where the pointer points.
    let slots = slots
    if let uses, uses[Int(ids[index])].load(ordering: .acquiring) == 1 { slots[Int(ids[index])].clear() }
    return value
  }

  /// All inputs.
  ///
  /// - Throws: `TaskInputError` when one of them is of another type.
  @inlinable public borrowing func values<Value: Sendable>(as type: Value.Type = Value.self) throws -> [Value] {
    var values: [Value] = []
    values.reserveCapacity(count)
    for index in 0..<count { values.append(try value(index, as: type)) }
    return values
  }

  /// Puts the input at `index`, of whatever type, into an empty slot as well.
  package borrowing func share(_ index: Int, into slot: UnsafeMutablePointer<Slot>) throws {
    guard index >= 0, index < count, !slots[Int(ids[index])].isEmpty else {
      throw TaskInputError(index: index, expected: "value", found: nil)
    }
    slot.pointee.fill(from: slots[Int(ids[index])])
  }

  /// The input at `index` where the builder has already seen to its type.
  @inlinable package borrowing func checked<Value: Sendable>(_ index: Int, _ type: Value.Type) -> Value {
    if let value = slots[Int(ids[index])].value(as: type) { return value }
    invariantFailure("\(mismatch(index, type))")
  }

  /// The same, and moves on to the next input.
  @inlinable package borrowing func next<Value: Sendable>(_ index: inout Int, _ type: Value.Type) -> Value {
    index &+= 1
    return checked(index &- 1, type)
  }

  @usableFromInline borrowing func mismatch(_ index: Int, _ type: any Any.Type) -> TaskInputError {
    let found = index >= 0 && index < count ? slots[Int(ids[index])].typeName : nil
    return TaskInputError(index: index, expected: "\(type)", found: found)
  }
}

/// A task asked for an input that it does not have, or for another type than the input is.
public struct TaskInputError: Error, Sendable, Equatable, CustomStringConvertible {
  /// Which input, counted from 0.
  public let index: Int
  /// The type that was asked for.
  public let expected: String
  /// The type that is there; nil when there is no such input.
  public let found: String?

  @usableFromInline init(index: Int, expected: String, found: String?) {
    self.index = index
    self.expected = expected
    self.found = found
  }

  /// What was asked for and what is there.
  public var description: String {
    guard let found else { return "input \(index) does not exist (a \(expected) was asked for)" }
    return "input \(index) is \(found), not \(expected)"
  }
}
