/// What is said of the boxes of a picture: a colour, a line of text and a line of the tooltip each, and a legend.
struct BoxFigures {
  struct Figure {
    var color = Color.neutral
    /// The second line in the box; nil for none.
    var text: String?
    /// For the tooltip.
    var remark: String?
  }

  enum Legend {
    case swatches([(color: Color, text: String)], more: Int)
    /// From the lowest to the highest value.
    case scale(title: String, low: String, high: String)
  }

  private(set) var figures: [Figure]
  private(set) var legend: Legend

  init(_ graph: DrawnGraph, _ shape: GraphShape, _ coloring: GraphColoring) {
    figures = Array(repeating: Figure(), count: graph.boxes.count)
    legend = .swatches([], more: 0)
    switch coloring {
    case .label: colorByLabel(graph)
    case .state(let states): colorByState(graph, states)
    case .order:
      var ranks = [UInt64?](repeating: nil, count: shape.count)
      for (rank, task) in shape.order.enumerated() { ranks[Int(task)] = UInt64(rank) }
      colorByValue(graph, ranks, "order", by: min) { "\($0)" }
    case .duration(let durations): colorByValue(graph, durations, "duration", by: &+, FigureText.time)
    case .memory(let bytes):
      colorByValue(graph, bytes.map { $0.map { UInt64(max(0, $0)) } }, "memory", by: &+, FigureText.bytes)
    }
  }

  private mutating func colorByLabel(_ graph: DrawnGraph) {
    var numbers: [String: Int] = [:]
    var swatches: [(color: Color, text: String)] = []
    for (number, box) in graph.boxes.enumerated() {
      let index = numbers[box.label] ?? numbers.count
      if index == numbers.count {
        numbers[box.label] = index
        swatches.append((Color.ofLabel(index), box.label))
      }
      figures[number].color = Color.ofLabel(index)
    }
    // Of more labels than there are colours a legend says nothing; boxes have their labels in them anyway.
    legend = .swatches(Array(swatches.prefix(Color.labelCount)), more: max(0, swatches.count - Color.labelCount))
  }

  private mutating func colorByState(_ graph: DrawnGraph, _ states: [TaskState]) {
    var counts = [[Int]](repeating: [Int](repeating: 0, count: TaskState.allCases.count), count: graph.boxes.count)
    for (task, box) in graph.boxNumbers.enumerated() where box >= 0 && task < states.count {
      counts[Int(box)][Int(states[task].rawValue)] += 1
    }
    var used = Set<TaskState>()
    for (box, counts) in counts.enumerated() {
      let present = TaskState.allCases.filter { counts[Int($0.rawValue)] > 0 }
      guard var state = present.last else { continue }
      if state == .done, present.contains(.waiting) { state = .running }
      used.insert(state)
      figures[box].color = Color.ofState(state)
      figures[box].remark =
        graph.isCollapsed
        ? present.map { "\(counts[Int($0.rawValue)]) \($0)" }.joined(separator: ", ") : "\(state)"
      if graph.isCollapsed, present.contains(.done) {
        figures[box].text = "\(counts[Int(TaskState.done.rawValue)]) done"
      }
    }
    legend = .swatches(TaskState.allCases.filter(used.contains).map { (Color.ofState($0), "\($0)") }, more: 0)
  }

  /// A scale from the least to the greatest value; by its logarithm where values are of different magnitudes.
  private mutating func colorByValue(
    _ graph: DrawnGraph, _ values: [UInt64?], _ title: String, by combine: (UInt64, UInt64) -> UInt64,
    _ text: (UInt64) -> String
  ) {
    var ofBoxes = [UInt64?](repeating: nil, count: graph.boxes.count)
    for (task, box) in graph.boxNumbers.enumerated() where box >= 0 && task < values.count {
      guard let value = values[task] else { continue }
      ofBoxes[Int(box)] = ofBoxes[Int(box)].map { combine($0, value) } ?? value
    }
    let known = ofBoxes.compactMap { $0 }
    guard let low = known.min(), let high = known.max() else { return }
    let scale = ColorScale(low: low, high: high)
    for (box, value) in ofBoxes.enumerated() {
      guard let value else { continue }
      figures[box].color = scale.color(of: value)
      figures[box].text = text(value)
      figures[box].remark = "\(title) \(text(value))"
    }
    legend = .scale(title: title, low: text(low), high: text(high))
  }
}

/// Colours for a range of values.
struct ColorScale {
  private let low: UInt64
  private let high: UInt64
  private let isLogarithmic: Bool

  init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
    // Ranks are even, and sums of like things nearly so; times of unlike tasks are not.
    isLogarithmic = high / max(1, low) > 20 && low > 0
  }

  func color(of value: UInt64) -> Color {
    guard high > low else { return Color.ofScale(0) }
    if isLogarithmic { return Color.ofScale(log2(value) - log2(low), of: log2(high) - log2(low)) }
    return Color.ofScale(Double(value - low), of: Double(high - low))
  }

  /// The logarithm, straight between powers of two: the same on every machine, without a library.
  private func log2(_ value: UInt64) -> Double {
    let exponent = 63 - max(1, value).leadingZeroBitCount
    return Double(exponent) + Double(max(1, value)) / Double(UInt64(1) << UInt64(exponent)) - 1
  }
}
