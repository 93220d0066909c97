import MartletBytes

/// Two graphs have a key in common that stands for other work in each.
public struct KeyConflict: Error, Sendable, CustomStringConvertible {
  /// The task that was there first.
  public let first: Key
  /// The one that has the same key.
  public let second: Key
  /// How they differ.
  public let reason: String

  /// Names both tasks.
  public var description: String {
    "the tasks \(first) and \(second) have the same key, but \(reason): "
      + "let `hash(into:)` of the function combine all that its result depends on, or give one of the functions another name"
  }
}

extension TaskGraph {
  /// One graph of several. Tasks that are data (calls, literals) and have equal keys are one task; so are gathers and aliases
  /// of the same tasks. Closures of two graphs are never equal: where they have the same key, which is made of a label and a
  /// number only, the later one gets another, and so do the calls that work on it.
  ///
  /// Some 100 ns a task.
  ///
  /// - Throws: `KeyConflict` when calls or literals have the same key and are not the same work.
  public static func merged(_ graphs: [TaskGraph]) throws -> OptimizedGraph {
    var merging = GraphMerging()
    var sources: [(stamp: UInt32, numbers: [UInt32])] = []
    for (place, graph) in graphs.enumerated() where !graphs[..<place].contains(where: { $0 === graph }) {
      sources.append((graph.stamp, try merging.add(graph)))
    }
    return OptimizedGraph(merging.build(), from: sources)
  }
}

private struct GraphMerging: ~Copyable {
  private var builder = GraphBuilder()
  private var known = DigestTable(capacity: 1 << 10)
  /// By new number, where its content stands in the builder's contents plus one.
  private var contentPlaces: [UInt32] = []

  init() {}

  consuming func build() -> TaskGraph { builder.build() }

  /// Adds what is not there yet; returns the new numbers of all tasks.
  mutating func add(_ graph: TaskGraph) throws -> [UInt32] {
    var numbers = [UInt32](repeating: .max, count: graph.count)
    let labels = graph.labels.names.map { builder.labels.intern($0) }
    var contents = graph.contents.makeIterator()
    var nextContent = contents.next()
    for task in 0..<graph.count {
      var content: TaskContent?
      if let entry = nextContent, Int(entry.task) == task {
        content = entry.content
        nextContent = contents.next()
      }
      let new = UInt32(builder.columns.count)
      var digest = graph.columns.digests[task]
      if case .call(let function)? = content,
        graph.inputPlaces(of: task).contains(where: {
          let input = Int(graph.dependencies[$0])
          return builder.columns.digests[Int(numbers[input])] != graph.columns.digests[input]
        })
      {
        digest = graph.callDigest(of: function, task) { builder.columns.digests[Int(numbers[$0])] }
      }
      let found = known.find(digest, else: new)
      if found != new {
        switch compare(graph, task, content, with: Int(found), numbers) {
        case .same:
          numbers[task] = found
          continue
        case .other(let reason):
          throw KeyConflict(
            first: Key(
              digest: digest, label: builder.labels.names[Int(builder.columns.labels[Int(found)])]),
            second: Key(digest: digest, label: graph.labels.names[Int(graph.columns.labels[task])]), reason: reason)
        case .unknown:
          var ordinal: UInt64 = 0
          let family = digest
          repeat {
            digest = family.member(ordinal)
            ordinal += 1
          } while known.find(digest, else: new) != new
        }
      }
      for place in graph.inputPlaces(of: task) { builder.columns.depend(on: numbers[Int(graph.dependencies[place])]) }
      let id = builder.columns.append(
        digest: digest, label: labels[Int(graph.columns.labels[task])], kind: graph.columns.kinds[task],
        cell: TaskCell(body: graph.cells[task].body))
      numbers[task] = id.rawValue
      contentPlaces.append(0)
      if let content {
        builder.contents.append((id.rawValue, content))
        contentPlaces[id.index] = UInt32(builder.contents.count)
      }
    }
    for entry in graph.traitList {
      let new = numbers[Int(entry.task)]
      if builder.traits.last.map({ $0.task < new }) ?? true { builder.traits.append((new, entry.traits)) }
    }
    return numbers
  }

  private enum Comparison {
    case same
    case other(String)
    /// Nothing can be said of closures.
    case unknown
  }

  /// Compares a task with one that has its key already.
  private func compare(
    _ graph: TaskGraph, _ task: Int, _ content: TaskContent?, with found: Int, _ numbers: [UInt32]
  ) -> Comparison {
    let kind = graph.columns.kinds[task]
    let places = graph.inputPlaces(of: task)
    let foundPlaces = Int(builder.columns.ends[found])..<Int(builder.columns.ends[found + 1])
    let hasSameInputs =
      places.count == foundPlaces.count
      && zip(places, foundPlaces).allSatisfy {
        numbers[Int(graph.dependencies[$0])] == builder.columns.dependencies[$1]
      }
    let place = Int(contentPlaces[found])
    let foundContent = place == 0 ? nil : builder.contents[place - 1].content
    switch (content, foundContent) {
    case (.call(let one)?, .call(let other)?):
      let (name, otherName) = (type(of: one).name, type(of: other).name)
      if name != otherName { return .other("one calls \(otherName), the other \(name)") }
      let (version, otherVersion) = (type(of: one).version, type(of: other).version)
      if version != otherVersion { return .other("they call versions \(otherVersion) and \(version) of \(name)") }
      return hasSameInputs ? .same : .other("they work on other tasks")
    case (.literal(let one)?, .literal(let other)?):
      guard let bytes = (one as? any PortableValue)?.portableBytes(),
        let otherBytes = (other as? any PortableValue)?.portableBytes()
      else { return .unknown }
      guard hasSameInputs, type(of: one) == type(of: other), bytes == otherBytes else {
        // Constants that were added as values of any type are told apart by numbers, as closures are.
        return .unknown
      }
      return .same
    case (.fused(let one)?, .fused(let other)?):
      return one.isData && other.isData && hasSameInputs && one.parts == other.parts ? .same : .unknown
    case (nil, nil):
      let isStructure = kind == .gather || kind == .alias || kind == .signal
      let isSame = isStructure && kind == builder.columns.kinds[found] && hasSameInputs && !places.isEmpty
      return isSame ? .same : .unknown
    case (.call?, .literal?), (.literal?, .call?): return .other("one is a call and the other a literal")
    case (.fused?, _), (_, .fused?), (nil, _), (_, nil): return .unknown
    }
  }
}
