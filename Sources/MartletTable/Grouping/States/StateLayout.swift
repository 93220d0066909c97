/// What one accumulator in a group's row computes. Aggregates of the same argument share accumulators.
enum Accumulator: Hashable {
  /// The sum of int, date, timestamp or bool values: its lower 64 bits.
  case intSum(Int)
  /// The sum of doubles and its compensation.
  case doubleSum(Int)
  /// The least value as an order-preserving int (`OrderedDouble`), or a `TextState`.
  case minimum(Int)
  case maximum(Int)
  /// Count, mean, sum of squared deviations.
  case moments(Int)
  /// Count, means, sums of squared deviations and of their products.
  case comoments(Int, Int)
  /// Ordinal of the record, value or `TextState`.
  case first(Int)
  case last(Int)
  /// The n largest values, descending.
  case top(Int, count: Int)
}

/// Values that are collected beside the rows, because no fixed state answers the question.
enum CollectionKind: Hashable {
  /// Every value: for quantiles.
  case values(Int)
  /// The distinct values with their counts.
  case counts(Int)
}

/// How the values of an argument lie in an eight-byte cell of a state or a collection.
enum StorageClass {
  /// int, bool, date, timestamp
  case ints
  case doubles
  case texts
  /// Nothing but nulls: no accumulator is kept for it.
  case nothing

  init(_ type: ColumnType) {
    switch type {
    case .null: self = .nothing
    case .bool, .int, .date, .timestamp: self = .ints
    case .double: self = .doubles
    case .text: self = .texts
    }
  }
}

/// Where in a group's row each accumulator lies.
///
/// The row begins with the count of the group's records. How many of them were null in an argument is counted apart
/// (`SideCounts`): most arguments never are, and then it costs nothing.
struct StateLayout {
  struct Entry {
    let accumulator: Accumulator
    /// From the begin of the state.
    let offset: Int
    let storage: StorageClass
    /// Which of the sums of ints it is; zero for anything else.
    let sumIndex: Int
  }

  static let recordsOffset = 0

  let spec: GroupSpec
  let entries: [Entry]
  let collections: [CollectionKind]
  /// How many sums of ints there are.
  let sumCount: Int
  let byteCount: Int
  let storages: [StorageClass]
  let tuning: GroupTuning

  init(_ spec: GroupSpec, tuning: GroupTuning) {
    self.spec = spec
    let storages = spec.argumentTypes.map(StorageClass.init)
    self.storages = storages
    self.tuning = tuning
    var accumulators: [Accumulator] = []
    var collections: [CollectionKind] = []
    for aggregate in spec.aggregates {
      let needs = Self.needs(of: aggregate, storages: storages, topInline: tuning.topInline)
      if let accumulator = needs.accumulator, !accumulators.contains(accumulator) { accumulators.append(accumulator) }
      if let collection = needs.collection, !collections.contains(collection) { collections.append(collection) }
    }
    var offset = 8
    var entries: [Entry] = []
    var sumCount = 0
    for accumulator in accumulators {
      let (argument, size) = Self.size(of: accumulator, storages: storages)
      var sumIndex = 0
      if case .intSum = accumulator {
        sumIndex = sumCount
        sumCount += 1
      }
      entries.append(
        Entry(accumulator: accumulator, offset: offset, storage: storages[argument], sumIndex: sumIndex))
      offset += size
    }
    self.entries = entries
    self.sumCount = sumCount
    self.collections = collections
    byteCount = offset
  }

  /// What an aggregate reads of the state.
  static func needs(
    of aggregate: AggregateSpec, storages: [StorageClass], topInline: Int
  ) -> (accumulator: Accumulator?, collection: CollectionKind?) {
    guard let argument = aggregate.arguments.first,
      !aggregate.arguments.contains(where: { storages[$0] == .nothing })
    else { return (nil, nil) }
    switch aggregate.kind {
    case .countAll, .count: return (nil, nil)
    case .sum, .mean: return (storages[argument] == .doubles ? .doubleSum(argument) : .intSum(argument), nil)
    case .any, .all: return (.intSum(argument), nil)
    case .min: return (.minimum(argument), nil)
    case .max: return (.maximum(argument), nil)
    case .variance, .standardDeviation: return (.moments(argument), nil)
    case .correlation: return (.comoments(argument, aggregate.arguments[1]), nil)
    case .first: return (.first(argument), nil)
    case .last: return (.last(argument), nil)
    case .median, .quantile: return (nil, .values(argument))
    case .countDistinct, .mode: return (nil, .counts(argument))
    case .top:
      let count = Int(aggregate.parameter!)
      if storages[argument] == .texts || count > topInline { return (nil, .counts(argument)) }
      return (.top(argument, count: count), nil)
    }
  }

  private static func size(of accumulator: Accumulator, storages: [StorageClass]) -> (argument: Int, bytes: Int) {
    switch accumulator {
    case .intSum(let argument): return (argument, 8)
    case .doubleSum(let argument): return (argument, 16)
    case .minimum(let argument), .maximum(let argument):
      return (argument, storages[argument] == .texts ? TextState.byteCount : 8)
    case .moments(let argument): return (argument, 24)
    case .comoments(let argument, _): return (argument, 48)
    case .first(let argument), .last(let argument):
      return (argument, 8 + (storages[argument] == .texts ? TextState.byteCount : 8))
    case .top(let argument, let count): return (argument, 8 * count)
    }
  }

  /// Writes a new group's state over zeros: what is less or greater than every value, and no record.
  func prepare(_ state: UnsafeMutableRawPointer) {
    for entry in entries {
      let place = state + entry.offset
      switch entry.accumulator {
      case .minimum where entry.storage != .texts: place.storeBytes(of: .max, as: Int64.self)
      case .maximum where entry.storage != .texts: place.storeBytes(of: .min, as: Int64.self)
      case .first, .last: place.storeBytes(of: -1, as: Int64.self)
      case .top(_, let count):
        for index in 0..<count { (place + 8 * index).storeBytes(of: .min, as: Int64.self) }
      default: break
      }
    }
  }

  func entry(of accumulator: Accumulator) -> Entry { entries.first { $0.accumulator == accumulator }! }
}
