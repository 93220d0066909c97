public import MartletGraph

/// Why a run failed: the task that threw, and what depends on it.
public struct TaskFailure: Error, Sendable, CustomStringConvertible {
  /// The task that threw.
  public let task: TaskID
  /// Its key; that of the part which threw when the task is a fused one.
  public let key: Key
  /// Where in the program it was written; nil when that is not known.
  public let location: TaskLocation?
  /// The keys from an output of the run down to the task, both included.
  public let path: [Key]
  /// What the task threw, the last time.
  public let underlying: any Error
  /// How often the task was run: more than once where its trait `retry` says so, never where it could not start.
  public let attempts: Int

  package init(
    _ graph: TaskGraph, _ task: Int, _ underlying: any Error, attempts: Int, isOutput: (Int) -> Bool,
    isNeeded: (Int) -> Bool
  ) {
    self.task = TaskID(rawValue: UInt32(task))
    self.attempts = attempts
    // A part of a fused task is reported as if it had been a task of its own.
    let part = underlying as? FusedPartFailure
    self.underlying = part?.underlying ?? underlying
    key = part?.part ?? graph.key(of: self.task)
    location = part.map(\.location) ?? graph.location(of: self.task)
    // From the task up to the first output. Dependents have higher numbers, so this ends.
    var upwards = [key]
    if key != graph.key(of: self.task) { upwards.append(graph.key(of: self.task)) }
    var current = task
    while !isOutput(current) {
      let places = Int(graph.dependentStarts[current])..<Int(graph.dependentStarts[current + 1])
      guard let next = places.lazy.map({ Int(graph.dependents[$0]) }).first(where: isNeeded) else { break }
      current = next
      upwards.append(graph.key(of: TaskID(rawValue: UInt32(current))))
    }
    path = upwards.reversed()
  }

  /// What failed, below what, and why. Long paths show their ends only.
  public var description: String {
    var text =
      switch attempts {
      case 0: "task \(key) cannot run: \(underlying)"
      case 1: "task \(key) failed: \(underlying)"
      default: "task \(key) failed \(attempts) times: \(underlying)"
      }
    if let location { text += " (written at \(location))" }
    if path.count > 1 {
      var steps = path.map(\.description)
      if steps.count > 8 { steps.replaceSubrange(4..<(steps.count - 3), with: ["… \(steps.count - 7) more …"]) }
      text += " (needed by \(steps.joined(separator: " > ")))"
    }
    return text
  }
}
