/// What one accumulator in a group's row computes. Aggregates of the same argument share accumulators.
enum Accumulator: Hashable {
  /// The sum of int, date, timestamp or bool values: 128 bits in two words.
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
/// (`NullCounts`): most arguments never are, and then it costs nothing.
struct StateLayout {
  struct Entry {
    let accumulator: Accumulator
    /// From the begin of the state.
    let offset: Int
    let storage: StorageClass
  }

  static let recordsOffset = 0

  let spec: GroupSpec
  let entries: [Entry]
  let collections: [CollectionKind]
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
    for accumulator in accumulators {
      let (argument, size) = Self.size(of: accumulator, storages: storages)
      entries.append(Entry(accumulator: accumulator, offset: offset, storage: storages[argument]))
      offset += size
    }
    self.entries = entries
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
    case .intSum(let argument), .doubleSum(let argument): return (argument, 16)
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

  func offset(of accumulator: Accumulator) -> Int {
    entries.first { $0.accumulator == accumulator }!.offset
  }
}

/// Doubles as ints of the same order: -inf < … < -0.0 < 0.0 < … < inf < NaN. All NaNs are one.
enum OrderedDouble {
  @inline(__always)
  static func encode(_ value: Double) -> Int64 {
    let bits = Int64(bitPattern: value.bitPattern)
    let ordered = bits ^ ((bits &>> 63) & Int64.max)
    return value == value ? ordered : 0x7ff8_0000_0000_0000
  }

  @inline(__always)
  static func decode(_ ordered: Int64) -> Double {
    Double(bitPattern: UInt64(bitPattern: ordered ^ ((ordered &>> 63) & Int64.max)))
  }

  /// The zero without a sign: for what compares values for equality.
  @inline(__always)
  static func encodeEqualZeros(_ value: Double) -> Int64 { encode(value == 0 ? 0 : value) }
}

/// A text in a group's row: address (0: none), length, and the room at that address, so that the next one may replace
/// it in place.
struct TextState {
  static let byteCount = 16

  var address: UInt
  var length: UInt32
  var room: UInt32

  @inline(__always)
  var bytes: UnsafeBufferPointer<UInt8> {
    UnsafeBufferPointer(start: UnsafePointer(bitPattern: address), count: Int(length))
  }

  /// Replaces the text. Room is taken in powers of two, so that a group whose text grows and grows wastes no more
  /// than what it holds.
  @inline(__always)
  mutating func assign(_ bytes: UnsafePointer<UInt8>, _ count: UInt32, in store: TextStore) {
    if address == 0 || count > room {
      let wanted = min(max(count, 16).nextPowerOfTwo, UInt(UInt32.max))
      room = UInt32(wanted)
      address = UInt(bitPattern: store.allocate(Int(wanted)))
    }
    UnsafeMutablePointer<UInt8>(bitPattern: address)!.update(from: bytes, count: Int(count))
    length = count
  }
}

extension UInt32 {
  fileprivate var nextPowerOfTwo: UInt { UInt(1) << UInt(UInt32.bitWidth - (self - 1).leadingZeroBitCount) }
}

/// How many of a group's records were null in each argument. Nothing is kept while none was.
final class NullCounts {
  private let argumentCount: Int
  private var counts: UnsafeMutablePointer<Int64>?
  private var capacity = 0

  init(argumentCount: Int) { self.argumentCount = argumentCount }

  deinit { counts?.deallocate() }

  var residentBytes: Int { capacity * argumentCount * 8 }
  var isEmpty: Bool { counts == nil }

  /// The counts, `[group * argumentCount + argument]`, with room for `groupCount` groups.
  func reserve(_ groupCount: Int) -> UnsafeMutablePointer<Int64> {
    if let counts, groupCount <= capacity { return counts }
    let newCapacity = max(groupCount, capacity * 2, 64)
    let larger = UnsafeMutablePointer<Int64>.allocate(capacity: newCapacity * argumentCount)
    if let counts {
      larger.moveInitialize(from: counts, count: capacity * argumentCount)
      counts.deallocate()
    }
    (larger + capacity * argumentCount).initialize(repeating: 0, count: (newCapacity - capacity) * argumentCount)
    counts = larger
    capacity = newCapacity
    return larger
  }

  func count(group: Int, argument: Int) -> Int64 {
    guard let counts, group < capacity else { return 0 }
    return counts[group &* argumentCount &+ argument]
  }
}
