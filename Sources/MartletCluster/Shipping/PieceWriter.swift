import MartletGraph
import MartletProtocol

/// One message of a shipment while it grows, with its tables.
struct PieceWriter {
  /// What a task does, before names become numbers.
  struct Work {
    let kind: TaskKind
    var registered: RegisteredFunction?
    var element: PortableValueType?
    /// The type of the result.
    var type: PortableValueType?
    var bytes: [UInt8] = []
  }

  var submission: Submission
  /// No less than what the message takes.
  var bytes = 64
  /// Which of all tasks that are sent is the first one here.
  let first: UInt32
  /// What the message takes at most, unless a single task takes more.
  let limit: Int
  /// For how long all tasks wait for workers that are not there; 0: without end.
  private let patience: Int64

  // By what stands in the tables: its number there. Only for looking up.
  private var labels: [UInt32]
  private var functions: [ObjectIdentifier: UInt32] = [:]
  /// The one that was looked up last: most calls of a graph are of few functions.
  private var lastFunction: (function: RegisteredFunction, number: UInt32)?
  private var types: [ObjectIdentifier: UInt32] = [:]
  private var traits: [TaskTraits: UInt32] = [:]

  /// What a task takes without bytes, dependencies and what is new in tables, at most.
  static let leastTaskBytes = 64

  init(graph: UInt32, labelCount: Int, first: UInt32, limit: Int, patience: Int64 = 0) {
    self.patience = patience
    self.limit = limit
    submission = Submission(graph: graph, isLast: false)
    self.first = first
    labels = [UInt32](repeating: UInt32.max, count: labelCount)
  }

  /// What the label takes in the table where it does not stand there yet.
  func newBytes(label: UInt32, _ graph: TaskGraph) -> Int {
    labels[Int(label)] == UInt32.max ? 8 + min(graph.labelName(label).utf8.count, WireLimits.shortText) : 0
  }

  mutating func number(label: UInt32, _ graph: TaskGraph) -> UInt32 {
    if labels[Int(label)] == UInt32.max {
      labels[Int(label)] = UInt32(submission.labels.count)
      submission.labels.append(PieceWriter.shortened(graph.labelName(label)))
    }
    return labels[Int(label)]
  }

  /// A label that a message takes.
  static func shortened(_ label: String) -> String {
    guard label.utf8.count > WireLimits.shortText else { return label }
    var end = label.unicodeScalars.startIndex
    var bytes = 0
    for index in label.unicodeScalars.indices {
      bytes += UTF8.width(label.unicodeScalars[index])
      if bytes > WireLimits.shortText - 3 { break }
      end = label.unicodeScalars.index(after: index)
    }
    return label[..<end] + "…"
  }

  /// The number in a task: 0 for none, else the place in the table plus one.
  mutating func number(traits some: TaskTraits?) -> UInt32 {
    if some == nil, patience == 0 { return 0 }
    let wanted = some ?? .none
    if let number = traits[wanted] { return number }
    var sent = WorkTraits(wanted)
    sent.workerPatienceNanoseconds = patience
    submission.traits.append(sent)
    let number = UInt32(submission.traits.count)
    traits[wanted] = number
    return number
  }

  mutating func work(_ work: Work) -> TaskWork {
    switch work.kind {
    case .literal: return .literal(type: number(type: work.type), bytes: work.bytes)
    case .gather: return .gather(element: number(type: work.element))
    case .alias: return .alias
    case .signal: return .signal
    case .call, .closure, .asynchronous:
      return .call(function: number(function: work.registered), arguments: work.bytes)
    }
  }

  mutating func number(function: RegisteredFunction?) -> UInt32 {
    guard let function else { return 0 }
    if let lastFunction, lastFunction.function === function { return lastFunction.number }
    let number = functions[ObjectIdentifier(function)] ?? UInt32(submission.functions.count)
    if Int(number) == submission.functions.count {
      submission.functions.append(FunctionName(name: function.name, version: function.version))
      functions[ObjectIdentifier(function)] = number
      bytes += 16 + function.name.utf8.count
    }
    lastFunction = (function, number)
    return number
  }

  private mutating func number(type: PortableValueType?) -> UInt32 {
    guard let type else { return 0 }
    // Types of arrays are objects of their own for each gather: the name says which they are.
    if let number = types[ObjectIdentifier(type)] { return number }
    let number: UInt32
    if let known = submission.types.firstIndex(of: type.name) {
      number = UInt32(known)
    } else {
      number = UInt32(submission.types.count)
      submission.types.append(type.name)
      bytes += 16 + type.name.utf8.count
    }
    return number
  }
}
