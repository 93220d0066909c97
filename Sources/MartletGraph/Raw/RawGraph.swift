/// A graph whose tasks are given by name, in any order: from a file, or from a program that thinks in keys.
///
/// Elsewhere nodes stand for tasks, and a cycle cannot be written down; here it can, so `build` looks for it.
///
/// ```swift
/// var raw = RawGraph()
/// raw.add("sum", needs: ["a", "b"]) { inputs, _ in try inputs.value(0, as: Int.self) + inputs.value(1, as: Int.self) }
/// raw.add("a") { _, _ in 1 }
/// raw.add("b") { _, _ in 2 }
/// let built = try raw.build()
/// try SerialExecutor().run(built.graph, output: built.node("sum", of: Int.self))  // 3
/// ```
public struct RawGraph {
  private var keys: [String] = []
  private var needs: [[String]] = []
  private var adders: [(inout GraphBuilder, String, [AnyNode]) -> AnyNode] = []

  /// A graph without tasks.
  public init() {}

  /// Adds a task.
  ///
  /// - Parameters:
  ///   - key: Its name, which no other task has.
  ///   - needs: The names of the tasks whose results it works on; they may be added later.
  ///   - body: The work; the inputs come in the order of `needs`.
  public mutating func add<Result: Sendable>(
    _ key: String, needs: [String] = [], traits: TaskTraits = .none,
    _ body: @escaping @Sendable (borrowing TaskInputs, borrowing TaskContext) throws -> Result
  ) {
    keys.append(key)
    self.needs.append(needs)
    adders.append { builder, label, nodes in builder.task(label, on: nodes, traits: traits, body).erased }
  }

  /// The number of tasks.
  public var count: Int { keys.count }

  /// Checks the names, and makes a graph of the tasks.
  ///
  /// O(tasks + dependencies), without recursion.
  ///
  /// - Throws: `RawGraphError`: a key twice, a dependency that no task has, or a cycle.
  public func build(order: GraphOrder = .depthFirst) throws -> Built {
    var numbers = [String: Int](minimumCapacity: keys.count)
    for (number, key) in keys.enumerated() {
      if numbers.updateValue(number, forKey: key) != nil { throw RawGraphError.repeated(key: key) }
    }
    var dependencies: [[Int]] = []
    dependencies.reserveCapacity(keys.count)
    for (number, row) in needs.enumerated() {
      dependencies.append(
        try row.map { key in
          guard let input = numbers[key] else {
            throw RawGraphError.missing(dependency: key, path: pathDown(to: number, numbers))
          }
          return input
        })
    }
    let sorted = try topologicalOrder(dependencies)
    var builder = GraphBuilder()
    builder.reserve(tasks: keys.count, dependencies: dependencies.reduce(0) { $0 + $1.count })
    var nodes = [AnyNode?](repeating: nil, count: keys.count)
    for number in sorted {
      nodes[number] = adders[number](&builder, keys[number], dependencies[number].compactMap { nodes[$0] })
    }
    let graph = builder.build(order: order)
    return Built(graph: graph, nodes: nodes.compactMap(\.self), numbers: numbers)
  }

  /// A graph made of raw tasks, and where they are in it.
  public struct Built: Sendable {
    /// The graph.
    public let graph: TaskGraph
    private let nodes: [AnyNode]
    private let numbers: [String: Int]

    init(graph: TaskGraph, nodes: [AnyNode], numbers: [String: Int]) {
      self.graph = graph
      self.nodes = nodes
      self.numbers = numbers
    }

    /// The task with a name; nil when there is none.
    public subscript(key: String) -> AnyNode? { numbers[key].map { nodes[$0] } }

    /// The task with a name, as one whose result is a `Value`. That it is, is checked when the result is read.
    ///
    /// Stops the program when there is no such task.
    public func node<Value: Sendable>(_ key: String, of type: Value.Type = Value.self) -> Node<Value> {
      guard let node = self[key] else { invariantFailure("the graph has no task \(key)") }
      return Node(id: node.id, stamp: node.stamp)
    }
  }

  /// Each task after what it needs, otherwise as they were added.
  private func topologicalOrder(_ dependencies: [[Int]]) throws -> [Int] {
    // 0: not seen, 1: on the way down, 2: written.
    var marks = [UInt8](repeating: 0, count: keys.count)
    var cursors = [Int](repeating: 0, count: keys.count)
    var sorted: [Int] = []
    sorted.reserveCapacity(keys.count)
    var path: [Int] = []
    for start in keys.indices where marks[start] == 0 {
      path.append(start)
      marks[start] = 1
      while let task = path.last {
        if cursors[task] == dependencies[task].count {
          marks[task] = 2
          sorted.append(task)
          path.removeLast()
          continue
        }
        let input = dependencies[task][cursors[task]]
        cursors[task] += 1
        if marks[input] == 1, let begin = path.firstIndex(of: input) {
          throw RawGraphError.cycle(path: path[begin...].map { keys[$0] } + [keys[input]])
        }
        if marks[input] == 0 {
          marks[input] = 1
          path.append(input)
        }
      }
    }
    return sorted
  }

  /// A path of keys from a task that nobody needs down to `task`, as far as names are known.
  private func pathDown(to task: Int, _ numbers: [String: Int]) -> [String] {
    var dependents = [Int](repeating: -1, count: keys.count)
    for (number, row) in needs.enumerated() {
      for key in row {
        if let input = numbers[key], dependents[input] < 0 { dependents[input] = number }
      }
    }
    var path = [keys[task]]
    var seen: Set<Int> = [task]
    var current = task
    while dependents[current] >= 0, seen.insert(dependents[current]).inserted {
      current = dependents[current]
      path.append(keys[current])
    }
    return path.reversed()
  }
}

/// Why raw tasks are no graph.
public enum RawGraphError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Two tasks have the key.
  case repeated(key: String)
  /// No task has the key `dependency`, which the last task of `path` needs.
  case missing(dependency: String, path: [String])
  /// Each task of the path needs the next one; the last is the first.
  case cycle(path: [String])

  /// What is wrong, by its path of keys.
  public var description: String {
    switch self {
    case .repeated(let key): "two tasks have the key \(key): give one of them another one"
    case .missing(let dependency, let path):
      "no task has the key \(dependency), which is needed by \(RawGraphError.text(path.reversed(), " < "))"
    case .cycle(let path): "tasks need each other: \(RawGraphError.text(path, " > "))"
    }
  }

  /// Long paths show their ends only.
  private static func text(_ path: [String], _ arrow: String) -> String {
    guard path.count > 12 else { return path.joined(separator: arrow) }
    let middle = "… \(path.count - 10) more …"
    return (path.prefix(5) + [middle] + path.suffix(5)).joined(separator: arrow)
  }
}
