import Glibc
public import Martlet
import MartletClient
import MartletProtocol

extension Client: Executor {
  /// Computes `outputs` on the cluster, and brings their results here; see `Executor`.
  ///
  /// Of the options `cancellation` and the observer of `events` are respected: the observer is told some times a second how
  /// many tasks of each label are done. Memory, resources and threads are the workers' affair. A run that was cancelled returns at
  /// once, one that has failed when the scheduler has told the story of the failure, or after two seconds: bodies that run on
  /// workers are asked to stop, nobody waits for them.
  ///
  /// - Throws: `TaskFailure` with a `ClusterTaskError` below it; `ShippingError` for a task that cannot be sent;
  ///   `CancellationError`; `ClusterError` when the session is over.
  public func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
    guard let events = options.events else { return try carryOut(graph, outputs, options, nil) }
    return try events.observing(graph, outputs: outputs, threads: 1) {
      (tell: (@Sendable ([RunAdvance]) -> Void)?) in
      guard let tell else { return try carryOut(graph, outputs, options, nil) }
      return try carryOut(graph, outputs, options) { labels in tell(labels.map { RunAdvance($0) }) }
    }
  }

  /// - Parameter onProgress: Is told how far the tasks are; nil: the scheduler is not asked.
  private func carryOut(
    _ graph: TaskGraph, _ outputs: [AnyNode], _ options: RunOptions,
    _ onProgress: (@Sendable ([LabelProgress]) -> Void)?
  ) throws -> RunResults {
    link.requireOffLoop()
    for output in outputs { graph.check(output) }
    var wanted: [TaskID] = []
    for task in outputs.map(\.id).sorted() where wanted.last != task { wanted.append(task) }
    let slots = SlotTable(count: graph.count, wanted: wanted)
    if wanted.isEmpty { return RunResults(graph, outputs, from: slots.slots, peakResultBytes: nil) }

    let run = GraphRun(onProgress: onProgress)
    let sources = [options.cancellation, CancellationSource.current].compactMap { $0 }
    let handlers = sources.map { source in source.onCancel { run.cancel() } }
    defer {
      for (source, handler) in zip(sources, handlers) { source.remove(handler) }
      link.post(.endRun(run))
    }
    if sources.contains(where: \.isCancelled) { throw CancellationError() }
    var shipment = try GraphShipment(
      graph, number: 0, wanted: wanted, registry: link.registry,
      leastLayerBlocks: link.shell.options.leastLayerBlocks)
    // Futures that the graph needs are kept until the session has all of it.
    let inputs = try link.checked(shipment.references)
    var wait = SelfWait()
    try withExtendedLifetime(inputs) {
      while var piece = try shipment.next() {
        piece.isWatched = onProgress != nil
        wait.note(piece)
        let size = piece.estimatedBytes
        try link.post(.piece(run, piece), size: size) { sources.contains(where: \.isCancelled) }
      }
      try wait.check(shipment.wantedDigests)
      try collect(run, shipment, wanted, slots)
    }
    return RunResults(graph, outputs, from: slots.slots, peakResultBytes: nil)
  }

  /// Waits for the results and reads them, in batches.
  private func collect(
    _ run: GraphRun, _ shipment: GraphShipment, _ wanted: [TaskID], _ slots: SlotTable
  ) throws {
    // Several wanted tasks may have one place: equal work.
    var tasks = [[TaskID]](repeating: [], count: wanted.count)
    for (task, place) in zip(wanted, shipment.wantedPlaces) { tasks[place].append(task) }
    var batch: [GraphRun.Arrival] = []
    while true {
      let end = run.next(&batch)
      for arrival in batch {
        guard arrival.place < tasks.count else { continue }
        for task in tasks[arrival.place] {
          let expected = shipment.type(of: task)
          if let expected, expected.name != arrival.value.type {
            throw ClusterError.wrongType(arrival.value.type, expected: expected.name)
          }
          let value = try arrival.value.take(link.registry)
          slots.put(value, for: task)
        }
      }
      batch.removeAll(keepingCapacity: true)
      switch end {
      case nil: continue
      case .complete:
        if let missing = wanted.first(where: { slots.slots[$0.index].isEmpty }) {
          throw ClusterError.notFetched("the task \(missing) has none")
        }
        return
      case .cancelled: throw CancellationError()
      case .lost(let error): throw error
      case .failed(let failure): throw self.failure(failure, shipment, wanted)
      }
    }
  }

  /// The failure of a task as a local run has it, with what the cluster knows below it.
  private func failure(_ record: FailureRecord, _ shipment: GraphShipment, _ wanted: [TaskID]) -> any Error {
    if record.kind == .cancelled { return CancellationError() }
    var error = ClusterTaskError(record)
    // The scheduler may have forgotten it, or be gone: then there is no story.
    if case .answer(.text(let text))? = try? link.ask(
      .ask(.story(record.key)), timeout: .seconds(2), what: "the story of a task")
    {
      error.story = text.split(separator: "\n").map(String.init)
    }
    return shipment.failure(record.key, error, attempts: Int(record.attempts), outputs: wanted)
  }
}

extension RunAdvance {
  fileprivate init(_ label: LabelProgress) {
    self.init(
      label: label.label, running: Int(label.running), finished: Int(label.finished), failed: Int(label.failed))
  }
}

/// Slots by task, of which only the wanted ones are ever filled; those that nobody took are cleared at the end.
private final class SlotTable {
  let slots: UnsafeMutablePointer<Slot>
  private let wanted: [TaskID]

  init(count: Int, wanted: [TaskID]) {
    self.wanted = wanted
    // Pages that are not wanted are never touched: zeros are empty slots.
    guard let memory = calloc(max(1, count), MemoryLayout<Slot>.stride) else {
      fatalError("no memory for the results of \(count) tasks")
    }
    slots = memory.bindMemory(to: Slot.self, capacity: max(1, count))
  }

  deinit {
    for task in wanted { slots[task.index].clear() }
    free(slots)
  }

  func put(_ value: Slot, for task: TaskID) {
    slots[task.index].clear()
    slots[task.index] = value
  }
}
