/// What a sink has made of some of the records; two neighbours' merge into what one sink makes of both.
package enum SinkPartial: Sendable {
  case count(Int)
  case text(OutputText)
  case collected(Frame)
  case sample(SamplePartial, names: [String])
  case top(TopRecordsPartial, names: [String])
  case group(GroupPartial)
  case schema([ColumnSchema])
  case statistics([ColumnStatisticsPartial])
  case frequencies([TextCountsPartial])

  /// Records in it that count towards a limit.
  var rowCount: Int { if case .collected(let frame) = self { frame.rowCount } else { 0 } }

  /// Bytes that it keeps alive, as far as they grow with the input.
  package var residentBytes: Int {
    switch self {
    case .count, .schema: 0
    case .text(let text): text.buffer.count
    case .collected(let frame): frame.residentBytes
    case .sample(let part, _): part.residentBytes
    case .top(let part, _): part.residentBytes
    case .group(let part): part.residentBytes
    case .statistics(let columns): columns.reduce(0) { $0 + $1.residentBytes }
    case .frequencies(let columns): columns.reduce(0) { $0 + $1.residentBytes }
    }
  }

  /// Merges partial results of one sink, in the order of the input.
  package static func merge(_ parts: [SinkPartial], sink: SinkPlan) throws -> SinkPartial {
    switch sink {
    case .count, .types:
      return .count(parts.reduce(0) { if case .count(let count) = $1 { $0 + count } else { $0 } })
    case .stream: preconditionFailure("written records are never merged: they are written in their order")
    case .collect(_, let limit): return .collected(Frame.concatenating(parts.compactMap(\.frame)).first(limit))
    case .tail(_, let limit): return .collected(Frame.concatenating(parts.compactMap(\.frame)).last(limit))
    case .sample:
      return .sample(
        SampleAccumulator.merge(parts.compactMap { if case .sample(let part, _) = $0 { part } else { nil } }),
        names: parts[0].names)
    case .top:
      return .top(
        TopRecords.merge(parts.compactMap { if case .top(let part, _) = $0 { part } else { nil } }),
        names: parts[0].names)
    case .group:
      return .group(try GroupPartial.merge(parts.compactMap { if case .group(let part) = $0 { part } else { nil } }))
    case .schema: return .schema(mergeSchemas(parts))
    case .statistics:
      return .statistics(
        byColumn(parts.compactMap { if case .statistics(let part) = $0 { part } else { nil } }) {
          ColumnStatisticsPartial.merge($0)
        })
    case .frequencies:
      return .frequencies(
        byColumn(parts.compactMap { if case .frequencies(let part) = $0 { part } else { nil } }) {
          TextCounts.merge($0)
        })
    }
  }

  /// The records, where it is records that were kept.
  package var frame: Frame? {
    switch self {
    case .collected(let frame): frame
    case .sample(let part, let names): Frame(names: names, columns: part.columns(), rowCount: part.count)
    case .top(let part, let names): Frame(names: names, columns: part.columns(), rowCount: part.count)
    default: nil
    }
  }

  private var names: [String] {
    switch self {
    case .sample(_, let names), .top(_, let names): names
    default: []
    }
  }

  private static func byColumn<Part>(_ parts: [[Part]], _ merge: ([Part]) throws -> Part) rethrows -> [Part] {
    try parts[0].indices.map { column in try merge(parts.map { $0[column] }) }
  }

  private static func mergeSchemas(_ parts: [SinkPartial]) -> [ColumnSchema] {
    let schemas = parts.compactMap { if case .schema(let columns) = $0 { columns } else { nil } }
    return byColumn(schemas) { columns in
      var whole = columns[0]
      for column in columns.dropFirst() {
        whole.nulls += column.nulls
        whole.records += column.records
        whole.example = whole.example ?? column.example
      }
      return whole
    }
  }
}
