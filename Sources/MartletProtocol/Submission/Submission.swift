package import MartletBytes

/// A graph, or a piece of one, on its way to the scheduler. Names stand once, in tables.
///
/// A graph larger than a frame goes in several pieces with the same `graph`; tasks of later pieces name tasks of earlier
/// ones by their digests. Nothing is run before the last piece is there, so that the order of all tasks is known.
package struct Submission: Equatable, Sendable {
  /// The client's number of the graph.
  package var graph: UInt32
  /// Whether nothing of this graph follows.
  package var isLast: Bool
  /// Whether the client wants to hear how far the tasks are. Looked at in the first piece.
  package var isWatched = false
  /// The functions that calls name.
  package var functions: [FunctionName] = []
  /// The types that constants and gathers name.
  package var types: [String] = []
  /// The labels of tasks.
  package var labels: [String] = []
  /// The traits of tasks that have any.
  package var traits: [WorkTraits] = []
  /// The tasks; each after those that it needs. Their order is the graph's static order.
  package var tasks: [SubmittedTask] = []
  /// The tasks whose results the client wants, as indices into `tasks`.
  package var wanted: [UInt32] = []
  /// Layers of blocks, behind the tasks; each after those that it needs.
  package var layers: [SubmittedLayer] = []

  package init(graph: UInt32, isLast: Bool) {
    self.graph = graph
    self.isLast = isLast
  }
}

/// One task of a submission.
package struct SubmittedTask: Equatable, Sendable {
  /// Its key.
  package var digest: Digest128
  /// An index into the labels.
  package var label: UInt32
  /// An index into the traits, plus one; 0: none.
  package var traits: UInt32
  /// What is to be done.
  package var work: TaskWork
  /// What it needs, in the order of its arguments.
  package var dependencies: [SubmittedDependency]
  /// How many of the last dependencies it only comes after: their results are not given to it.
  package var orderOnlyCount: UInt32

  package init(
    digest: Digest128, label: UInt32, traits: UInt32 = 0, work: TaskWork, dependencies: [SubmittedDependency] = [],
    orderOnlyCount: UInt32 = 0
  ) {
    self.digest = digest
    self.label = label
    self.traits = traits
    self.work = work
    self.dependencies = dependencies
    self.orderOnlyCount = orderOnlyCount
  }
}

/// A task that another one needs.
package enum SubmittedDependency: Equatable, Sendable {
  /// The task so many places before in the same submission; at least 1.
  case back(UInt32)
  /// A task that the scheduler knows already.
  case known(Digest128)
}

extension SubmittedDependency: PortableValue {
  package func write(to writer: inout ByteWriter) {
    switch self {
    case .back(let distance): writer.write(varint: UInt64(distance))
    case .known(let digest):
      writer.write(byte: 0)
      digest.write(to: &writer)
    }
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let distance = try reader.readIndex()
    self = distance == 0 ? .known(try Digest128(from: &reader)) : .back(distance)
  }
}

extension SubmittedTask: PortableValue {
  package static var leastBytes: Int { 21 }

  package func write(to writer: inout ByteWriter) {
    digest.write(to: &writer)
    writer.write(varint: UInt64(label))
    writer.write(varint: UInt64(traits))
    work.write(to: &writer)
    writer.write(varint: UInt64(orderOnlyCount))
    dependencies.write(to: &writer)
  }

  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    digest = try Digest128(from: &reader)
    label = try reader.readIndex()
    traits = try reader.readIndex()
    work = try TaskWork(from: &reader)
    orderOnlyCount = try reader.readIndex()
    dependencies = try [SubmittedDependency](from: &reader)
    if Int(orderOnlyCount) > dependencies.count {
      throw ByteError(offset: start, "\(orderOnlyCount) of \(dependencies.count) dependencies are for order only")
    }
  }
}

extension Submission: PortableValue {
  package func write(to writer: inout ByteWriter) {
    writer.write(graph)
    isLast.write(to: &writer)
    isWatched.write(to: &writer)
    functions.write(to: &writer)
    types.write(to: &writer)
    labels.write(to: &writer)
    traits.write(to: &writer)
    tasks.write(to: &writer)
    writer.write(varint: UInt64(wanted.count))
    for index in wanted { writer.write(index) }
    layers.write(to: &writer)
  }

  /// Reads a submission and checks that every index in it is inside its table: who uses it need not check again.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    graph = try reader.read()
    isLast = try Bool(from: &reader)
    isWatched = try Bool(from: &reader)
    functions = try [FunctionName](from: &reader)
    types = try reader.readShortTexts()
    labels = try reader.readShortTexts()
    traits = try [WorkTraits](from: &reader)
    tasks = try [SubmittedTask](from: &reader)
    wanted = []
    for _ in 0..<(try reader.readCount(elementBytes: 4)) { wanted.append(try reader.read()) }
    layers = try [SubmittedLayer](from: &reader)
    if let problem = inconsistency() { throw ByteError(offset: start, problem) }
  }

  /// What is wrong with the indices; nil when nothing is.
  package func inconsistency() -> String? {
    for (place, task) in tasks.enumerated() {
      guard Int(task.label) < labels.count else {
        return "task \(place) has the label \(task.label) of \(labels.count)"
      }
      guard Int(task.traits) <= traits.count else {
        return "task \(place) has the traits \(task.traits) of \(traits.count)"
      }
      let inputs = task.dependencies.count - Int(task.orderOnlyCount)
      switch task.work {
      case .call(let function, _):
        guard Int(function) < functions.count else {
          return "task \(place) calls function \(function) of \(functions.count)"
        }
      case .literal(let type, _), .gather(let type):
        guard Int(type) < types.count else { return "task \(place) has the type \(type) of \(types.count)" }
      case .alias, .signal:
        guard inputs == 1 else { return "task \(place) needs one input, it has \(inputs)" }
      }
      for case .back(let distance) in task.dependencies where Int(distance) > place {
        return "task \(place) needs a task \(distance) places before it"
      }
    }
    for (place, layer) in layers.enumerated() {
      guard Int(layer.label) < labels.count, Int(layer.traits) <= traits.count, Int(layer.function) < functions.count
      else { return "layer \(place) has a label, traits or a function that are not there" }
      let isAscending = zip(layer.wanted, layer.wanted.dropFirst()).allSatisfy { $0 < $1 }
      guard
        layer.wanted.isEmpty || (isAscending && !layer.isWanted && layer.wanted[layer.wanted.count - 1] < layer.count)
      else {
        return "layer \(place) of \(layer.count) blocks is wanted in part, but not by ascending numbers of its blocks"
      }
    }
    if let index = wanted.first(where: { Int($0) >= tasks.count }) {
      return "task \(index) of \(tasks.count) is wanted"
    }
    return nil
  }
}
