import Testing

@testable import MartletTable

@Suite struct DelimiterSnifferTests {
  private func sniff(_ text: String, name: String = "x.csv", _ dialect: CSVDialect = CSVDialect()) throws -> String {
    let source = MemorySource(Array(text.utf8), name: name)
    return String(decoding: try dialect.sniffingDelimiter(of: source).delimiter, as: UTF8.self)
  }

  @Test func `the extension decides where it is clear`() throws {
    #expect(try sniff("a,b\n1,2\n", name: "x.TSV") == "\t")
    #expect(try sniff("a,b\n1,2\n", name: "dir.csv/x.tab") == "\t")
    #expect(try sniff("a,b\n1,2\n", name: "x.psv") == "|")
  }

  @Test(arguments: [",", "\t", ";", "|"])
  func `the content decides elsewhere`(_ delimiter: String) throws {
    #expect(try sniff("a\(delimiter)b\n1\(delimiter)2\n") == delimiter)
    #expect(try sniff("a\(delimiter)b\n\"1;2,3|4\t\"\(delimiter)2\n") == delimiter)
    #expect(try sniff("a\(delimiter)b", name: "-") == delimiter)
  }

  @Test func `decimal commas do not deceive`() throws {
    #expect(try sniff("a;b\n1,5;2,5\n2,5;3,5\n") == ";")
    #expect(try sniff("a,b;c,d;e,f\n1;2;3\n4;5;6\n") == ";")
  }

  @Test func `other delimiters inside texts do not deceive`() throws {
    #expect(try sniff("a,b\nx;y;z,1\nx|y,2\n") == ",")
    #expect(try sniff("a|b,c\n1|2,3\n4|5,6\n") == ",")
    #expect(try sniff("name,note\n\"x\",\"a;b;c\"\n") == ",")
  }

  @Test func `one column is a comma's`() throws {
    for text in ["", "a", "a\n1\n2\n", "\n\n"] { #expect(try sniff(text) == ",") }
  }

  @Test func `what stands before the header is no sign`() throws {
    var dialect = CSVDialect()
    dialect.skippedLines = 1
    dialect.comment = UInt8(ascii: "#")
    #expect(try sniff("made by, x, y\n# a, b, c\na;b\n1;2\n", dialect) == ";")
    dialect.quote = UInt8(ascii: "|")
    #expect(try sniff("\na;b\n|x;y|;2\n", dialect) == ";")
  }

  @Test func `a cut in the middle of a record is no sign`() throws {
    let text = "a;b\n" + String(repeating: "1;\"x\ny\"\n", count: 20_000)
    #expect(try sniff(text) == ";")
  }
}
