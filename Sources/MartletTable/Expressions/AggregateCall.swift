/// The functions of a whole group's values.
package enum AggregateFunction: String, Sendable, Hashable, CaseIterable {
  /// `count(*)`: the records, nulls too.
  case countAll
  case count, sum, mean, min, max, median
  /// `quantile(x, p)`, interpolated linearly.
  case quantile
  /// The sample's variance (n - 1).
  case variance = "var"
  /// The sample's standard deviation (n - 1).
  case standardDeviation = "std"
  case first, last
  /// `count(DISTINCT x)`
  case countDistinct = "nunique"
  /// The most frequent value.
  case mode
  /// Pearson's correlation of two columns.
  case correlation = "corr"
  case any, all
  /// The n largest values as text, `[99.9, 98.1]`.
  case top

  /// The function of that name, in any case; `count` stands for `count(x)`.
  package init?(name: String) {
    let lowered = name.lowercased()
    switch lowered {
    case "countall": return nil
    case "avg", "average": self = .mean
    case "variance", "var_samp": self = .variance
    case "stddev", "stddev_samp", "stdev": self = .standardDeviation
    case "count_distinct", "n_unique": self = .countDistinct
    case "bool_or": self = .any
    case "bool_and": self = .all
    case "percentile", "quantile_cont": self = .quantile
    default:
      guard let function = AggregateFunction(rawValue: lowered) else { return nil }
      self = function
    }
  }

  /// How it is called, for messages and help.
  package var usage: String {
    switch self {
    case .countAll: "count(*)"
    case .quantile: "quantile(number, p)"
    case .correlation: "corr(number, number)"
    case .top: "top(value, n)"
    case .any, .all: "\(rawValue)(condition)"
    case .sum, .mean, .median, .variance, .standardDeviation: "\(rawValue)(number)"
    case .count, .min, .max, .first, .last, .countDistinct, .mode: "\(rawValue)(value)"
    }
  }

  /// How many columns it reads.
  var argumentCount: Int {
    switch self {
    case .countAll: 0
    case .correlation: 2
    default: 1
    }
  }
}

/// An aggregate with its arguments, as a grouping computes it.
package struct AggregateCall: Hashable, Sendable {
  package var function: AggregateFunction
  package var arguments: [Expression]
  /// The p of `quantile`, in 0...1; the n of `top`, a whole number from 1; otherwise nil.
  package var parameter: Double?

  package init(_ function: AggregateFunction, _ arguments: [Expression] = [], parameter: Double? = nil) {
    self.function = function
    self.arguments = arguments
    self.parameter = parameter
  }
}

/// A column of a result: its name and what is in it.
package struct OutputColumn: Hashable, Sendable {
  package var name: String
  package var expression: Expression

  package init(name: String, expression: Expression) {
    self.name = name
    self.expression = expression
  }
}

/// A column that a query adds: `NAME = EXPRESSION`.
package typealias DerivedColumn = OutputColumn
