/// Carries out a `ScanPlan` on the records of one partition: batch by batch, in scratch memory that is reused.
///
/// A batch goes through these steps: the cells of the typed columns are fetched and parsed; derived columns that the
/// filter reads are computed; the filter selects, and what is left moves together; the cells that only the sink
/// wants are fetched; the other derived columns are computed; the sink takes it all.
///
/// Every cell of a typed column is parsed, also those of records that the filter leaves out: types are inferred over
/// the whole input. Not thread safe: a scan belongs to one task.
package final class PartitionScan {
  private let plan: ScanPlan
  private let sourceName: String
  private let arena = TextArena()
  private let sink: any Sink
  private let filter: BoundExpression?
  private let derived: [BoundExpression]
  private let derivedBeforeFilter: [Int]
  private let derivedAfterFilter: [Int]
  /// Columns of the files whose cells are needed as text before the filter, and those only behind it.
  private let fetchedBeforeFilter: [Int]
  private let fetchedAfterFilter: [Int]
  private let selection: UnsafeMutablePointer<UInt16>
  private var batch: ScanBatch
  private var parsed: [Vector?]
  private var contradictions: [SeenTypes]
  private var isContradicted = false

  /// Binds the plan's expressions to its columns.
  ///
  /// - Throws: `.invalidQuery` where an expression does not fit the types that the plan gives its columns.
  package init(_ plan: ScanPlan, sourceName: String, file: Int = 0) throws(TableError) {
    self.plan = plan
    self.sourceName = sourceName
    var schema: [SchemaColumn] = plan.columns.map { (name: $0.name, type: $0.type) }
    var derived: [BoundExpression] = []
    for column in plan.derived {
      let bound = try BoundExpression(column.expression, schema: schema)
      derived.append(bound)
      schema.append((name: column.name, type: bound.type))
    }
    self.derived = derived
    filter = try plan.filter.map { (expression) throws(TableError) in
      try BoundExpression(expression, schema: schema)
    }
    sink = try plan.sink.makeSink(file: file, fileColumns: plan.columns.count, schema: schema)
    // Behind what may throw: nobody would give it back.
    selection = .allocate(capacity: Batch.capacity)

    let fileColumns = plan.columns.count
    var early: Set<Int> = []
    var reach = filter?.columns.filter { $0 >= fileColumns } ?? []
    while let slot = reach.popLast() {
      if early.insert(slot - fileColumns).inserted {
        reach += derived[slot - fileColumns].columns.filter { $0 >= fileColumns }
      }
    }
    derivedBeforeFilter = derived.indices.filter { early.contains($0) }
    derivedAfterFilter = derived.indices.filter { !early.contains($0) }
    let typed = Set(plan.typedColumns)
    let raw = Set(plan.sink.rawSlots.filter { $0 < fileColumns })
    if filter == nil {
      fetchedBeforeFilter = typed.union(raw).sorted()
      fetchedAfterFilter = []
    } else {
      fetchedBeforeFilter = typed.sorted()
      fetchedAfterFilter = raw.subtracting(typed).sorted()
    }
    batch = ScanBatch(slots: schema.count, wantsOffsets: sink.wantsOffsets)
    parsed = Array(repeating: nil, count: fileColumns)
    for column in typed.union(raw) { batch.texts[column] = Vector(type: .text) }
    for column in typed where plan.columns[column].type != .text {
      parsed[column] = Vector(type: plan.columns[column].type)
    }
    contradictions = Array(repeating: [], count: plan.typedColumns.count)
  }

  deinit { selection.deallocate() }

  /// Reads all records of the partition.
  ///
  /// - Parameters:
  ///   - reader: Stands at the beginning of the partition.
  ///   - onBlock: Called after each block with the offset reached; throws to stop (cancellation, memory).
  package func run(_ reader: RecordReader, onBlock: (Int) throws -> Void) throws -> ScanResult {
    var records = 0
    var isFull = plan.sink.limit == 0
    while !isFull, let block = try reader.next() {
      var row = 0
      while row < block.count && !isFull {
        let rows = row..<min(row + Batch.capacity, block.count)
        isFull = try consume(block, rows)
        row = rows.upperBound
      }
      records += block.count
      if isContradicted && plan.sink.limit != nil { break }
      try onBlock(reader.end)
    }
    let stopsEarly = isFull || (isContradicted && plan.sink.limit != nil)
    var result = ScanResult(
      begin: reader.begin, end: stopsEarly ? nil : reader.end, contradictions: contradictions)
    result.records = records
    result.notes = reader.notes
    result.castFailures = derived.reduce(sink.castFailures + (filter?.castFailures ?? 0)) { $0 + $1.castFailures }
    if !isContradicted || plan.sink.limit != nil { result.partial = try sink.finish() }
    return result
  }

  /// What the sink makes of no records at all.
  package func emptyPartial() throws -> SinkPartial? { try sink.finish() }

  /// Takes `rows` of `block`; true when the sink wants no more.
  private func consume(_ block: RecordBlock, _ rows: Range<Int>) throws -> Bool {
    batch.count = rows.count
    for column in fetchedBeforeFilter { block.fill(batch.texts[column]!, column: column, rows: rows) }
    try parse(block, rows)
    if isContradicted && (plan.sink.limit == nil || batch.count == 0) { return false }
    arena.reset()
    for index in derivedBeforeFilter { try derive(index) }
    if let filter {
      let kept = try filter.evaluateFilter(batch.values, count: batch.count, arena: arena, into: selection)
      if kept == 0 { return isContradicted }
      let isWhole = kept == batch.count
      if !isWhole { keep(kept) }
      for column in fetchedAfterFilter {
        let vector = batch.texts[column]!
        block.fill(vector, column: column, rows: rows)
        if rows.count != kept { vector.keep(selection, count: kept) }
      }
      batch.setOffsets(block, rows, isWhole && kept == rows.count ? nil : UnsafePointer(selection), kept)
    } else {
      batch.setOffsets(block, rows, nil, batch.count)
    }
    for index in derivedAfterFilter { try derive(index) }
    let isFull = try sink.consume(batch, arena: arena)
    return isFull || isContradicted
  }

  /// Parses the typed columns. Where a cell does not fit, the batch ends before it.
  private func parse(_ block: RecordBlock, _ rows: Range<Int>) throws {
    for (index, column) in plan.typedColumns.enumerated() {
      let text = batch.texts[column]!
      let type = plan.columns[column].type
      if type == .text {
        batch.values[column] = text
        continue
      }
      let vector = parsed[column]!
      batch.values[column] = vector
      if isContradicted && plan.sink.limit == nil {
        if plan.columns[column].givenType == nil {
          contradictions[index].formUnion(CellParser.seenTypes(of: text).subtracting(.accepted(by: type)))
        }
        continue
      }
      let isGiven = plan.columns[column].givenType != nil
      guard let row = CellParser.parse(text, as: type, into: vector, lenient: isGiven) else { continue }
      if isGiven { throw misfit(text, row, column: column, offset: block.offset(of: rows.lowerBound + row)) }
      isContradicted = true
      if plan.sink.limit == nil {
        contradictions[index].formUnion(CellParser.seenTypes(of: text).subtracting(.accepted(by: type)))
      } else {
        // Only what stands before the misfit counts: an earlier limit may make it irrelevant.
        contradictions = contradictions.map { _ in [] }
        contradictions[index] = CellParser.classify(text.text(row))
        truncate(to: row)
      }
    }
  }

  /// Forgets the rows of this batch from `count` on.
  private func truncate(to count: Int) {
    batch.count = count
    for vector in batch.texts { vector?.count = count }
    for vector in parsed { vector?.count = count }
  }

  private func derive(_ index: Int) throws {
    batch.values[plan.columns.count + index] =
      try derived[index].evaluate(batch.values, count: batch.count, arena: arena)
  }

  /// Moves the `kept` selected rows of every vector fetched or derived so far to the front.
  private func keep(_ kept: Int) {
    for column in fetchedBeforeFilter {
      batch.texts[column]!.keep(selection, count: kept)
      parsed[column]?.keep(selection, count: kept)
    }
    var moved: [ObjectIdentifier] = []
    for index in derivedBeforeFilter {
      let vector = batch.values[plan.columns.count + index]!
      let isShared = fetchedBeforeFilter.contains { batch.texts[$0]! === vector || parsed[$0] === vector }
      if isShared || moved.contains(ObjectIdentifier(vector)) { continue }
      vector.keep(selection, count: kept)
      moved.append(ObjectIdentifier(vector))
    }
    batch.count = kept
  }

  /// What to say of a cell that is not of the type the user has given.
  private func misfit(_ text: Vector, _ row: Int, column: Int, offset: Int) -> TableError {
    let cell = String(decoding: text.text(row).prefix(60), as: UTF8.self)
    let name = plan.columns[column].name
    return TableError(
      .malformedData, file: sourceName, offset: offset,
      "\"\(cell)\" in column \(name) is no \(plan.columns[column].type.name)",
      remedy: "correct the cell, or read the column as text: --type '\(name)=text'")
  }
}

/// Some records on their way through a scan.
package struct ScanBatch {
  /// How many records there are.
  package var count = 0
  /// By slot: the cells as they are written. Only the columns that the plan needs as text have one.
  package var texts: [Vector?]
  /// By slot: the cells as values. Only typed and derived columns have one.
  package var values: [Vector?]
  /// Where each record starts in its source; empty unless the sink asked for it.
  package private(set) var offsets: [Int] = []
  private let wantsOffsets: Bool

  init(slots: Int, wantsOffsets: Bool) {
    self.wantsOffsets = wantsOffsets
    texts = Array(repeating: nil, count: slots)
    values = Array(repeating: nil, count: slots)
  }

  mutating func setOffsets(
    _ block: RecordBlock, _ rows: Range<Int>, _ selection: UnsafePointer<UInt16>?, _ count: Int
  ) {
    guard wantsOffsets else { return }
    offsets.removeAll(keepingCapacity: true)
    for row in 0..<count {
      offsets.append(block.offset(of: rows.lowerBound + (selection.map { Int($0[row]) } ?? row)))
    }
  }
}
