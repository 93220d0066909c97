public import MartletBytes

extension GraphBuilder {
  /// A constant that is known by its content: equal values of one type are one task.
  public mutating func literal<Value: PortableValue>(_ value: Value, label: String = "literal") -> Node<Value> {
    var hasher = GraphBuilder.hasher(ofLiteral: Value.portableTypeName, value.portableBytes())
    hashSignals(into: &hasher)
    return node(
      append(label, .literal, .none, digest: hasher.digest(), content: .literal(value)) { GraphBuilder.body(of: value) }
    )
  }

  /// The beginning of the key of a constant, before what it waits for.
  package static func hasher(ofLiteral type: String, _ bytes: [UInt8]) -> StableHasher {
    var hasher = StableHasher()
    hasher.combine("martlet.literal")
    hasher.combine(type)
    hasher.combine(bytes)
    return hasher
  }

  /// A constant.
  public mutating func literal<Value: Sendable>(_ value: Value, label: String = "literal") -> Node<Value> {
    let id = append(label, .literal, .none, GraphBuilder.body(of: value))
    contents.append((id.rawValue, .literal(value)))
    return node(id)
  }

  /// A call of `function` with the results of `inputs`. A call that is there already, with equal arguments and the same
  /// inputs, is not added again.
  ///
  /// - Parameters:
  ///   - label: For people; the function's name when nil.
  ///   - traits: What executors may want to know.
  public mutating func call<Function: TaskFunction>(
    _ function: Function, on inputs: [AnyNode] = [], label: String? = nil, traits: TaskTraits = .none
  ) -> Node<Function.Result> {
    var hasher = GraphBuilder.hasher(of: function)
    hasher.combine(inputs.count)
    for input in inputs {
      let task = check(input)
      hasher.combine(columns.digests[Int(task)])
      depend(on: task)
    }
    hashSignals(into: &hasher)
    let id = append(label ?? Function.name, .call, traits, digest: hasher.digest(), content: .call(function)) {
      { inputs, context, slot in slot.pointee.fill(try function.run(inputs, context)) }
    }
    return node(id)
  }

  /// The beginning of the key of a call, before its inputs.
  static func hasher<Function: TaskFunction>(of function: Function) -> StableHasher {
    var hasher = StableHasher()
    hasher.combine("martlet.call")
    hasher.combine(Function.name)
    hasher.combine(Function.version)
    function.hash(into: &hasher)
    return hasher
  }

  /// A call of `function` with the results of `inputs`, all of one type.
  public mutating func call<Function: TaskFunction, Value>(
    _ function: Function, on inputs: [Node<Value>], label: String? = nil, traits: TaskTraits = .none
  ) -> Node<Function.Result> {
    call(function, on: inputs.map { $0.erased }, label: label, traits: traits)
  }

  /// The results of `nodes` as an array, in their order.
  @inlinable
  public mutating func gather<Value>(_ nodes: [Node<Value>], label: String = "gather") -> Node<[Value]> {
    for node in nodes { depend(on: check(node.erased)) }
    let id = append(label, .gather, .none) { inputs, _, slot in
      slot.pointee.fill(try inputs.values(as: Value.self))
    }
    return node(id)
  }

  /// Another name for a task; its result is shared, not copied.
  public mutating func alias<Value>(_ original: Node<Value>, label: String) -> Node<Value> {
    depend(on: check(original.erased))
    let id = append(label, .alias, .none) { inputs, _, slot in
      slot.pointee.fill(from: inputs.slots[Int(inputs.ids[0])])
    }
    return node(id)
  }

  @inlinable
  func node<Value>(_ id: TaskID) -> Node<Value> { Node(id: id, stamp: stamp) }

  private static func body<Value: Sendable>(of value: Value) -> TaskBody {
    if Slot.isInline(Value.self) {
      // Made once as well: a run copies two words, without asking the type again.
      var filled = Slot()
      filled.fill(value)
      let constant = filled
      return { _, _, slot in slot.pointee = constant }
    }
    let box = Box(value)  // made once, shared by all runs
    return { _, _, slot in slot.pointee.fill(box: box) }
  }
}
