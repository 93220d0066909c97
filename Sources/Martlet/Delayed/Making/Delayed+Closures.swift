public import MartletGraph

// One overload for each of the common numbers of inputs: specialised and inlined at the call, a closure that captures
// nothing takes no memory. The general one with a parameter pack follows. They consume their inputs, as a node keeps a reference to
// each: what was read from an array, or is not needed any more, is counted once and not twice, at 5 ns each.

/// A computation without inputs. Nothing runs until its result, or one that is made of it, is asked for.
@inlinable
public func delayed<Value: Sendable>(
  _ label: String = "task", fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable () throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line)) { _, _, slot in slot.pointee.fill(try body()) }
}

/// A computation on the result of another one.
@inlinable
public func delayed<A, Value: Sendable>(
  _ label: String = "task", _ a: consuming Delayed<A>, fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable (A) throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line), a.node) { inputs, _, slot in
    slot.pointee.fill(try body(inputs.checked(0, A.self)))
  }
}

/// A computation on the results of two others.
@inlinable
public func delayed<A, B, Value: Sendable>(
  _ label: String = "task", _ a: consuming Delayed<A>, _ b: consuming Delayed<B>, fileID: StaticString = #fileID,
  line: UInt = #line,
  _ body: @escaping @Sendable (A, B) throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line), a.node, b.node) { inputs, _, slot in
    slot.pointee.fill(try body(inputs.checked(0, A.self), inputs.checked(1, B.self)))
  }
}

/// A computation on the results of three others.
@inlinable
public func delayed<A, B, C, Value: Sendable>(
  _ label: String = "task", _ a: consuming Delayed<A>, _ b: consuming Delayed<B>, _ c: consuming Delayed<C>,
  fileID: StaticString = #fileID,
  line: UInt = #line, _ body: @escaping @Sendable (A, B, C) throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line), a.node, b.node, c.node) { inputs, _, slot in
    slot.pointee.fill(try body(inputs.checked(0, A.self), inputs.checked(1, B.self), inputs.checked(2, C.self)))
  }
}

/// A computation on the results of any number of others, each of its own type.
public func delayed<each Input, Value: Sendable>(
  _ label: String = "task", _ inputs: repeat Delayed<each Input>, fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable (repeat each Input) throws -> Value
) -> Delayed<Value> {
  let nodes = nodes(of: repeat each inputs)
  return makeDelayed(label, CompactLocation(fileID, line), on: nodes) { inputs, _, slot in
    var index = 0
    slot.pointee.fill(try body(repeat inputs.next(&index, (each Input).self)))
  }
}

/// A computation on the results of any number of others, all of one type, in their order.
@inlinable
public func delayed<Input, Value: Sendable>(
  _ label: String = "task", all inputs: [Delayed<Input>], fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable ([Input]) throws -> Value
) -> Delayed<Value> {
  makeDelayed(label, CompactLocation(fileID, line), on: inputs.map { $0.node }) { inputs, _, slot in
    slot.pointee.fill(try body(try inputs.values(as: Input.self)))
  }
}

/// The nodes of delayed computations of different types.
func nodes<each Input>(of inputs: repeat Delayed<each Input>) -> [DelayedNode] {
  var nodes: [DelayedNode] = []
  repeat nodes.append((each inputs).node)
  return nodes
}
