/// A frame together with what its cells stand for: a column that was copied byte for byte is text in memory, and an
/// int, say, to whoever writes JSON or compares.
package struct TypedFrame: Sendable {
  package var frame: Frame
  package var types: [ColumnType]

  package init(_ frame: Frame, types: [ColumnType]) {
    self.frame = frame
    self.types = types
  }

  /// The frame with the types that its own cells show.
  package init(inferringTypesOf frame: Frame) {
    self.init(frame, types: frame.columns.map(\.shownType))
  }
}

extension Column {
  /// The type of the column, for text the one that its cells show.
  fileprivate var shownType: ColumnType {
    guard case .texts(let bytes, let offsets) = values else { return type }
    var seen: SeenTypes = []
    bytes.withUnsafeBufferPointer { bytes in
      for row in 0..<count where isValid(row) && seen.columnType != .text {
        seen.formUnion(CellParser.classify(UnsafeBufferPointer(rebasing: bytes[offsets[row]..<offsets[row + 1]])))
      }
    }
    return seen.columnType
  }

  /// Puts the cells of `rows`, at most a batch, into a vector of the type `type`.
  ///
  /// - Throws: `.invalidQuery` for a whole number beyond 64 bits, which no expression can take.
  package func load(_ rows: Range<Int>, as type: ColumnType, into vector: Vector, arena: TextArena) throws(TableError) {
    vector.type = type
    vector.count = rows.count
    vector.hasNulls = false
    for (to, row) in rows.enumerated() {
      let isValid = isValid(row)
      vector.valid[to] = isValid ? 1 : 0
      if !isValid { vector.hasNulls = true }
      switch values {
      case .bools(let cells): vector.ints[to] = cells[row] ? 1 : 0
      case .ints(let cells), .dates(let cells), .timestamps(let cells): vector.ints[to] = cells[row]
      case .doubles(let cells): vector.doubles[to] = cells[row]
      case .wideInts(let cells):
        guard let cell = Int64(exactly: cells[row]) else {
          throw TableError(
            .invalidQuery, "the sum \(cells[row]) is beyond 64 bits and cannot be computed with",
            remedy: "take the sum alone, or sum CAST(… AS double)")
        }
        vector.ints[to] = cell
      case .nulls: vector.ints[to] = 0
      case .texts(let bytes, let offsets):
        let text = bytes[offsets[row]..<offsets[row + 1]]
        let copy = arena.allocate(text.count)
        for (index, byte) in text.enumerated() { copy[index] = byte }
        if type == .text {
          vector.texts[to] = UnsafePointer(copy)
          vector.lengths[to] = UInt32(text.count)
        } else {
          vector.ints[to] = CellParser.bits(UnsafePointer(copy), text.count, as: type) ?? 0
        }
      }
    }
  }
}

extension TypedFrame {
  /// The rows of all frames, one after the other; all have the same columns.
  package static func joining(_ frames: [TypedFrame]) -> TypedFrame {
    TypedFrame(Frame.concatenating(frames.map(\.frame)), types: frames.first?.types ?? [])
  }
}
