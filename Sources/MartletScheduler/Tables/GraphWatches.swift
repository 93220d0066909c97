import MartletProtocol

/// Graphs whose clients want to hear how far they are. Each task that is inserted for such a graph is counted under its label;
/// clients get all counts of a graph some times a second while they change, so that nothing is sent for single tasks.
struct GraphWatches: Sendable {
  private struct Watch: Sendable {
    let client: ClientID
    let graph: UInt32
    /// What its tasks' priorities hold.
    let number: UInt32
    /// Tasks of the graph that are known.
    var live = 0
    /// Whether more of them may come.
    var isOpen = true
    /// The numbers of the labels, beside their counts.
    var numbers: [UInt32] = []
    var counts: [LabelProgress] = []
    var isChanged = false
    var toldAt = Timestamp(nanoseconds: 0)
  }

  private var watches: [Watch] = []

  /// Watches of all clients, and labels of one graph; those beyond are counted together, without a label.
  static let limit = 256
  static let labelLimit = 256
  /// What has changed is told no more often.
  static let intervalNanoseconds: Int64 = 100_000_000

  var isEmpty: Bool { watches.isEmpty }
  var count: Int { watches.count }

  mutating func begin(_ client: ClientID, _ graph: UInt32, number: UInt32) {
    guard watches.count < GraphWatches.limit else { return }
    watches.append(Watch(client: client, graph: graph, number: number & 0xff_ffff))
  }

  private func place(of task: TaskRecord) -> Int? {
    let number = UInt32(truncatingIfNeeded: task.priority &>> 24) & 0xff_ffff
    return watches.lastIndex { $0.number == number && $0.client.rawValue == task.owner }
  }

  /// A task was inserted.
  mutating func add(_ task: TaskRecord) {
    if let place = place(of: task) { watches[place].live += 1 }
  }

  /// A task is forgotten.
  mutating func forget(_ task: TaskRecord) {
    guard let place = place(of: task) else { return }
    watches[place].live -= 1
    if watches[place].live == 0, !watches[place].isOpen { watches.remove(at: place) }
  }

  /// No task will be inserted for this graph any more.
  mutating func close(_ client: ClientID, number: UInt32) {
    guard let place = watches.lastIndex(where: { $0.client == client && $0.number == number & 0xff_ffff }) else {
      return
    }
    watches[place].isOpen = false
    if watches[place].live == 0 { watches.remove(at: place) }
  }

  /// The client is gone.
  mutating func removeAll(of client: ClientID) { watches.removeAll { $0.client == client } }

  /// A task of this label has changed its state.
  mutating func note(
    _ task: TaskRecord, _ label: UInt32, _ text: String, _ from: TaskState, _ to: TaskState, _ cause: Story.Cause
  ) {
    let isLost = from == .memory && cause == .inputLost
    guard from == .processing || to == .processing || to == .memory || to == .failed || isLost,
      let place = place(of: task)
    else { return }
    let row = row(of: label, text, place)
    watches[place].isChanged = true
    if to == .processing { watches[place].counts[row].running += 1 }
    if from == .processing, watches[place].counts[row].running > 0 { watches[place].counts[row].running -= 1 }
    if to == .memory { watches[place].counts[row].finished += 1 }
    if to == .failed { watches[place].counts[row].failed += 1 }
    if isLost, watches[place].counts[row].finished > 0 { watches[place].counts[row].finished -= 1 }
  }

  private mutating func row(of label: UInt32, _ text: String, _ place: Int) -> Int {
    // A number may have got another text since.
    if let row = watches[place].numbers.firstIndex(of: label), watches[place].counts[row].label == text { return row }
    if let row = watches[place].counts.firstIndex(where: { $0.label == text }) {
      watches[place].numbers[row] = label
      return row
    }
    let isFull = watches[place].counts.count == GraphWatches.labelLimit
    if isFull, let row = watches[place].counts.firstIndex(where: { $0.label.isEmpty }) { return row }
    if isFull { watches[place].counts[GraphWatches.labelLimit - 1].label = "" }
    if isFull { return GraphWatches.labelLimit - 1 }
    watches[place].numbers.append(label)
    watches[place].counts.append(LabelProgress(label: text))
    return watches[place].counts.count - 1
  }

  /// What is to be told now.
  mutating func due(at now: Timestamp) -> [(client: ClientID, graph: UInt32, labels: [LabelProgress])] {
    if watches.isEmpty { return [] }
    var list: [(client: ClientID, graph: UInt32, labels: [LabelProgress])] = []
    for place in watches.indices
    where watches[place].isChanged && now - watches[place].toldAt >= GraphWatches.intervalNanoseconds {
      watches[place].isChanged = false
      watches[place].toldAt = now
      list.append((watches[place].client, watches[place].graph, watches[place].counts))
    }
    return list
  }
}
