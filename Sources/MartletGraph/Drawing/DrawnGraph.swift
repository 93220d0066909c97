/// The boxes and lines of a picture of a graph: a box a task or, where those are too many, a box a label.
///
/// A signal is no box: the tasks before and after it are joined by a line of its own kind.
struct DrawnGraph {
  struct Box {
    let label: String
    /// How many tasks it stands for.
    var count = 0
    var kind: TaskKind
    /// Its only task, or its first one.
    let task: Int
  }

  /// From a task to one that needs it.
  struct Line: Hashable {
    var from: Int
    var to: Int
    /// Whether only the order is given, and no result.
    var isOrderOnly: Bool
    /// How many dependencies it stands for.
    var count = 1
  }

  private(set) var boxes: [Box] = []
  /// By target and then by source; no two of one kind join the same boxes.
  private(set) var lines: [Line] = []
  /// Lines that are not drawn because they are too many; those that stand for most dependencies are.
  private(set) var omittedLines = 0
  /// The box of each task; -1 for signals.
  private(set) var boxNumbers: [Int32]
  let isCollapsed: Bool

  /// More lines cannot be told apart in a picture.
  static let lineLimit = 3000

  /// - Parameter limit: How many tasks are drawn one by one, and how many labels otherwise.
  init(_ shape: GraphShape, collapsingAbove limit: Int) {
    let limit = max(2, limit)
    let tasks = shape.kinds.count { $0 != .signal }
    isCollapsed = tasks > limit || shape.dependencies.count > 2 * Self.lineLimit
    boxNumbers = [Int32](repeating: -1, count: shape.count)
    if isCollapsed { fillLabels(shape, limit) } else { fillTasks(shape) }
    fillLines(shape)
  }

  private mutating func fillTasks(_ shape: GraphShape) {
    for task in 0..<shape.count where shape.kinds[task] != .signal {
      boxNumbers[task] = Int32(boxes.count)
      boxes.append(Box(label: shape.label(of: task), count: 1, kind: shape.kinds[task], task: task))
    }
  }

  private mutating func fillLabels(_ shape: GraphShape, _ limit: Int) {
    let groups = LabelGroups(shape, limit: limit)
    var numbers = [Int](repeating: -1, count: groups.names.count)
    for task in 0..<shape.count where shape.kinds[task] != .signal {
      let group = groups.numbers[Int(shape.labelNumbers[task])]
      if numbers[group] < 0 {
        numbers[group] = boxes.count
        boxes.append(Box(label: groups.names[group], kind: shape.kinds[task], task: task))
      }
      let box = numbers[group]
      boxes[box].count += 1
      if boxes[box].kind != shape.kinds[task] { boxes[box].kind = .closure }
      boxNumbers[task] = Int32(box)
    }
  }

  private mutating func fillLines(_ shape: GraphShape) {
    // A key a line: target, source, kind. Where tasks are drawn one by one there are few; else they are few pairs.
    var counts: [UInt64: Int] = [:]
    for task in 0..<shape.count where boxNumbers[task] >= 0 {
      for dependency in shape.dependencies(of: task) {
        let isOrderOnly = shape.kinds[Int(dependency)] == .signal
        for source in isOrderOnly ? sources(of: dependency, shape) : [dependency] {
          let key = UInt64(boxNumbers[task]) << 32 | UInt64(boxNumbers[Int(source)]) << 1 | (isOrderOnly ? 1 : 0)
          counts[key, default: 0] += 1
        }
      }
    }
    var kept = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
    omittedLines = max(0, kept.count - Self.lineLimit)
    kept.removeLast(omittedLines)
    lines = kept.sorted { $0.key < $1.key }.map { key, count in
      Line(from: Int(key & 0xffff_ffff) >> 1, to: Int(key >> 32), isOrderOnly: key & 1 == 1, count: count)
    }
  }

  /// The tasks whose end a signal tells; a signal may wait for another one.
  private func sources(of signal: UInt32, _ shape: GraphShape) -> [UInt32] {
    var found: [UInt32] = []
    var open = [signal]
    var seen: Set<UInt32> = []
    while let next = open.popLast() {
      for source in shape.dependencies(of: Int(next)) {
        if shape.kinds[Int(source)] != .signal {
          found.append(source)
        } else if seen.insert(source).inserted {
          open.append(source)
        }
      }
    }
    return found
  }
}
