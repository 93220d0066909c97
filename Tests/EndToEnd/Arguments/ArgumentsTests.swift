import Martlet
import MartletTable
import Testing

@testable import martlet_csv

@Suite struct ArgumentsTests {
  private func parsed(_ words: String...) throws -> Arguments {
    guard case .command(let arguments) = try Program.request(words) else { throw HelpTests.Unexpected() }
    return arguments
  }

  @Test func `options stand before or after files, with or without an equals sign`() throws {
    let one = try parsed("head", "-n", "3", "--where", "a > 1", "x.csv", "y.csv")
    #expect(one.files == ["x.csv", "y.csv"])
    #expect(try parsed("head", "x.csv", "-n3", "y.csv", "--where=a > 1") == one)
    #expect(try parsed("head", "x.csv", "-n=3", "y.csv", "--where", "a > 1") == one)
    #expect(try parsed("head", "--number", "3", "x.csv", "y.csv", "--where=a > 1") == one)
  }

  @Test func `two dashes end the options and one is standard input`() throws {
    let arguments = try parsed("count", "-", "--explain", "--", "--threads", "-n")
    #expect(arguments.files == ["-", "--threads", "-n"])
    #expect(arguments.has(.explain))
  }

  @Test func `a value may begin with a dash or hold an equals sign`() throws {
    let arguments = try parsed("group", "--sort", "-a", "--where", "-x = 1", "--by=b", "x.csv")
    #expect(try arguments.sortKeys() == [SortKey(column: "a", isDescending: true)])
    #expect(arguments.value(.filter) == "-x = 1")
  }

  @Test func `repeatable options keep their order`() throws {
    let arguments = try parsed("select", "--derive", "b = a", "--derive", "c = b", "--null", "NA", "--null", "-")
    #expect(arguments.all(.derive) == ["b = a", "c = b"])
    #expect(try arguments.tableInput().nullTexts == ["NA", "-"])
  }

  @Test func `the dialect is what was typed`() throws {
    let arguments = try parsed(
      "count", "x.tsv", "-d", "\\t", "--quote", "none", "--escape", "\\\\", "--no-header", "--skip", "2", "--comment",
      "#",
      "--encoding", "latin1", "--ragged", "pad", "--type", "c1=text", "--type", "\"a, b\"=date", "--type", "a=b=int")
    var expected = TableInput(files: ["x.tsv"])
    expected.delimiter = [9]
    expected.quote = nil
    expected.escape = 92
    expected.hasHeader = false
    expected.skippedLines = 2
    expected.comment = 35
    expected.isLatin1 = true
    expected.ragged = .pad
    expected.types = ["c1": .text, "a, b": .date, "a=b": .int]
    #expect(try arguments.tableInput() == expected)
  }

  @Test func `nothing typed is the usual dialect`() throws {
    #expect(try parsed("count", "x.csv").tableInput() == TableInput(files: ["x.csv"]))
    #expect(try parsed("count", "x.csv", "--delimiter", "auto").tableInput() == TableInput(files: ["x.csv"]))
    #expect(try parsed("count", "x.csv", "--delimiter", "||").tableInput().delimiter == [124, 124])
    #expect(try parsed("count", "x.csv", "--delimiter", "\\x1f").tableInput().delimiter == [31])
  }

  @Test(arguments: [
    ("a,b", ["a", "b"]), (" a , b c ", ["a", "b c"]), ("\"a, b\",c", ["a, b", "c"]),
    ("\"say \"\"hi\"\"\"", ["say \"hi\""]),
    ("\"\"", [""]), ("a\"b", ["a\"b"]), ("Zürich,京都", ["Zürich", "京都"]), ("-a", ["-a"]),
  ])
  func `column lists may have quoted names`(text: String, names: [String]) throws {
    #expect(try parsed("select", "--columns", text).columns(.columns) == names)
  }

  @Test func `sort keys may be descending and quoted`() throws {
    #expect(
      try parsed("group", "--sort", "a,-b, -\"c, d\",\"-e\"").sortKeys() == [
        SortKey(column: "a", isDescending: false), SortKey(column: "b", isDescending: true),
        SortKey(column: "c, d", isDescending: true), SortKey(column: "-e", isDescending: false),
      ])
  }

  @Test(arguments: [
    ("4096", 4096), ("1B", 1), ("64k", 65536), ("64KiB", 65536), ("64KB", 64000), ("64M", 64 << 20),
    ("64MiB", 64 << 20),
    ("64mb", 64_000_000), ("1.5GiB", 3 << 29), ("2 GB", 2_000_000_000), ("1T", 1 << 40),
  ])
  func `sizes have units`(text: String, bytes: Int) {
    #expect(ByteSize.parse(text) == bytes)
  }

  @Test(arguments: ["", "MiB", "-1", "1e3", "12x", "1.2.3", "64 Mi B", "9999999999G", "٣", "nan"])
  func `what is no size is refused`(text: String) {
    #expect(ByteSize.parse(text) == nil)
  }

  @Test(arguments: [
    ("grop", "group"), ("cout", "count"), ("sel", "select"), ("HEAD", "head"), ("stat", "stats"), ("gen", "generate"),
    ("freqs", "freq"), ("ehad", "head"),
  ])
  func `the nearest command is found`(typed: String, meant: String) {
    #expect(Nearest.name(to: typed, among: CommandName.allCases.map(\.rawValue)) == meant)
  }

  @Test(arguments: ["", "x", "quux", "martlet", "..."])
  func `nothing is suggested for what is near to nothing`(typed: String) {
    #expect(Nearest.name(to: typed, among: CommandName.allCases.map(\.rawValue)) == nil)
  }

  @Test func `a query is what was typed`() throws {
    let command = try QueryCommand(
      parsed(
        "group", "x.csv", "--by", "a", "--agg", "sum(b) AS s, max(c)", "--agg", "mean(d)", "--where", "e > 1",
        "--limit", "5",
        "--unordered", "--threads", "3", "--partition", "1MiB", "--memory", "1GB"))
    var expected = TableQuery(
      input: TableInput(files: ["x.csv"]),
      operation: .group(
        by: ["a"], aggregates: ["sum(b) AS s, max(c)", "mean(d)"], sort: [], limit: 5))
    expected.filter = "e > 1"
    #expect(command.query == expected)
    #expect(command.options.threads == 3)
    #expect(command.options.partitionBytes == 1 << 20)
    #expect(command.options.memoryBytes == 1_000_000_000)
  }
}
