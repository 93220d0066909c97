/// How many steps the search of an order may take. A step is some 3 ns where a graph fits into the nearer caches, and more where
/// it does not. Measured on random layers, which take longest.
struct OrderBudget {
  /// Steps that are left.
  var steps: Int
  /// Steps for hills, which come last.
  private(set) var hills: Int
  /// Steps that a candidate takes beside those for its tasks: dependencies, where there are many.
  private(set) var surcharge = 0
  private let count: Int

  /// Below so many tasks few candidates find most.
  static let tiny = 20
  /// Below so many tasks a candidate more is worth its time.
  static let small = 300
  /// Up to so many tasks a graph fits into the nearer caches.
  static let near = 3000
  /// Above so many tasks only few candidates are tried: then a step takes longer, as memory has to be waited for.
  static let large = 30_000

  /// As many steps as take up to 1 µs a task. What is there before the first step tells more in small graphs, so tiny ones get
  /// fewer; and in large ones a step is more waiting for memory.
  init(_ count: Int) {
    self.count = count
    switch count {
    case ..<OrderBudget.tiny: (steps, hills) = (260 * count, 100 * count)
    case ...OrderBudget.large:
      // The rules before hills find most in larger graphs.
      steps = min(380 * count, 165 * count + 32_000)
      hills = max(25 * count, min(60 * count, 6000))
    default: (steps, hills) = (160 * count, 25 * count)
    }
  }

  /// What is left for the same graph without links. The rest is for making it, and an order of the graph from its order.
  ///
  /// - Parameter whole: The tasks with the links.
  func withoutLinks(_ shape: OrderShape, of whole: Int) -> OrderBudget {
    var budget = OrderBudget(shape.count)
    budget.steps = steps - 60 * whole - min(40 * whole, 8000)
    budget.hills = hills
    budget.surcharge = 14 * max(0, Int(shape.starts[shape.count]) / 2 - shape.count)
    return budget
  }

  /// What is left for the graph with its links after that.
  var withLinksAgain: Int { 60 * count }
}
