/// Several tasks that run as one: what they were. Parts stand in the order in which they run; the last one gives the result.
package struct FusedTask: Sendable {
  let family: any FusedFamily
  let number: Int

  /// What the parts were called.
  package var parts: [Key] { (0..<partCount).map { family.key(of: number, part: $0) } }

  /// How many there are.
  package var partCount: Int { family.partCount(of: number) }

  /// Whether all parts are data, so that the task could be sent to another process.
  package var isData: Bool { (0..<partCount).allSatisfy { family.isData(number, part: $0) } }

  /// What a part is made of; nil for closures, gathers and aliases.
  package func content(ofPart part: Int) -> TaskContent? { family.content(of: number, part: part) }

  /// Where a part finds its inputs: inputs of the fused task by their places, and results of earlier parts.
  package func wiring(ofPart part: Int) -> [FusedInput] { family.wiring(of: number, part: part) }
}

/// An input of a part of a fused task.
package enum FusedInput: Sendable, Hashable {
  /// The input of the fused task at this place.
  case outer(Int)
  /// The result of this part.
  case part(Int)
}

/// Who holds the parts of fused tasks; there are many in one, each with a number.
protocol FusedFamily: AnyObject, Sendable {
  func partCount(of number: Int) -> Int
  func key(of number: Int, part: Int) -> Key
  func isData(_ number: Int, part: Int) -> Bool
  func content(of number: Int, part: Int) -> TaskContent?
  func wiring(of number: Int, part: Int) -> [FusedInput]
}

/// A part of a fused task threw. Executors report the part, and what it threw, as if it had been a task of its own.
package struct FusedPartFailure: Error {
  /// The part.
  package let part: Key
  /// Where it was written, when that is known.
  package let location: TaskLocation?
  /// What it threw.
  package let underlying: any Error
}

extension TaskGraph {
  /// What a task was made of when an optimiser made it of several: their keys, in the order in which they run. The last one
  /// is the key of the task, and its result the task's. A task that is made of no others has itself as its only part.
  public func parts(of task: TaskID) -> [Key] {
    guard case .fused(let fused)? = content(of: task) else { return [key(of: task)] }
    // Graphs may be optimised again and again: parts can have parts.
    var parts: [Key] = []
    var open: [(task: FusedTask, next: Int)] = [(fused, 0)]
    while let (fused, next) = open.popLast() {
      if next + 1 < fused.partCount { open.append((fused, next + 1)) }
      if case .fused(let inner)? = fused.content(ofPart: next) {
        open.append((inner, 0))
      } else {
        parts.append(fused.family.key(of: fused.number, part: next))
      }
    }
    return parts
  }
}
