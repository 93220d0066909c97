import MartletGraph

/// A computation that waits for something without holding a thread: its body is asynchronous. It runs in a Swift task of
/// its own, which is cancelled with the run.
public func delayed<each Input: Sendable, Value: Sendable>(
  _ label: String = "task", _ inputs: repeat Delayed<each Input>, fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable (repeat each Input) async throws -> Value
) -> Delayed<Value> {
  let nodes = nodes(of: repeat each inputs)
  return makeDelayed(label, CompactLocation(fileID, line), on: nodes, kind: .asynchronous) { inputs, context, _ in
    var index = 0
    let values = (repeat inputs.next(&index, (each Input).self))
    throw context.suspended { try await body(repeat each values) }
  }
}

/// The same on any number of results of one type.
public func delayed<Input: Sendable, Value: Sendable>(
  _ label: String = "task", all inputs: [Delayed<Input>], fileID: StaticString = #fileID, line: UInt = #line,
  _ body: @escaping @Sendable ([Input]) async throws -> Value
) -> Delayed<Value> {
  let nodes = inputs.map { $0.node }
  return makeDelayed(label, CompactLocation(fileID, line), on: nodes, kind: .asynchronous) { inputs, context, _ in
    let values = try inputs.values(as: Input.self)
    throw context.suspended { try await body(values) }
  }
}
