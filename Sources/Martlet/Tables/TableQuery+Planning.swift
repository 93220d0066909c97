import MartletTable

extension TableQuery {
  /// This query as a tree of relational operations over columns called `names`.
  ///
  /// - Throws: `.invalidQuery` where an expression cannot be read.
  func logicalPlan(columns names: [String]) throws(TableError) -> LogicalPlan {
    var plan = LogicalPlan.scan(columns: names)
    if !derived.isEmpty {
      var columns: [DerivedColumn] = []
      for text in derived { columns.append(try DerivedColumn.parse(derivation: text, place: "--derive")) }
      plan = .derive(columns, plan)
    }
    if let filter { plan = .filter(try Expression.parse(filter, place: "--where"), plan) }
    switch operation {
    case .count: return .summarize(.count, plan)
    case .schema: return .summarize(.schema, projected(plan))
    case .statistics: return .summarize(.statistics, projected(plan))
    case .frequencies(let top): return .summarize(.frequencies(top: top), projected(plan))
    case .head(let count): return .limit(count, projected(plan))
    case .tail(let count): return .summarize(.tail(count), projected(plan))
    case .sample(let count, let seed): return .summarize(.sample(count, seed: seed), projected(plan))
    case .select(let sort, let limit):
      if !sort.isEmpty { plan = .sort(sort, plan) }
      plan = projected(plan)
      return limit.map { .limit($0, plan) } ?? plan
    case .group(let keys, let aggregates, let sort, let limit):
      var outputs: [OutputColumn] = []
      for list in aggregates { outputs += try OutputColumn.parse(list: list, place: "--agg") }
      plan = .group(Grouping(keys: keys, outputs: outputs), plan)
      if !sort.isEmpty { plan = .sort(sort, plan) }
      return limit.map { .limit($0, plan) } ?? plan
    }
  }

  private func projected(_ plan: LogicalPlan) -> LogicalPlan { columns.map { .project($0, plan) } ?? plan }
}
