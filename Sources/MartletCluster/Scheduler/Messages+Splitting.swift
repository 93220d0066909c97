import MartletProtocol

// Messages that are lists, said in two pieces where one is larger than a frame.

extension SchedulerToClient {
  /// The same in two messages; nil when it cannot be divided.
  var halves: (SchedulerToClient, SchedulerToClient)? {
    switch self {
    case .finished(let list): list.halves.map { (.finished($0), .finished($1)) }
    case .recomputing(let list): list.halves.map { (.recomputing($0), .recomputing($1)) }
    case .holders(let list): list.halves.map { (.holders($0), .holders($1)) }
    // Its parts are said one after the other: the client knows how many tasks it waits for.
    case .accepted(let graph, let list):
      list.halves.map { (.accepted(graph: graph, wanted: $0), .accepted(graph: graph, wanted: $1)) }
    case .refused, .failed, .answer, .named, .coordinated, .onWorkers, .progress, .restarted, .stranded, .denied,
      .heartbeat,
      .goodbye:
      nil
    }
  }
}

extension SchedulerToWorker {
  /// The same in two messages; nil when it cannot be divided.
  var halves: (SchedulerToWorker, SchedulerToWorker)? {
    switch self {
    case .compute(let list): list.halves.map { (.compute($0), .compute($1)) }
    case .cancel(let list): list.halves.map { (.cancel($0), .cancel($1)) }
    case .release(let list): list.halves.map { (.release($0), .release($1)) }
    case .fetch(let list): list.halves.map { (.fetch($0), .fetch($1)) }
    case .named(let list): list.halves.map { (.named($0), .named($1)) }
    case .push(let list): list.halves.map { (.push($0), .push($1)) }
    case .inputs(let list): list.halves.map { (.inputs($0), .inputs($1)) }
    case .welcome, .refused, .steal, .holders, .peerLost, .retired, .coordinated, .heartbeat, .goodbye, .restart: nil
    }
  }

  /// A single task without those small inputs that the worker can get from other workers; nil when there are none.
  var withoutHeldInlines: SchedulerToWorker? {
    guard case .compute(let tasks) = self, tasks.count == 1, let task = tasks.first else { return nil }
    var inputs = task.inputs
    var changed = false
    for place in inputs.indices where inputs[place].inline != nil && !inputs[place].holders.isEmpty {
      inputs[place].inline = nil
      changed = true
    }
    return changed ? .compute([task.with(inputs: inputs)]) : nil
  }
}

extension Array {
  var halves: ([Element], [Element])? {
    count < 2 ? nil : (Array(self[..<(count / 2)]), Array(self[(count / 2)...]))
  }
}
