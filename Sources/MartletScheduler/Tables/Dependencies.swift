/// Which task needs which: 20 bytes for each.
///
/// An edge is in two lists: of the dependent's inputs, in the order of its arguments, and of the input's dependents, the newest
/// first. Their heads are in the tasks' records. A task's edges are added and removed together.
struct Dependencies: ~Copyable {
  struct Edge: BitwiseCopyable {
    var dependent: UInt32
    /// The input, and in the highest bit whether the dependent only comes after it.
    fileprivate var marked: UInt32
    var nextInput: UInt32
    var nextDependent: UInt32
    fileprivate var previousDependent: UInt32

    var input: UInt32 { marked & ~Dependencies.orderOnly }
    /// Whether the dependent is not given the result, and only comes after it.
    var isOrderOnly: Bool { marked & Dependencies.orderOnly != 0 }
  }

  /// No edge.
  static let none = UInt32.max
  /// Tasks are fewer than this.
  static let orderOnly: UInt32 = 1 << 31

  private var edges = Table<Edge>()
  private var free = Dependencies.none
  /// The number of edges.
  private(set) var count = 0

  subscript(edge: UInt32) -> Edge {
    @inline(__always) get { edges[Int(edge)] }
  }

  /// Asks for the memory of an edge that is looked at soon.
  @inline(__always)
  func foresee(_ edge: UInt32) { if edge != Dependencies.none { edges.foresee(Int(edge)) } }

  /// Makes room for many edges that come at once.
  mutating func reserve(_ more: Int) { edges.reserve(more - (edges.count - count)) }

  /// Adds the edges of a new task; the last `orderOnlyCount` inputs are those that it only comes after.
  mutating func add(_ dependent: UInt32, _ inputs: [UInt32], orderOnlyCount: Int, _ tasks: inout Table<TaskRecord>) {
    var last = Dependencies.none
    for (place, input) in inputs.enumerated() {
      let next = tasks[Int(input)].firstDependent
      let mark = place >= inputs.count - orderOnlyCount ? Dependencies.orderOnly : 0
      let new = Edge(
        dependent: dependent, marked: input | mark, nextInput: Dependencies.none, nextDependent: next,
        previousDependent: Dependencies.none)
      let edge: UInt32
      if free == Dependencies.none {
        edge = UInt32(edges.count)
        edges.append(new)
      } else {
        edge = free
        free = edges[Int(edge)].nextInput
        edges[Int(edge)] = new
      }
      if next != Dependencies.none { edges[Int(next)].previousDependent = edge }
      tasks[Int(input)].firstDependent = edge
      if last == Dependencies.none {
        tasks[Int(dependent)].firstInput = edge
      } else {
        edges[Int(last)].nextInput = edge
      }
      last = edge
    }
    count += inputs.count
  }

  /// Takes all edges of a task to its inputs out, and appends those to `inputs`.
  mutating func removeInputs(of dependent: UInt32, _ tasks: inout Table<TaskRecord>, _ inputs: inout [UInt32]) {
    var edge = tasks[Int(dependent)].firstInput
    tasks[Int(dependent)].firstInput = Dependencies.none
    while edge != Dependencies.none {
      let old = edges[Int(edge)]
      if old.previousDependent == Dependencies.none {
        tasks[Int(old.input)].firstDependent = old.nextDependent
      } else {
        edges[Int(old.previousDependent)].nextDependent = old.nextDependent
      }
      if old.nextDependent != Dependencies.none {
        edges[Int(old.nextDependent)].previousDependent = old.previousDependent
      }
      edges[Int(edge)].nextInput = free
      free = edge
      count -= 1
      inputs.append(old.input)
      edge = old.nextInput
    }
  }
}
