import MartletProtocol

/// What tasks share: their label, their traits, and what is done. Numbered; forgotten with the last task of the kind.
struct TaskKind: Hashable, Sendable {
  /// What is done, without the data.
  enum Work: Hashable, Sendable {
    /// A function's number.
    case call(UInt32)
    /// A function's number, and that of the arguments that a layer's blocks share.
    case block(function: UInt32, prefix: UInt32)
    /// A type's number.
    case literal(UInt32)
    case gather(UInt32)
    case alias
    case signal
  }

  /// An index into the scheduler's labels.
  var label: UInt32
  /// An index into the scheduler's traits; 0: none.
  var traits: UInt32
  var work: Work

  /// The function that a worker has to know.
  var function: UInt32? {
    switch work {
    case .call(let function), .block(let function, _): function
    case .literal, .gather, .alias, .signal: nil
    }
  }
}

struct TaskKinds: Sendable {
  private var kinds: [TaskKind] = []
  private var uses: [Int] = []
  private var free: [UInt32] = []
  // Only looked up, never walked.
  private var numbers: [TaskKind: UInt32] = [:]
  private var last: UInt32 = 0

  var count: Int { kinds.count - free.count }

  subscript(number: UInt32) -> TaskKind { kinds[Int(number)] }

  /// The number of a kind, counted as one use more; whether it is new, so that its label and the like have to be counted.
  mutating func use(_ kind: TaskKind) -> (number: UInt32, isNew: Bool) {
    if Int(last) < kinds.count, uses[Int(last)] > 0, kinds[Int(last)] == kind {
      uses[Int(last)] += 1
      return (last, false)
    }
    if let known = numbers[kind] {
      uses[Int(known)] += 1
      last = known
      return (known, false)
    }
    if let old = free.popLast() {
      last = old
      kinds[Int(old)] = kind
      uses[Int(old)] = 1
    } else {
      last = UInt32(kinds.count)
      kinds.append(kind)
      uses.append(1)
    }
    numbers[kind] = last
    return (last, true)
  }

  /// One use less; the kind when that was the last one.
  mutating func leave(_ number: UInt32) -> TaskKind? {
    uses[Int(number)] -= 1
    guard uses[Int(number)] == 0 else { return nil }
    free.append(number)
    numbers[kinds[Int(number)]] = nil
    return kinds[Int(number)]
  }
}
