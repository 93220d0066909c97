/// The groups of one range, merged over all parts, in order: what a task of the finish works on.
///
/// Not thread safe.
package final class GroupShard {
  private let groups: MergedGroups
  private let order: GroupOrder
  private let plan: GroupPlan

  init(_ groups: MergedGroups, _ order: GroupOrder) {
    self.groups = groups
    self.order = order
    plan = groups.plan
  }

  /// How many groups there are.
  package var count: Int { groups.count }

  /// What the texts of the key columns stand for.
  package var keyTypes: [ColumnType] { order.keyTypes }

  /// A key column: texts, byte for byte as in the input.
  package func key(_ column: Int) -> Column { KeyColumns(groups, order).column(column) }

  /// Puts the keys of the groups `rows`, at most a batch, into a text vector that points to bytes of the partials.
  package func fillKey(_ column: Int, _ rows: Range<Int>, into vector: Vector) {
    KeyColumns(groups, order).fill(column, rows, into: vector)
  }

  /// The column of aggregate `index` of the grouping.
  package func aggregate(_ index: Int) -> Column {
    AggregateColumns(plan, order, groups).column(of: plan.layout.spec.aggregates[index])
  }

  /// All columns.
  package func frame() -> GroupFrame {
    let spec = plan.layout.spec
    let columns = (0..<spec.keyCount).map(key) + spec.aggregates.indices.map(aggregate)
    return GroupFrame(
      frame: Frame(names: plan.options.names, columns: columns, rowCount: count), keyTypes: keyTypes)
  }
}
