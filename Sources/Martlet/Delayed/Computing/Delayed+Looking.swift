public import MartletGraph

// Looking at a computation without running it.

extension Delayed {
  /// What would run: how many tasks before and after the passes, how many results are alive at most, the longest path, and
  /// the tasks by label.
  public func explain(options: ComputeOptions = ComputeOptions()) -> GraphExplanation {
    GraphExplanation(PlannedComputation([node], options))
  }

  /// Writes a picture of the tasks to a file: `.svg` opens in every browser, `.dot` is for Graphviz.
  ///
  /// Above 300 tasks it is drawn by label, with counts.
  ///
  /// - Parameters:
  ///   - path: The file, which is replaced once the picture is complete.
  ///   - passes: What is done to the graph before it is drawn; by default nothing: the picture shows what was written.
  ///   - coloring: What colours stand for.
  /// - Throws: `VisualizeError` for another kind of file; what the system says when the file cannot be written.
  public func visualize(to path: String, passes: GraphPasses = [], coloring: GraphColoring = .label) throws {
    try Martlet.visualize([erased], to: path, passes: passes, coloring: coloring)
  }
}

/// Writes a picture of the tasks of several computations to a file; see `Delayed.visualize`.
public func visualize(
  _ computations: [AnyDelayed], to path: String, passes: GraphPasses = [], coloring: GraphColoring = .label
) throws {
  let plan = PlannedComputation(computations.map { $0.node }, ComputeOptions(passes: passes))
  if path.hasSuffix(".svg") {
    try TextFile.write(path, plan.graph.svg(coloring: coloring))
  } else if path.hasSuffix(".dot") {
    try TextFile.write(path, plan.graph.dot())
  } else {
    throw VisualizeError(path: path)
  }
}

/// A picture was asked for in a format that there is not.
public struct VisualizeError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The file that was asked for.
  public let path: String

  /// What can be asked for.
  public var description: String { "\(path): pictures are written as .svg or .dot" }
}
