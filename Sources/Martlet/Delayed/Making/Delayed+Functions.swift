public import MartletGraph

/// A call of a registered function with the results of `inputs`. Equal calls, of equal functions on the same inputs, are one
/// task, and have the same key on every machine.
public func delayed<Function: TaskFunction>(
  _ function: Function, on inputs: [AnyDelayed], fileID: StaticString = #fileID, line: UInt = #line
) -> Delayed<Function.Result> {
  let extras = DelayedExtras(
    traits: Annotations.traits ?? .none,
    lower: { builder, nodes, label, traits in
      builder.call(function, on: nodes, label: label, traits: traits).erased
    })
  return Delayed(
    node: DelayedNode.make(
      at: DelayedSiteReference(Function.name, CompactLocation(fileID, line), .call, extras),
      on: inputs.map { $0.node }, isInSlot: Slot.isInline(Function.Result.self)
    ) { inputs, context, slot in slot.pointee.fill(try function.run(inputs, context)) })
}

/// The same with inputs of different types.
public func delayed<Function: TaskFunction, each Input>(
  _ function: Function, _ inputs: repeat Delayed<each Input>, fileID: StaticString = #fileID, line: UInt = #line
) -> Delayed<Function.Result> {
  delayed(function, on: nodes(of: repeat each inputs).map(AnyDelayed.init(node:)), fileID: fileID, line: line)
}
