package import MartletGraph

// Each function makes one node. They are not inlined: only the body of a task is worth a specialisation.

@usableFromInline
package func makeDelayed<Value>(
  _ label: String, _ place: CompactLocation, _ body: @escaping TaskBody
) -> Delayed<Value> {
  Delayed(
    node: DelayedNode.make(
      at: DelayedSiteReference(label, place, .closure, Annotations.extras), count: 0,
      isInSlot: Slot.isInline(Value.self), body: body
    ) { _ in })
}

@usableFromInline
package func makeDelayed<Value>(
  _ label: String, _ place: CompactLocation, _ a: consuming DelayedNode, _ body: @escaping TaskBody
) -> Delayed<Value> {
  Delayed(
    node: DelayedNode.make(
      at: DelayedSiteReference(label, place, .closure, Annotations.extras), count: 1,
      isInSlot: Slot.isInline(Value.self), body: body
    ) { $0.initialize(to: .passRetained(a)) })
}

@usableFromInline
package func makeDelayed<Value>(
  _ label: String, _ place: CompactLocation, _ a: consuming DelayedNode, _ b: consuming DelayedNode,
  _ body: @escaping TaskBody
) -> Delayed<Value> {
  Delayed(
    node: DelayedNode.make(
      at: DelayedSiteReference(label, place, .closure, Annotations.extras), count: 2,
      isInSlot: Slot.isInline(Value.self), body: body
    ) {
      $0.initialize(to: .passRetained(a))
      ($0 + 1).initialize(to: .passRetained(b))
    })
}

@usableFromInline
package func makeDelayed<Value>(
  _ label: String, _ place: CompactLocation, _ a: consuming DelayedNode, _ b: consuming DelayedNode,
  _ c: consuming DelayedNode,
  _ body: @escaping TaskBody
) -> Delayed<Value> {
  Delayed(
    node: DelayedNode.make(
      at: DelayedSiteReference(label, place, .closure, Annotations.extras), count: 3,
      isInSlot: Slot.isInline(Value.self), body: body
    ) {
      $0.initialize(to: .passRetained(a))
      ($0 + 1).initialize(to: .passRetained(b))
      ($0 + 2).initialize(to: .passRetained(c))
    })
}

@usableFromInline
package func makeDelayed<Value>(
  _ label: String, _ place: CompactLocation, on inputs: [DelayedNode], kind: TaskKind = .closure,
  _ body: @escaping TaskBody
) -> Delayed<Value> {
  Delayed(
    node: DelayedNode.make(
      at: DelayedSiteReference(label, place, kind, Annotations.extras), on: inputs,
      isInSlot: Slot.isInline(Value.self), body: body))
}

/// A body that gives the same value each time.
func constantBody<Value: Sendable>(_ value: Value) -> TaskBody {
  if MemoryLayout<Value>.size <= 8 { return { _, _, slot in slot.pointee.fill(value) } }
  // Boxed once: all runs share it.
  var slot = Slot()
  slot.fill(value)
  let kept = KeptSlot(slot)
  return { _, _, slot in slot.pointee.fill(from: kept.slot) }
}

/// Owns what a slot holds.
final class KeptSlot: Sendable {
  let slot: Slot

  /// Takes the slot over.
  init(_ slot: Slot) { self.slot = slot }

  deinit {
    var slot = slot
    slot.clear()
  }
}
