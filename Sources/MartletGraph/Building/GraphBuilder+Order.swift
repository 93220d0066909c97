import MartletBytes

// Order without data. The later task depends on a signal, and the signal on the earlier task: so its result is dropped
// when the signal has run, and not kept until the later task has. To executors a signal is a task like any other.

extension GraphBuilder {
  /// Lets the task that is added next wait for the end of `nodes`, whose results it does not get.
  ///
  /// The key of a call that waits is another than that of the same call that does not.
  public mutating func waitNext(for nodes: [AnyNode]) {
    for node in nodes { signals.append(signal(of: check(node))) }
  }

  private mutating func signal(of task: UInt32) -> UInt32 {
    if let known = signalsByTask[task] { return known }
    let waiting = signals
    signals = []
    depend(on: task)
    let signal = append("signal", .signal, .none) { _, _, slot in slot.pointee.fill(()) }
    signals = waiting
    signalsByTask[task] = signal.rawValue
    return signal.rawValue
  }

  /// Adds the signals that the next task waits for behind its inputs, and hides them from its body.
  mutating func waitingCell(_ cell: consuming TaskCell) -> TaskCell {
    let inputs = columns.waitingDependencyCount
    for signal in signals { depend(on: signal) }
    signals = []
    let body = cell.body
    return TaskCell { values, context, slot in try body(values.prefix(inputs), context, slot) }
  }

  /// Makes the signals part of the key of the next task.
  func hashSignals(into hasher: inout StableHasher) {
    if signals.isEmpty { return }
    hasher.combine("martlet.after")
    for signal in signals { hasher.combine(columns.digests[Int(signal)]) }
  }
}
