/// `x [NOT] IN (…)`: TRUE when an item equals x, else NULL when x or an item is NULL, else FALSE.
///
/// Constant items of whole numbers, doubles and texts are found by hashing, others one after the other.
final class MembershipNode: Node {
  private let operand: Node
  private let items: [(node: Node, comparison: Comparison)]
  private let set: ConstantSet?
  /// Whether an item is the constant NULL.
  private let hasNullItem: Bool
  private let negated: Bool
  private let scratch: Vector

  init(_ operand: Node, _ items: [Node], negated: Bool, scratch: Vector, register: Vector) {
    self.operand = operand
    self.negated = negated
    self.scratch = scratch
    let values = items.filter { $0.constant != .null && $0.type != .null }
    hasNullItem = values.count < items.count
    if values.allSatisfy({ $0.constant != nil }) {
      set = ConstantSet(values.compactMap(\.constant), type: operand.type)
      self.items = []
    } else {
      set = nil
      self.items = values.map { ($0, Comparison(.equal, operand, $0)) }
    }
    super.init(type: .bool, canFail: operand.canFail || items.contains { $0.canFail }, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    var vectors: [Vector] = []
    for item in items { vectors.append(item.comparison.readsRight ? try item.node.evaluate(context) : value) }
    let out = output(context)
    if let set {
      set.test(value, into: out)
      out.takeNulls(of: value)
    } else {
      out.ints.update(repeating: 0, count: context.count)
      scratch.type = .bool
      scratch.count = context.count
      for (index, item) in items.enumerated() {
        scratch.hasNulls = false
        item.comparison.apply(value, vectors[index], into: scratch)
        Logic.or(out, scratch, into: out)
      }
      if items.isEmpty { out.takeNulls(of: value) }
    }
    if hasNullItem {
      // What equals no item is unknown.
      if !out.hasNulls { out.markAllValid() }
      for row in 0..<context.count where out.ints[row] == 0 { out.valid[row] = 0 }
    }
    if negated { Logic.not(out, into: out) }
    return out
  }
}
