extension GraphBuilder {
  /// A task that waits for something without holding a thread: its body is an async function of the results of `nodes`.
  /// It runs in a Swift task, which is cancelled with the run.
  public mutating func asyncTask<each Input: Sendable, Result: Sendable>(
    _ label: String, _ nodes: repeat Node<each Input>, traits: TaskTraits = .none,
    _ body: @escaping @Sendable (repeat each Input) async throws -> Result
  ) -> Node<Result> {
    repeat depend(on: check((each nodes).erased))
    let id = append(label, .asynchronous, traits) { inputs, context, _ in
      var index = 0
      let values = (repeat inputs.next(&index, (each Input).self))
      throw context.suspended { try await body(repeat each values) }
    }
    return node(id)
  }

  /// The same on any number of results of one type.
  public mutating func asyncTask<Input: Sendable, Result: Sendable>(
    _ label: String, all nodes: [Node<Input>], traits: TaskTraits = .none,
    _ body: @escaping @Sendable ([Input]) async throws -> Result
  ) -> Node<Result> {
    for node in nodes { depend(on: check(node.erased)) }
    let id = append(label, .asynchronous, traits) { inputs, context, _ in
      let values = try inputs.values(as: Input.self)
      throw context.suspended { try await body(values) }
    }
    return node(id)
  }
}
