import MartletSystem

/// What the passes have decided about a task.
struct TaskMarks: OptionSet {
  let rawValue: UInt16

  /// It has a place in the new graph: it is needed, no other task stands for it, and it is not inlined or absorbed.
  static let stays = TaskMarks(rawValue: 1)
  /// Its result is asked for.
  static let output = TaskMarks(rawValue: 2)
  /// Each task that needs it runs it.
  static let inlined = TaskMarks(rawValue: 4)
  /// It needs tasks that are inlined.
  static let hasInlinedInputs = TaskMarks(rawValue: 8)
  /// It has absorbed others.
  static let leads = TaskMarks(rawValue: 16)
  /// It runs at once and on any thread, so that others can run in the same breath.
  static let isPlain = TaskMarks(rawValue: 32)
  /// It has traits.
  static let hasTraits = TaskMarks(rawValue: 64)
  /// It comes after others whose results it does not get.
  static let waits = TaskMarks(rawValue: 128)
}

/// What the passes have decided about a graph, before there is a new one: one graph is built, however many passes run.
///
/// Every decision is a word or a mark by task; the passes are loops over the tasks in order of their numbers, one way or the
/// other. Inputs always have lower numbers, so such a loop sees a task before, or after, all that need it.
struct GraphRewrite: ~Copyable {
  let graph: TaskGraph
  let count: Int
  let marks: UnsafeMutablePointer<TaskMarks>
  /// Which task stands for a task, itself as a rule; nil when each stands for itself.
  private(set) var substitutes: UnsafeMutablePointer<UInt32>?
  /// The inputs of task `t`, each the one that stands for it, at `graph.dependencyStarts[t] ..< [t + 1]`.
  private(set) var inputs: UnsafeMutablePointer<UInt32>
  /// The same with inlined tasks replaced by their inputs: `outerStarts[t] ..< [t + 1]`. Those of inlined tasks are empty.
  private(set) var outerStarts: UnsafeMutablePointer<UInt32>
  private(set) var outerInputs: UnsafeMutablePointer<UInt32>
  /// By absorbed task, the one that runs it; nil when nothing was fused.
  private(set) var leaders: UnsafeMutablePointer<UInt32>?
  private var owned: [UnsafeMutableRawPointer] = []

  init(_ graph: TaskGraph, for outputs: [AnyNode], culling: Bool) {
    self.graph = graph
    count = graph.count
    marks = allocated(count)
    inputs = graph.dependencies
    outerStarts = graph.dependencyStarts
    outerInputs = graph.dependencies
    owned.append(marks)
    marks.initialize(repeating: culling ? [] : [.stays], count: count)
    for output in outputs {
      graph.check(output)
      marks[output.id.index] = [.stays, .output]
    }
    if culling {
      for task in stride(from: count - 1, through: 0, by: -1) where marks[task].contains(.stays) {
        for place in graph.inputPlaces(of: task) { marks[Int(graph.dependencies[place])].insert(.stays) }
      }
    } else {
      // Who is kept though nobody asks is treated as if somebody did: it has no other task to live in.
      for task in 0..<count where graph.dependentStarts[task] == graph.dependentStarts[task &+ 1] {
        marks[task].insert(.output)
      }
    }
    markKinds()
    for entry in graph.traitList {
      marks[Int(entry.task)].insert(.hasTraits)
      // A retry repeats one attempt, not what came before it in a fused task.
      if entry.traits.isBlocking || entry.traits.timeout != nil || entry.traits.retry != nil {
        marks[Int(entry.task)].remove(.isPlain)
      }
    }
    for entry in graph.contents {
      // What was fused by an earlier optimiser had all the neighbours that it could have.
      if case .fused = entry.content { marks[Int(entry.task)].remove(.isPlain) }
      if case .call(let function) = entry.content, type(of: function).isAsynchronous {
        marks[Int(entry.task)].remove(.isPlain)
      }
    }
  }

  deinit {
    for memory in owned { martlet_give_block(memory) }
  }

  private func markKinds() {
    let kinds = graph.columns.kinds
    for task in 0..<count {
      switch kinds[task] {
      case .literal, .call, .closure, .gather, .alias: marks[task].insert(.isPlain)
      case .asynchronous, .signal: break
      }
      // Signals stand behind the inputs.
      let end = Int(graph.dependencyStarts[task &+ 1])
      if end > Int(graph.dependencyStarts[task]), kinds[Int(graph.dependencies[end &- 1])] == .signal,
        kinds[task] != .signal
      {
        marks[task].insert(.waits)
      }
    }
  }

  /// The task that stands for `task`.
  func substitute(of task: Int) -> Int { substitutes.map { Int($0[task]) } ?? task }

  /// Memory that lives as long as the rewrite.
  mutating func column<Element: BitwiseCopyable>(_ count: Int) -> UnsafeMutablePointer<Element> {
    let memory: UnsafeMutablePointer<Element> = allocated(count)
    owned.append(memory)
    return memory
  }

  /// Lets `substitutes[t]` stand for each task `t`. The tasks that are replaced lose their place.
  mutating func substitute(_ substitutes: UnsafeMutablePointer<UInt32>) {
    self.substitutes = substitutes
    let edges = graph.dependencyCount
    let mapped: UnsafeMutablePointer<UInt32> = column(edges)
    for place in 0..<edges { mapped[place] = substitutes[Int(graph.dependencies[place])] }
    inputs = mapped
    outerInputs = mapped
    for task in 0..<count where Int(substitutes[task]) != task && marks[task].contains(.stays) {
      if marks[task].contains(.output) { marks[Int(substitutes[task])].insert(.output) }
      marks[task] = []
    }
  }

  /// Sets the inputs that remain when inlined tasks are replaced by theirs.
  mutating func setOuterInputs(_ starts: UnsafeMutablePointer<UInt32>, _ inputs: UnsafeMutablePointer<UInt32>) {
    outerStarts = starts
    outerInputs = inputs
  }

  /// Sets who runs absorbed tasks.
  mutating func setLeaders(_ leaders: UnsafeMutablePointer<UInt32>) { self.leaders = leaders }

  /// The places of the inputs that remain for a task.
  @inline(__always)
  func outerPlaces(of task: Int) -> Range<Int> { Int(outerStarts[task])..<Int(outerStarts[task &+ 1]) }
}

extension TaskGraph {
  /// Where the inputs of a task stand in `dependencies`.
  @inline(__always)
  func inputPlaces(of task: Int) -> Range<Int> {
    Int(dependencyStarts[task])..<Int(dependencyStarts[task &+ 1])
  }
}
