/// How many results are alive while a graph runs one task after the other: what an order costs.
///
/// Looked at just before each task starts. A result is alive from the end of its task to the end of its last consumer;
/// results of tasks that nobody in the graph consumes are not counted, they belong to whoever asked for them.
public struct LiveResults: Sendable, Equatable {
  /// The most that are alive at one time.
  public let peak: Int
  /// The mean over all tasks.
  public let mean: Double

  /// Runs through `order`. O(tasks + dependencies).
  init(_ shape: OrderShape, _ order: UnsafePointer<UInt32>, _ scratch: UnsafeMutablePointer<UInt32>) {
    var alive = 0
    var peak = 0
    var sum = 0
    for task in 0..<shape.count { scratch[task] = shape.dependentStarts[task &+ 1] &- shape.dependentStarts[task] }
    for rank in 0..<shape.count {
      let task = Int(order[rank])
      peak = max(peak, alive)
      sum &+= alive
      let row = shape.inputs(task)
      let links = shape.linkCount(task)
      let lastLink = row.lowerBound &+ links &- 1
      for place in row {
        let input = Int(shape.dependencies[place])
        scratch[input] &-= 1
        if scratch[input] == 0 { alive &-= 1 }
        if place == lastLink {
          peak = max(peak, alive &+ links)
          sum &+= links &* alive &+ links &* links / 2
        }
      }
      if shape.dependentStarts[task &+ 1] != shape.dependentStarts[task] { alive &+= 1 }
    }
    self.peak = peak
    mean = shape.count == 0 ? 0 : Double(sum) / Double(shape.count)
  }
}

/// A graph as flat arrays, for those who only look at its shape. Does not own them.
struct OrderShape {
  let count: Int
  /// The dependencies of task `t` stand at `starts[t] ..< starts[t + 1]`.
  let starts: UnsafePointer<UInt32>
  let dependencies: UnsafePointer<UInt32>
  /// The dependents of task `t` stand at `dependentStarts[t] ..< dependentStarts[t + 1]`.
  let dependentStarts: UnsafePointer<UInt32>
  let dependents: UnsafePointer<UInt32>
  /// How many of a task's dependencies, the first ones, stand for links: `UnlinkedGraph`. Each of them makes one more result
  /// live before the task runs. Nil when there are none.
  var links: UnsafePointer<UInt32>?

  @inline(__always)
  func linkCount(_ task: Int) -> Int {
    guard let links else { return 0 }
    return Int(links[task])
  }

  @inline(__always)
  func inputs(_ task: Int) -> Range<Int> { Int(starts[task])..<Int(starts[task &+ 1]) }

  @inline(__always)
  func outputs(_ task: Int) -> Range<Int> { Int(dependentStarts[task])..<Int(dependentStarts[task &+ 1]) }

  @inline(__always)
  func isSink(_ task: Int) -> Bool { dependentStarts[task] == dependentStarts[task &+ 1] }
}
