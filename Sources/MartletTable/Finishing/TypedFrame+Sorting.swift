extension TypedFrame {
  /// The rows in the order of `keys`, the first `limit` of them; rows that compare equal stay in their order, nulls
  /// come last in both directions.
  ///
  /// - Throws: `.invalidQuery` for a column that is not in the frame.
  package func sorted(by keys: [SortKey], limit: Int?) throws(TableError) -> TypedFrame {
    var rows = Array(0..<frame.rowCount)
    if !keys.isEmpty {
      var columns: [(cells: SortCells, isDescending: Bool)] = []
      for key in keys { columns.append((try cells(of: key.column), key.isDescending)) }
      rows.sort { left, right in
        for (cells, isDescending) in columns {
          let order = cells.compare(left, right, isDescending: isDescending)
          if order != 0 { return order < 0 }
        }
        return left < right
      }
    }
    if let limit { rows = Array(rows.prefix(limit)) }
    return TypedFrame(
      Frame(names: frame.names, columns: frame.columns.map { $0.picking(rows) }, rowCount: rows.count), types: types)
  }

  private func cells(of name: String) throws(TableError) -> SortCells {
    let schema = zip(frame.names, types).map { (name: $0, type: $1) }
    let index = try BoundExpression(.column(name), schema: schema).columns[0]
    return SortCells(frame.columns[index], type: types[index])
  }
}

/// The cells of a column in a form that compares quickly.
private struct SortCells {
  enum Values {
    case ints([Int64])
    case wideInts([Int128])
    case doubles([Double])
    case texts([UInt8], [Int])
  }

  let values: Values
  let validity: [Bool]?

  init(_ column: Column, type: ColumnType) {
    validity = column.validity
    values =
      switch column.values {
      case .bools(let cells): .ints(cells.map { $0 ? 1 : 0 })
      case .ints(let cells), .dates(let cells), .timestamps(let cells): .ints(cells)
      case .wideInts(let cells): .wideInts(cells)
      case .doubles(let cells): .doubles(cells)
      case .nulls(let count): .ints(Array(repeating: 0, count: count))
      case .texts(let bytes, let offsets): Self.parsed(bytes, offsets, type)
      }
  }

  /// Texts as the values that they are spelled for.
  private static func parsed(_ bytes: [UInt8], _ offsets: [Int], _ type: ColumnType) -> Values {
    if type == .text || type == .null { return .texts(bytes, offsets) }
    let cells = bytes.withUnsafeBufferPointer { bytes in
      (0..<offsets.count - 1).map { row -> Int64 in
        let cell = UnsafeBufferPointer(rebasing: bytes[offsets[row]..<offsets[row + 1]])
        return CellParser.padded(cell) { CellParser.bits($0, cell.count, as: type) } ?? 0
      }
    }
    return type == .double ? .doubles(cells.map { Double(bitPattern: UInt64(bitPattern: $0)) }) : .ints(cells)
  }

  func compare(_ left: Int, _ right: Int, isDescending: Bool) -> Int {
    if let validity, !validity[left] || !validity[right] {
      return validity[left] == validity[right] ? 0 : validity[left] ? -1 : 1
    }
    let order =
      switch values {
      case .ints(let cells): Self.order(cells[left], cells[right])
      case .wideInts(let cells): Self.order(cells[left], cells[right])
      case .doubles(let cells): Self.order(cells[left], cells[right])
      case .texts(let bytes, let offsets):
        Self.order(bytes[offsets[left]..<offsets[left + 1]], bytes[offsets[right]..<offsets[right + 1]])
      }
    return isDescending ? -order : order
  }

  private static func order<Number: Comparable>(_ left: Number, _ right: Number) -> Int {
    left < right ? -1 : left == right ? 0 : 1
  }

  /// NaN is the greatest number, as everywhere else.
  private static func order(_ left: Double, _ right: Double) -> Int {
    if left.isNaN || right.isNaN { return left.isNaN == right.isNaN ? 0 : left.isNaN ? 1 : -1 }
    return left < right ? -1 : left == right ? 0 : 1
  }

  private static func order(_ left: ArraySlice<UInt8>, _ right: ArraySlice<UInt8>) -> Int {
    left.lexicographicallyPrecedes(right) ? -1 : left.elementsEqual(right) ? 0 : 1
  }
}

extension Column {
  /// The cells whose numbers are in `rows`, in that order.
  fileprivate func picking(_ rows: [Int]) -> Column {
    let picked: Values =
      switch values {
      case .bools(let cells): .bools(rows.map { cells[$0] })
      case .ints(let cells): .ints(rows.map { cells[$0] })
      case .wideInts(let cells): .wideInts(rows.map { cells[$0] })
      case .doubles(let cells): .doubles(rows.map { cells[$0] })
      case .dates(let cells): .dates(rows.map { cells[$0] })
      case .timestamps(let cells): .timestamps(rows.map { cells[$0] })
      case .nulls: .nulls(count: rows.count)
      case .texts(let bytes, let offsets): Self.pickingTexts(bytes, offsets, rows)
      }
    return Column(picked, validity: validity.map { validity in rows.map { validity[$0] } })
  }

  private static func pickingTexts(_ bytes: [UInt8], _ offsets: [Int], _ rows: [Int]) -> Values {
    var picked: [UInt8] = []
    var ends = [0]
    ends.reserveCapacity(rows.count + 1)
    for row in rows {
      picked.append(contentsOf: bytes[offsets[row]..<offsets[row + 1]])
      ends.append(picked.count)
    }
    return .texts(bytes: picked, offsets: ends)
  }
}
