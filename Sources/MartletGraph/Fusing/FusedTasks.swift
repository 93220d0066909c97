import MartletBytes

/// The fused tasks of one graph. Flat lists for all of them: a fused task by itself is a closure with its number.
final class FusedTasks: FusedFamily, @unchecked Sendable {
  // Sendable: filled by one `GraphEmission`, then constant.

  /// Behind a pointer, because properties of a class are checked for overlapping accesses each time.
  let columns: UnsafeMutablePointer<FusedColumns>

  init() {
    columns = .allocate(capacity: 1)
    columns.initialize(to: FusedColumns())
  }

  deinit {
    columns.deinitialize(count: 1)
    columns.deallocate()
  }

  func partCount(of number: Int) -> Int { columns.pointee.partCount(of: number) }

  func key(of number: Int, part: Int) -> Key { columns.pointee.key(ofPart: columns.pointee.place(number, part)) }

  func content(of number: Int, part: Int) -> TaskContent? { columns.pointee.content(of: number, part: part) }

  func isData(_ number: Int, part: Int) -> Bool { columns.pointee.isData(number, part: part) }

  func wiring(of number: Int, part: Int) -> [FusedInput] { columns.pointee.wiring(of: number, part: part) }
}

/// What `FusedTasks` holds.
struct FusedColumns: ~Copyable {
  struct Task: BitwiseCopyable {
    /// Its parts are `firstPart ..< firstPart` of the next.
    var firstPart: UInt32
    /// How many inputs it has. Their results are the first local slots.
    var inputCount: UInt32
    /// How many local slots it needs.
    var slotCount: UInt32
  }

  struct Part: BitwiseCopyable {
    /// Its inputs are `slots[firstInput ..< firstInput of the next]`.
    var firstInput: UInt32
    /// The slots that it is the last to use are `last[firstLast ..< firstLast of the next]`.
    var firstLast: UInt32
    /// The slot of its result; unused for the last part of a task.
    var result: UInt32
    var label: UInt32
  }

  /// A slot at its last use. `isRepeated`: the part has it as an input more than once, so it cannot be taken.
  struct LastUse: BitwiseCopyable {
    private var bits: UInt32

    init(slot: UInt32) { bits = slot }

    var slot: Int { Int(bits & 0x7fff_ffff) }
    var isRepeated: Bool { bits >> 31 == 1 }

    func repeated() -> LastUse {
      var copy = self
      copy.bits |= 1 << 31
      return copy
    }
  }

  var tasks = FlatList<Task>()
  var parts = FlatList<Part>()
  var cells = FlatList<TaskCell>()
  var slots = FlatList<UInt32>()
  var last = FlatList<LastUse>()
  var digests = FlatList<Digest128>()
  var kinds = FlatList<TaskKind>()
  /// The contents of the first graph, shared with it, and by part the place in it plus one; empty when it has none.
  var contents: [(task: UInt32, content: TaskContent)] = []
  var contentPlaces = FlatList<UInt32>()
  var labels = LabelTable()

  init() {}

  /// Makes room for so many more.
  mutating func reserve(tasks count: Int, parts partCount: Int) {
    tasks.reserve(count + 1)
    parts.reserve(partCount + 1)
    cells.reserve(partCount)
    slots.reserve(partCount)
    last.reserve(partCount)
    digests.reserve(partCount)
    kinds.reserve(partCount)
    if !contents.isEmpty { contentPlaces.reserve(partCount) }
  }

  /// Says that no more parts come.
  mutating func close() {
    tasks.append(Task(firstPart: UInt32(parts.count), inputCount: 0, slotCount: 0))
    parts.append(Part(firstInput: UInt32(slots.count), firstLast: UInt32(last.count), result: 0, label: 0))
  }

  func place(_ number: Int, _ part: Int) -> Int { Int(tasks[number].firstPart) + part }

  func partCount(of number: Int) -> Int { Int(tasks[number + 1].firstPart - tasks[number].firstPart) }

  func key(ofPart place: Int) -> Key {
    Key(digest: digests[place], label: labels.names[Int(parts[place].label)])
  }

  /// Where the part was written, when that is known.
  func location(ofPart place: Int) -> TaskLocation? { labels.location(of: parts[place].label) }

  func content(of number: Int, part: Int) -> TaskContent? {
    if contents.isEmpty { return nil }
    let found = Int(contentPlaces[place(number, part)])
    return found == 0 ? nil : contents[found - 1].content
  }

  func isData(_ number: Int, part: Int) -> Bool {
    switch kinds[place(number, part)] {
    case .gather, .alias, .signal: return true
    case .closure, .asynchronous: return false
    case .literal, .call:
      guard case .fused(let inner)? = content(of: number, part: part) else { return true }
      return inner.isData
    }
  }

  func wiring(of number: Int, part: Int) -> [FusedInput] {
    let task = tasks[number]
    // A slot holds the results of several parts one after the other: the latest before this part is meant.
    return (parts[place(number, part)].firstInput..<parts[place(number, part) + 1].firstInput).map { index in
      let slot = slots[Int(index)]
      if slot < task.inputCount { return .outer(Int(slot)) }
      let writer = (0..<part).last { parts[place(number, $0)].result == slot }
      return .part(writer ?? 0)
    }
  }
}
