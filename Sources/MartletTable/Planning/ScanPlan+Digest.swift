package import MartletBytes

extension ScanPlan {
  /// The plan's content, for the keys of the tasks that carry it out: equal plans, and only those, have equal digests.
  package func hash(into hasher: inout StableHasher) {
    dialect.hash(into: &hasher)
    hasher.combine(columns.count)
    for column in columns {
      hasher.combine(column.name)
      hasher.combine(column.type.rawValue)
      hasher.combine(column.givenType != nil)
    }
    hasher.combine(derived.count)
    for column in derived {
      hasher.combine(column.name)
      hasher.combine(column.expression.description)
    }
    hasher.combine(filter?.description)
    hasher.combine(typedColumns)
    sink.hash(into: &hasher)
  }
}

extension CSVDialect {
  fileprivate func hash(into hasher: inout StableHasher) {
    hasher.combine(delimiter)
    hasher.combine(quote)
    hasher.combine(escape)
    hasher.combine(comment)
    hasher.combine(encoding.rawValue)
    hasher.combine(ragged.rawValue)
    hasher.combine(nullTexts.count)
    for text in nullTexts { hasher.combine(text) }
  }
}

extension SinkPlan {
  fileprivate func hash(into hasher: inout StableHasher) {
    switch self {
    case .count: hasher.combine(0)
    case .types: hasher.combine(1)
    case .stream(let slots, let format):
      hasher.combine(2)
      hasher.combine(slots)
      hasher.combine(format.rawValue)
    case .collect(let slots, let limit):
      hasher.combine(3)
      hasher.combine(slots)
      hasher.combine(limit)
    case .tail(let slots, let count):
      hasher.combine(4)
      hasher.combine(slots)
      hasher.combine(count)
    case .sample(let slots, let count, let seed):
      hasher.combine(5)
      hasher.combine(slots)
      hasher.combine(count)
      hasher.combine(seed)
    case .top(let slots, let keys, let count):
      hasher.combine(6)
      hasher.combine(slots)
      hasher.combine(keys.map { $0.isDescending ? ~$0.slot : $0.slot })
      hasher.combine(count)
    case .group(let keys, let calls):
      hasher.combine(7)
      hasher.combine(keys)
      hasher.combine(calls.count)
      for call in calls { hasher.combine(Expression.aggregate(call).description) }
    case .schema(let slots):
      hasher.combine(8)
      hasher.combine(slots)
    case .statistics(let slots):
      hasher.combine(9)
      hasher.combine(slots)
    case .frequencies(let slots):
      hasher.combine(10)
      hasher.combine(slots)
    }
  }
}

extension StableHasher {
  fileprivate mutating func combine(_ byte: UInt8) { combine(Int(byte)) }

  /// Nothing, or a byte and that it is there.
  fileprivate mutating func combine(_ byte: UInt8?) { combine(byte.map { Int($0) } ?? -1) }

  fileprivate mutating func combine(_ text: String?) {
    combine(text != nil)
    if let text { combine(text) }
  }

  fileprivate mutating func combine(_ numbers: [Int]) {
    combine(numbers.count)
    for number in numbers { combine(number) }
  }
}
