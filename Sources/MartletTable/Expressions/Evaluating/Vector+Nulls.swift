/// Sixteen zeros that a null text points to.
///
/// Never written after it was made, so all threads may read it.
nonisolated(unsafe) let emptyText: UnsafePointer<UInt8> = {
  let bytes = UnsafeMutablePointer<UInt8>.allocate(capacity: 32)
  bytes.initialize(repeating: 0, count: 32)
  return UnsafePointer(bytes)
}()

extension Vector {
  /// Makes cell `row` null; the caller sets `hasNulls`, and the `valid` of all other rows.
  @inline(__always)
  func setNull(_ row: Int) {
    valid[row] = 0
    if type == .text {
      texts[row] = emptyText
      lengths[row] = 0
    } else {
      ints[row] = 0
    }
  }

  /// Marks all `count` cells as values, before single ones become null.
  func markAllValid() {
    valid.update(repeating: 1, count: count)
    hasNulls = true
  }

  /// Makes all cells null.
  func makeAllNull() {
    hasNulls = true
    for row in 0..<count { setNull(row) }
  }

  /// Null where `a` is, or `b`: the rule for every operator that is no logic. Called after the values were written.
  func takeNulls(of a: Vector, _ b: Vector? = nil) {
    let validA = a.valid
    let rows = count
    if a.hasNulls, let b, b.hasNulls {
      let validB = b.valid
      for row in 0..<rows { valid[row] = validA[row] & validB[row] }
    } else if a.hasNulls {
      valid.update(from: validA, count: rows)
    } else if let b, b.hasNulls {
      valid.update(from: b.valid, count: rows)
    } else {
      return
    }
    hasNulls = true
    clearNulls()
  }

  /// Writes zero or the empty text into all null cells.
  func clearNulls() {
    let rows = count
    if type == .text {
      for row in 0..<rows where valid[row] == 0 {
        texts[row] = emptyText
        lengths[row] = 0
      }
    } else {
      for row in 0..<rows { ints[row] &= 0 &- Int64(valid[row]) }
    }
  }

  /// Copies cell `row` of `other`, which has the same type; `valid` must be in use in both.
  @inline(__always)
  func copy(_ row: Int, of other: Vector) {
    ints[row] = other.ints[row]
    if type == .text { lengths[row] = other.lengths[row] }
  }
}
