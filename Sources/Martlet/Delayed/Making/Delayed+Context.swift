public import MartletGraph

// Bodies that see their run: they ask now and then whether their result is still wanted, and report the bytes that they read
// and write.

/// A computation without inputs that sees its run.
@inlinable
public func delayed<Value: Sendable>(
  _ label: String = "task", fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable (borrowing TaskContext) throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line)) { _, context, slot in slot.pointee.fill(try body(context)) }
}

/// A computation on the result of another one that sees its run.
@inlinable
public func delayed<A, Value: Sendable>(
  _ label: String = "task", _ a: consuming Delayed<A>, fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable (A, borrowing TaskContext) throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line), a.node) { inputs, context, slot in
    slot.pointee.fill(try body(inputs.checked(0, A.self), context))
  }
}

/// A computation on the results of others of one type that sees its run.
@inlinable
public func delayed<Input, Value: Sendable>(
  _ label: String = "task", all inputs: [Delayed<Input>], fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable ([Input], borrowing TaskContext) throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line), on: inputs.map { $0.node }) { inputs, context, slot in
    slot.pointee.fill(try body(try inputs.values(as: Input.self), context))
  }
}
