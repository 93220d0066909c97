/// How few results any order can keep alive at most.
struct OrderBound {
  /// No order has a lower peak.
  private(set) var peak = 0
  /// Whether every task has one dependent at most: then depth-first by need is optimal, and `peak` is what it reaches.
  private(set) var isForest = true

  /// O(tasks + dependencies).
  ///
  /// - Parameters:
  ///   - words: Memory for a word a task.
  ///   - reached: A peak that is known to be possible: a bound that equals it is not looked at again.
  init(_ shape: OrderShape, _ words: UnsafeMutablePointer<UInt32>, reached: Int) {
    // A task's inputs are alive together when it starts. Repeated ones count once.
    words.update(repeating: 0, count: shape.count)
    for task in 0..<shape.count {
      let row = shape.inputs(task)
      if shape.dependentStarts[task &+ 1] &- shape.dependentStarts[task] > 1 { isForest = false }
      if row.count <= peak { continue }
      let mark = UInt32(truncatingIfNeeded: task &+ 1)
      var distinct = 0
      for place in row {
        let input = Int(shape.dependencies[place])
        if words[input] != mark { distinct &+= 1 }
        words[input] = mark
      }
      peak = max(peak, distinct)
    }
    if !isForest || peak >= reached { return }
    for task in 0..<shape.count { peak = max(peak, Self.need(of: task, shape, words)) }
  }

  /// Writes how many results are alive at most while a task of a forest is computed and when it is (Sethi and Ullman 1970);
  /// the inputs that need most come first.
  ///
  /// - Returns: The same before it has run.
  private static func need(of task: Int, _ shape: OrderShape, _ needs: UnsafeMutablePointer<UInt32>) -> Int {
    let row = shape.inputs(task)
    var most: UInt32 = 0
    if row.count <= 16 {
      // Each input counts those before it: the needs in descending order, and their places.
      for place in row {
        let need = needs[Int(shape.dependencies[place])]
        var before: UInt32 = 0
        for other in row {
          let weight = needs[Int(shape.dependencies[other])]
          if weight > need || weight == need && other < place { before &+= 1 }
        }
        most = max(most, need &+ before)
      }
    } else {
      let sorted = row.map { needs[Int(shape.dependencies[$0])] }.sorted(by: >)
      for (place, need) in sorted.enumerated() { most = max(most, need &+ UInt32(truncatingIfNeeded: place)) }
    }
    needs[task] = max(1, most)
    return Int(most)
  }
}
