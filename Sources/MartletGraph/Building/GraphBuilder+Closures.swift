extension GraphBuilder {
  // One overload for each of the common numbers of inputs: specialised and inlined at the call, a closure that captures
  // nothing becomes a bare function pointer, without any allocation. The general one with a parameter pack follows.

  /// A task without inputs.
  @inlinable
  public mutating func task<Result: Sendable>(
    _ label: String, traits: TaskTraits = .none, _ body: @escaping @Sendable () throws -> Result
  ) -> Node<Result> {
    node(append(label, traits, 0, 0, 0, 0) { _, _, slot in slot.pointee.fill(try body()) })
  }

  /// A task that works on the result of another one.
  @inlinable
  public mutating func task<A, Result: Sendable>(
    _ label: String, _ a: Node<A>, traits: TaskTraits = .none, _ body: @escaping @Sendable (A) throws -> Result
  ) -> Node<Result> {
    node(
      append(label, traits, 1, check(a.erased), 0, 0) { inputs, _, slot in
        slot.pointee.fill(try body(inputs.checked(0, A.self)))
      })
  }

  /// A task that works on the results of two others.
  @inlinable
  public mutating func task<A, B, Result: Sendable>(
    _ label: String, _ a: Node<A>, _ b: Node<B>, traits: TaskTraits = .none,
    _ body: @escaping @Sendable (A, B) throws -> Result
  ) -> Node<Result> {
    node(
      append(label, traits, 2, check(a.erased), check(b.erased), 0) { inputs, _, slot in
        slot.pointee.fill(try body(inputs.checked(0, A.self), inputs.checked(1, B.self)))
      })
  }

  /// A task that works on the results of three others.
  @inlinable
  public mutating func task<A, B, C, Result: Sendable>(
    _ label: String, _ a: Node<A>, _ b: Node<B>, _ c: Node<C>, traits: TaskTraits = .none,
    _ body: @escaping @Sendable (A, B, C) throws -> Result
  ) -> Node<Result> {
    node(
      append(label, traits, 3, check(a.erased), check(b.erased), check(c.erased)) { inputs, _, slot in
        slot.pointee.fill(
          try body(inputs.checked(0, A.self), inputs.checked(1, B.self), inputs.checked(2, C.self)))
      })
  }

  /// A task that works on the results of any number of others, each of its own type.
  public mutating func task<each Input, Result: Sendable>(
    _ label: String, _ nodes: repeat Node<each Input>, traits: TaskTraits = .none,
    _ body: @escaping @Sendable (repeat each Input) throws -> Result
  ) -> Node<Result> {
    repeat depend(on: check((each nodes).erased))
    let id = append(label, .closure, traits) { inputs, _, slot in
      var index = 0
      slot.pointee.fill(try body(repeat inputs.next(&index, (each Input).self)))
    }
    return node(id)
  }

  /// A task that works on the results of any number of others, all of one type.
  @inlinable
  public mutating func task<Input, Result: Sendable>(
    _ label: String, all nodes: [Node<Input>], traits: TaskTraits = .none,
    _ body: @escaping @Sendable ([Input]) throws -> Result
  ) -> Node<Result> {
    for node in nodes { depend(on: check(node.erased)) }
    let id = append(label, .closure, traits) { inputs, _, slot in
      slot.pointee.fill(try body(try inputs.values(as: Input.self)))
    }
    return node(id)
  }

  /// A task that sees its run, so that it can stop early and report bytes; its inputs are read from `TaskInputs`.
  @inlinable
  public mutating func task<Result: Sendable>(
    _ label: String, on nodes: [AnyNode], traits: TaskTraits = .none,
    _ body: @escaping @Sendable (borrowing TaskInputs, borrowing TaskContext) throws -> Result
  ) -> Node<Result> {
    for node in nodes { depend(on: check(node)) }
    let id = append(label, .closure, traits) { inputs, context, slot in
      slot.pointee.fill(try body(inputs, context))
    }
    return node(id)
  }
}
