extension Vector {
  /// Keeps the cells whose numbers are in `selection`, ascending, and moves them to the front.
  package func keep(_ selection: UnsafePointer<UInt16>, count kept: Int) {
    for to in 0..<kept { ints[to] = ints[Int(selection[to])] }
    if type == .text {
      for to in 0..<kept { lengths[to] = lengths[Int(selection[to])] }
    }
    if hasNulls {
      for to in 0..<kept { valid[to] = valid[Int(selection[to])] }
    }
    count = kept
  }

  /// True where every cell is null.
  package var isAllNull: Bool {
    guard hasNulls else { return count == 0 }
    for row in 0..<count where valid[row] != 0 { return false }
    return true
  }

  /// Makes every one of `count` cells null.
  package func fillWithNulls(count: Int) {
    self.count = count
    hasNulls = true
    valid.update(repeating: 0, count: count)
    ints.update(repeating: 0, count: count)
  }
}
