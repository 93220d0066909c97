/// Groups records by the text of their keys and aggregates each group.
final class GroupSink: Sink {
  private let keys: [SlotText]
  private let arguments: [BoundExpression]
  private let accumulator: GroupAccumulator
  private var keyVectors: [Vector] = []
  private var argumentVectors: [Vector] = []

  init(
    keys: [Int], calls: [AggregateCall], fileColumns: Int, schema: [SchemaColumn]
  ) throws(TableError) {
    self.keys = try SlotText.all(keys, fileColumns: fileColumns, schema: schema)
    let (spec, arguments) = try GroupSpec.binding(calls, keyCount: keys.count, schema: schema)
    self.arguments = arguments
    accumulator = try GroupAccumulator(spec)
  }

  func consume(_ batch: borrowing ScanBatch, arena: TextArena) throws -> Bool {
    if batch.count == 0 { return false }
    keyVectors.removeAll(keepingCapacity: true)
    for key in keys { keyVectors.append(try key.cells(batch, arena: arena)) }
    argumentVectors.removeAll(keepingCapacity: true)
    for argument in arguments {
      argumentVectors.append(try argument.evaluate(batch.values, count: batch.count, arena: arena))
    }
    try accumulator.consume(keys: keyVectors, arguments: argumentVectors, count: batch.count)
    return false
  }

  var castFailures: Int { arguments.reduce(0) { $0 + $1.castFailures } }

  func finish() -> SinkPartial? { .group(accumulator.finish()) }
}

extension GroupSpec {
  /// The grouping that computes `calls`, and the expressions of its arguments: each distinct one is computed once.
  static func binding(
    _ calls: [AggregateCall], keyCount: Int, schema: [SchemaColumn]
  ) throws(TableError) -> (spec: GroupSpec, arguments: [BoundExpression]) {
    var spec = GroupSpec(keyCount: keyCount)
    var arguments: [BoundExpression] = []
    var numbers: [TypedArgument: Int] = [:]
    for call in calls {
      var indices: [Int] = []
      for (argument, bound) in zip(call.arguments, try call.bindArguments(schema: schema)) {
        let typed = TypedArgument(expression: argument, type: bound.type)
        if let index = numbers[typed] {
          indices.append(index)
          continue
        }
        numbers[typed] = arguments.count
        indices.append(arguments.count)
        arguments.append(bound)
        spec.argumentTypes.append(bound.type)
      }
      spec.aggregates.append(AggregateSpec(AggregateKind(call.function), indices, parameter: call.parameter))
    }
    return (spec, arguments)
  }
}

/// An argument in one of the types that aggregates want it in: the sum of a bool counts, `any` of it does not.
private struct TypedArgument: Hashable {
  let expression: Expression
  let type: ColumnType
}

extension AggregateKind {
  /// The kernel of an aggregate function.
  init(_ function: AggregateFunction) {
    self =
      switch function {
      case .countAll: .countAll
      case .count: .count
      case .sum: .sum
      case .mean: .mean
      case .min: .min
      case .max: .max
      case .median: .median
      case .quantile: .quantile
      case .variance: .variance
      case .standardDeviation: .standardDeviation
      case .first: .first
      case .last: .last
      case .countDistinct: .countDistinct
      case .mode: .mode
      case .correlation: .correlation
      case .any: .any
      case .all: .all
      case .top: .top
      }
  }
}
