import Martlet
import MartletSystem
import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// A command that reads files: its query, and what is to be done with the result.
struct QueryCommand {
  let query: TableQuery
  let options: ExecutionOptions
  let format: OutputFormat
  let outputName: String?
  let progressChoice: ProgressChoice
  let graphName: String?
  let isExplained: Bool
  let recording: Recording
  let printsTypes: Bool

  init(_ arguments: Arguments) throws(UsageError) {
    query = try Self.query(arguments)
    var options = ExecutionOptions()
    options.threads = try arguments.threads()
    options.partitionBytes = try arguments.bytes(.partition)
    options.memoryBytes = try arguments.bytes(.memory)
    options.endsProcess = true
    if let choice = try ClusterChoice(arguments) { options.connect = { try choice.connect($0) } }
    if arguments.has(.sendData) { options.sentBlockBytes = ExecutionOptions.usualBlockBytes }
    self.options = options
    outputName = arguments.value(.output)
    let isSeen = (outputName == nil || outputName == "-") && Destination.isTerminal
    format = try arguments.choice(.format, of: OutputFormat.self) ?? (isSeen ? .table : .csv)
    progressChoice = try arguments.choice(.progress, of: ProgressChoice.self) ?? .auto
    graphName = try arguments.graphName()
    isExplained = arguments.has(.explain)
    recording = Recording(arguments)
    printsTypes = arguments.has(.types)
    if printsTypes, arguments.has(.format) {
      throw UsageError("--types has a form of its own", remedy: "leave --format out")
    }
  }

  func run(_ progress: RunProgress) throws {
    // A limit is compared with the resident set, which then has to follow what is really held.
    if options.memoryBytes == nil { martlet_keep_freed_memory() }
    let planned = try PlannedQuery(query, options: options)
    if isExplained {
      // Never into --output: whoever adds --explain to a command wants its file left alone.
      let text = try planned.explanation()
      let destination = try Destination(nil) {}
      try destination.complete { try destination.target.write(text.hasSuffix("\n") ? text : text + "\n") }
    }
    if let graphName {
      let file = try FileOutput(graphName)
      try file.write(planned.drawing(asSVG: graphName.hasSuffix(".svg")))
      try file.commit()
    }
    if isExplained { return }
    let bar = progressChoice.start(progress)
    defer { bar?.stop() }
    let destination = try Destination(outputName) { bar?.stop() }
    let report = try destination.complete { () throws -> TableReport in
      guard printsTypes else { return try run(planned, into: destination.target, as: format, progress) }
      let schema = MemoryOutput()
      let report = try run(planned, into: schema, as: .csv, progress)
      try destination.target.write(TypeOptions.line(schema.bytes))
      return report
    }
    bar?.stop()
    for note in report.notes { Console.complain("note: \(note)") }
    if let record = report.record { try recording.show(record) }
  }

  private func run(
    _ planned: PlannedQuery, into target: any OutputTarget, as format: OutputFormat, _ progress: RunProgress
  ) throws -> TableReport {
    let columns = outputName == nil || outputName == "-" ? Int(martlet_terminal_columns(1)) : 0
    return try planned.run(
      format: format, width: columns, output: target, progress: progress, record: recording.isWanted)
  }

  private static func query(_ arguments: Arguments) throws(UsageError) -> TableQuery {
    var input = try arguments.tableInput()
    if input.files.isEmpty {
      guard isatty(0) == 0 else {
        throw UsageError("no file to read", remedy: "name a CSV file, or - for standard input")
      }
      input.files = ["-"]
    }
    if input.files.count(where: { $0 == "-" }) > 1 {
      throw UsageError("standard input can be read only once", remedy: "write - once")
    }
    var query = TableQuery(input: input, operation: try operation(arguments))
    query.derived = arguments.all(.derive)
    query.filter = arguments.value(.filter)
    query.columns = try arguments.columns(.columns)
    return query
  }

  private static func operation(_ arguments: Arguments) throws(UsageError) -> TableQuery.Operation {
    let number = try arguments.integer(.number, atLeast: 0) ?? 10
    let limit = try arguments.integer(.limit, atLeast: 0)
    let sort = try arguments.sortKeys()
    switch arguments.command {
    case .count: return .count
    case .schema: return .schema
    case .head: return .head(number)
    case .tail: return .tail(number)
    case .sample:
      var generator = SystemRandomNumberGenerator()
      return .sample(number, seed: try arguments.seed() ?? generator.next())
    case .stats: return .statistics
    case .freq: return .frequencies(top: try arguments.integer(.top, atLeast: 0) ?? 10)
    case .select:
      if !sort.isEmpty, limit == nil {
        throw UsageError("select --sort without --limit is not there yet", remedy: "add --limit N")
      }
      return .select(sort: sort, limit: limit)
    case .group:
      let aggregates = arguments.has(.agg) ? arguments.all(.agg) : ["count(*)"]
      // Merging is sorting, so that the order costs nothing, and any order will do for --unordered.
      return .group(by: try arguments.columns(.by) ?? [], aggregates: aggregates, sort: sort, limit: limit)
    case .generate:
      throw UsageError("generate reads no file", remedy: "martlet-csv generate --help")
    }
  }
}

extension Arguments {
  func threads() throws(UsageError) -> Int? { try integer(.threads, atLeast: 1, atMost: 1024) }

  /// The file of `--graph`, whose extension says how to draw.
  fileprivate func graphName() throws(UsageError) -> String? {
    guard let name = value(.graph) else { return nil }
    if [".svg", ".dot", ".gv"].contains(where: name.hasSuffix) { return name }
    throw UsageError("--graph writes FILE.svg or FILE.dot, not '\(name)'", remedy: "end the name in .svg or .dot")
  }
}

extension OutputTarget {
  /// Takes all of `text`.
  func write(_ text: String) throws(TableError) {
    var text = text
    var failure: TableError?
    text.withUTF8 { bytes in
      do throws(TableError) { try write(UnsafeRawBufferPointer(bytes)) } catch { failure = error }
    }
    if let failure { throw failure }
  }
}
