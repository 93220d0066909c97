/// What is computed of a group's values.
package enum AggregateKind: UInt8, Hashable, Sendable, CaseIterable {
  /// The records, nulls too.
  case countAll
  /// The values: records that are not null.
  case count
  /// Of ints exact in 128 bits, of doubles compensated; null without values.
  case sum
  /// The arithmetic mean, a double.
  case mean
  /// The least value in the order of its type; of doubles NaN is the greatest.
  case min
  case max
  /// The 0.5 quantile.
  case median
  /// The quantile `parameter` in 0...1, interpolated linearly between neighbours.
  case quantile
  /// The sample's variance (n - 1); null for fewer than two values.
  case variance
  /// The root of `variance`.
  case standardDeviation
  /// The first value in file order.
  case first
  /// The last value in file order.
  case last
  /// How many different values there are.
  case countDistinct
  /// The most frequent value; of equally frequent ones the least.
  case mode
  /// Pearson's correlation of two columns, over the records where both have a value.
  case correlation
  /// Whether some value is true.
  case any
  /// Whether every value is true.
  case all
  /// The `parameter` largest values as text, `[99.9, 98.1]`; a zero is written without a sign.
  case top
}

/// One aggregate of a grouping: data only.
package struct AggregateSpec: Hashable, Sendable {
  package var kind: AggregateKind
  /// Which argument vectors it reads: indices into `GroupSpec.argumentTypes`. None for `countAll`, two for
  /// `correlation`, one otherwise.
  package var arguments: [Int]
  /// The p of `quantile`, the n of `top`; otherwise nil.
  package var parameter: Double?

  package init(_ kind: AggregateKind, _ arguments: [Int] = [], parameter: Double? = nil) {
    self.kind = kind
    self.arguments = arguments
    self.parameter = parameter
  }
}

/// A grouping: data only.
///
/// Aggregates of the same argument name the same index, and so share their accumulators: `sum(x)`, `mean(x)` and
/// `count(x)` together add `x` up once.
package struct GroupSpec: Hashable, Sendable {
  /// How many key columns there are; without any, all records are one group, which also exists when there are none.
  package var keyCount: Int
  /// The types of the distinct argument vectors.
  package var argumentTypes: [ColumnType]
  package var aggregates: [AggregateSpec]

  package init(keyCount: Int, argumentTypes: [ColumnType] = [], aggregates: [AggregateSpec] = []) {
    self.keyCount = keyCount
    self.argumentTypes = argumentTypes
    self.aggregates = aggregates
  }

  /// The type of an aggregate's result.
  package func resultType(of aggregate: AggregateSpec) -> ColumnType {
    let argument = aggregate.arguments.first.map { argumentTypes[$0] } ?? .null
    switch aggregate.kind {
    case .countAll, .count, .countDistinct: return .int
    case .sum: return argument == .bool ? .int : argument
    case .mean, .median, .quantile, .variance, .standardDeviation, .correlation:
      return .double
    case .min, .max, .first, .last, .mode: return argument
    case .any, .all: return .bool
    case .top: return .text
    }
  }

  /// Throws `TableError` (`.invalidQuery`) for an aggregate that its arguments' types or its parameter do not allow.
  package func validate() throws(TableError) {
    for aggregate in aggregates {
      let wanted = aggregate.kind == .countAll ? 0 : aggregate.kind == .correlation ? 2 : 1
      guard aggregate.arguments.count == wanted, aggregate.arguments.allSatisfy(argumentTypes.indices.contains) else {
        throw TableError(
          .invalidQuery, "\(aggregate.kind) takes \(wanted) arguments, not \(aggregate.arguments.count)",
          remedy: "correct the arguments of \(aggregate.kind)")
      }
      for argument in aggregate.arguments {
        let type = argumentTypes[argument]
        let fits =
          switch aggregate.kind {
          case .sum, .mean, .median, .quantile, .variance, .standardDeviation, .correlation:
            type == .int || type == .double || type == .bool || type == .null
          case .any, .all: type == .bool || type == .null
          default: true
          }
        guard fits else {
          throw TableError(
            .invalidQuery, "\(aggregate.kind) of a column of type \(type.name) has no meaning",
            remedy: "convert the column with CAST, or choose another aggregate")
        }
      }
      switch aggregate.kind {
      case .quantile:
        guard let p = aggregate.parameter, p >= 0, p <= 1 else {
          throw TableError(
            .invalidQuery, "quantile wants a share from 0 to 1", remedy: "write quantile(x, 0.9), for instance")
        }
      case .top:
        guard let n = aggregate.parameter, n >= 1, n <= 1_000_000_000, n == n.rounded() else {
          throw TableError(
            .invalidQuery, "top wants a whole number from 1", remedy: "write top(x, 3), for instance")
        }
      default: break
      }
    }
  }
}

/// Sizes that tests shrink to meet every edge; the defaults were measured on 10 million rows.
package struct GroupTuning: Sendable {
  /// Slots of an empty hash table as a power of two.
  package var slotBits = 6
  /// The first table of a `DecimalIndex` as a power of two.
  package var decimalBits = 12
  /// After so many cells it is decided again whether such a table is worth it.
  package var decimalWindow = 1 << 16
  /// The largest table, as a power of two, that maps the ids of several keys to a group directly.
  package var directBits = 20
  /// And-ed to every hash: a weak hash makes every probe collide.
  package var hashMask: UInt32 = .max
  /// How many groups of several keys it takes to decide that looking them up is not worth it.
  package var repeatedGroups = 1 << 17
  /// With how many groups of one key column it is asked whether they need ranks.
  package var directKeys = 1 << 12
  /// Counted values are compacted once this many wait.
  package var pendingValues = 1 << 18
  /// The largest n of `top` that is kept in the group's row; a larger one sorts all values at the end.
  package var topInline = 16

  package init() {}
}
