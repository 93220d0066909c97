extension Column {
  /// Columns of one type, one below the other; a column of nothing but nulls may stand among them.
  static func joined(_ pieces: [Column]) -> Column {
    let total = pieces.reduce(0) { $0 + $1.count }
    var validity: [Bool]?
    if pieces.contains(where: { $0.validity != nil }) {
      var all: [Bool] = []
      all.reserveCapacity(total)
      for piece in pieces { all.append(contentsOf: piece.validity ?? [Bool](repeating: true, count: piece.count)) }
      validity = all
    }
    func gather<Cell>(_ cells: (Column) -> [Cell]?) -> [Cell]? {
      var all: [Cell] = []
      all.reserveCapacity(total)
      for piece in pieces {
        guard let cells = cells(piece) else { return nil }
        all.append(contentsOf: cells)
      }
      return all
    }
    switch pieces[0].values {
    case .bools:
      return Column(
        .bools(gather { if case .bools(let cells) = $0.values { cells } else { nil } }!), validity: validity)
    case .ints, .wideInts:
      if let ints = gather({ if case .ints(let cells) = $0.values { cells } else { nil } }) {
        return Column(.ints(ints), validity: validity)
      }
      let wide: [Int128] = gather {
        switch $0.values {
        case .ints(let cells): cells.map { Int128($0) }
        case .wideInts(let cells): cells
        default: nil
        }
      }!
      return Column(.wideInts(wide), validity: validity)
    case .doubles:
      return Column(
        .doubles(gather { if case .doubles(let cells) = $0.values { cells } else { nil } }!), validity: validity)
    case .dates:
      return Column(
        .dates(gather { if case .dates(let cells) = $0.values { cells } else { nil } }!), validity: validity)
    case .timestamps:
      return Column(
        .timestamps(gather { if case .timestamps(let cells) = $0.values { cells } else { nil } }!), validity: validity)
    case .nulls: return Column(.nulls(count: total))
    case .texts:
      var bytes: [UInt8] = []
      var offsets: [Int] = [0]
      offsets.reserveCapacity(total + 1)
      var length = 0
      for piece in pieces { if case .texts(let pieceBytes, _) = piece.values { length += pieceBytes.count } }
      bytes.reserveCapacity(length)
      for piece in pieces {
        guard case .texts(let pieceBytes, let pieceOffsets) = piece.values else { continue }
        let base = bytes.count
        bytes.append(contentsOf: pieceBytes)
        for index in 1..<pieceOffsets.count { offsets.append(base + pieceOffsets[index]) }
      }
      return Column(.texts(bytes: bytes, offsets: offsets), validity: validity)
    }
  }
}
