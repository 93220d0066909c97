import MartletProtocol

/// A graph on its way to the session, with the cells of its wanted tasks.
final class SubmittedGraph: @unchecked Sendable {
  // Sendable: made by one thread, and the loop's since it was posted.

  /// What is sent.
  var pieces: [Submission]
  /// By the place of a wanted task among those of all pieces.
  var cells: [ResultCell]
  /// Where the graphs that it was joined of end among the tasks of its one piece; empty for one that was not.
  let partEnds: [Int]
  /// Futures that it needs: they may not be released before the session knows the graph.
  private var inputs: [FutureToken]
  /// What the pieces take, about.
  let byteCount: Int
  /// How many cells have their futures.
  var bound = 0

  init(pieces: [Submission], cells: [ResultCell], inputs: [FutureToken], byteCount: Int, partEnds: [Int] = []) {
    self.pieces = pieces
    self.partEnds = partEnds
    self.cells = cells
    self.inputs = inputs
    self.byteCount = byteCount
  }

  /// Whether it may be sent together with others: small, and of one piece. Where they are not taken together, the session sends
  /// them one by one.
  var isJoinable: Bool { pieces.count == 1 && pieces[0].layers.isEmpty && byteCount < 1 << 20 }
}

/// Makes one submission of many small ones, so that a loop that submits single tasks does not make a message each.
struct SubmissionJoiner {
  private(set) var submission = Submission(graph: 0, isLast: true)
  private(set) var cells: [ResultCell] = []
  private(set) var byteCount = 0
  private(set) var count = 0
  private var ends: [Int] = []
  /// Kept until the session knows all of it.
  private(set) var parts: [SubmittedGraph] = []
  // Numbers by what stands in the tables; only looked up.
  private var functions: [FunctionName: UInt32] = [:]
  private var types: [String: UInt32] = [:]
  private var labels: [String: UInt32] = [:]
  private var traits: [WorkTraits: UInt32] = [:]

  /// What one submission takes at most, unless the first part is larger.
  static let limitBytes = 4 << 20

  mutating func add(_ part: SubmittedGraph) {
    guard let piece = part.pieces.first else { return }
    count += 1
    byteCount += part.byteCount
    parts.append(part)
    let first = UInt32(submission.tasks.count)
    let newFunctions = piece.functions.map { Self.number($0, &functions, &submission.functions) }
    let newTypes = piece.types.map { Self.number($0, &types, &submission.types) }
    let newLabels = piece.labels.map { Self.number($0, &labels, &submission.labels) }
    let newTraits = piece.traits.map { Self.number($0, &traits, &submission.traits) }
    for var task in piece.tasks {
      task.label = newLabels[Int(task.label)]
      if task.traits > 0 { task.traits = newTraits[Int(task.traits) - 1] + 1 }
      switch task.work {
      case .call(let function, let arguments):
        task.work = .call(function: newFunctions[Int(function)], arguments: arguments)
      case .literal(let type, let bytes): task.work = .literal(type: newTypes[Int(type)], bytes: bytes)
      case .gather(let element): task.work = .gather(element: newTypes[Int(element)])
      case .alias, .signal: break
      }
      submission.tasks.append(task)
    }
    for place in piece.wanted { submission.wanted.append(first + place) }
    cells += part.cells
    ends.append(submission.tasks.count)
  }

  /// All of it as one graph.
  func joined() -> SubmittedGraph {
    if count == 1, let only = parts.first { return only }
    return SubmittedGraph(pieces: [submission], cells: cells, inputs: [], byteCount: byteCount, partEnds: ends)
  }

  private static func number<Name: Hashable>(
    _ name: Name, _ known: inout [Name: UInt32], _ table: inout [Name]
  ) -> UInt32 {
    if let number = known[name] { return number }
    let number = UInt32(table.count)
    known[name] = number
    table.append(name)
    return number
  }
}
