/// What an optimiser may do with a graph. Each pass alone keeps every result the same, and so do all together.
///
/// They run in the order in which they stand here, whatever the order in which they are named.
public struct GraphPasses: OptionSet, Sendable, Hashable {
  /// The bits.
  public let rawValue: UInt8

  /// Passes with these bits.
  public init(rawValue: UInt8) { self.rawValue = rawValue }

  /// Leaves out what no output needs.
  public static let cull = GraphPasses(rawValue: 1)
  /// Makes one task of equal ones: of aliases and what they name, of gathers of the same inputs, and of calls that are
  /// equal once that is done.
  public static let deduplicate = GraphPasses(rawValue: 2)
  /// Runs literals and cheap tasks inside each task that needs them, instead of keeping their results.
  public static let inline = GraphPasses(rawValue: 4)
  /// Makes one task of several that run one after the other anyway.
  public static let fuse = GraphPasses(rawValue: 8)

  /// What pays for graphs that run in this process: all but `inline`. Here a result costs nobody more than a look at it, so
  /// that running a constant again is dearer, by some 20 ns, than sharing it.
  public static let standard: GraphPasses = [.cull, .deduplicate, .fuse]
  /// All of them: where results are large, or have to be sent to who needs them.
  public static let all: GraphPasses = [.cull, .deduplicate, .inline, .fuse]
}

/// How far the passes go: one model of cost for all.
///
/// Time is counted in tasks: each takes one unit, and as many threads as one likes are there. A fused task takes as many
/// units as it has parts, and begins when the last of its inputs is there. So one sees what fusing does to the longest
/// path, which is what it can make worse.
public struct FusionLimits: Sendable, Hashable {
  /// How wide the work may be that becomes one task: its parts, divided by those on its longest path. At 1, the default,
  /// no fused task ends later than its last part would have ended: chains are fused, and what meets a chain in time;
  /// nothing that could run side by side is put one after the other. At `w` it may end `(w - 1)` × its height later.
  public var width: Double
  /// The most parts on the longest path of a fused task.
  public var height: Int
  /// How many inputs a fused task may have beyond those of the part that has most. They are alive, or waited for, while
  /// earlier parts run. By default 1.
  public var newInputs: Int
  /// How many cheap tasks may be run again for one input of a task. By default 4.
  public var inlinedParts: Int

  /// Limits; without arguments the defaults.
  public init(width: Double = 1, height: Int = .max, newInputs: Int = 1, inlinedParts: Int = 4) {
    self.width = width.isFinite ? min(max(1, width), 1e6) : 1
    self.height = max(1, height)
    self.newInputs = max(0, newInputs)
    self.inlinedParts = max(1, min(inlinedParts, 64))
  }

  /// The defaults.
  public static let standard = FusionLimits()
}
