/// The end of a scan: takes the records that are left, batch by batch, and gives a partial result.
package protocol Sink: AnyObject {
  /// Takes a batch; true when no more is wanted.
  func consume(_ batch: borrowing ScanBatch, arena: TextArena) throws -> Bool
  /// The partial result; the sink is not used afterwards.
  func finish() throws -> SinkPartial?
  /// Failed CASTs in the sink's own expressions.
  var castFailures: Int { get }
  /// Whether batches must say where their records stand in the source.
  var wantsOffsets: Bool { get }
}

extension Sink {
  package var castFailures: Int { 0 }
  package var wantsOffsets: Bool { false }
}

extension SinkPlan {
  /// The sink that does this.
  ///
  /// - Parameters:
  ///   - file: The number of the file that is scanned.
  ///   - fileColumns: How many of the slots are columns of the files.
  ///   - schema: Names and types by slot.
  func makeSink(file: Int, fileColumns: Int, schema: [SchemaColumn]) throws(TableError) -> any Sink {
    switch self {
    case .count, .types: CountSink()
    case .stream(let slots, let format): StreamSink(slots, format: format, fileColumns: fileColumns, schema: schema)
    case .collect(let slots, let limit): CollectSink(slots, limit: limit, fileColumns: fileColumns, schema: schema)
    case .tail(let slots, let count): TailSink(slots, limit: count, fileColumns: fileColumns, schema: schema)
    case .sample(let slots, let count, let seed):
      try SampleSink(slots, count: count, seed: seed, file: file, fileColumns: fileColumns, schema: schema)
    case .top(let slots, let keys, let count):
      try TopSink(slots, keys: keys, count: count, fileColumns: fileColumns, schema: schema)
    case .group(let keys, let calls):
      try GroupSink(keys: keys, calls: calls, fileColumns: fileColumns, schema: schema)
    case .schema(let slots): try SchemaSink(slots, fileColumns: fileColumns, schema: schema)
    case .statistics(let slots): StatisticsSink(slots, schema: schema)
    case .frequencies(let slots): try FrequencySink(slots, fileColumns: fileColumns, schema: schema)
    }
  }
}
