import Testing

@testable import MartletTable

/// Nothing but time depends on the guesses; these tests see that they are good.
@Suite struct RecordStartGuessTests {
  private func repeated(_ text: String, columns: Int, step: Int, _ dialect: CSVDialect = CSVDialect()) -> Int {
    let bytes = Array(text.utf8)
    let read = PartitionedRead(
      MemorySource(bytes), dialect, columnCount: columns, from: 0,
      cuts: Array(stride(from: step, to: bytes.count, by: step)), blockBytes: 1 << 12)
    #expect(read.records == CSVModel(bytes, from: 0, columnCount: columns, dialect).records)
    return read.repeated
  }

  @Test(arguments: ["\n", "\r\n", "\r"])
  func `plain records are found at once`(_ end: String) {
    let text = (0..<300).map { "\($0),name \($0),\($0 * 7)" }.joined(separator: end)
    for step in 97..<110 { #expect(repeated(text, columns: 3, step: step) == 0) }
  }

  @Test func `quoted texts with line ends and delimiters do not deceive`() {
    let texts = ["plain", "a, b", "two\nlines", "", "he said \"\"no\"\"", "1,2\n3,4", "\n", "x,\n,y\n\n\"\"z"]
    let text = (0..<400).map { "\($0),\"\(texts[$0 * 7 % 8])\",\"\(texts[$0 * 5 % 8])\"\n" }.joined()
    for step in 113..<126 { #expect(repeated(text, columns: 3, step: step) == 0) }
  }

  @Test func `quotes that are rare do not deceive`() {
    let text = (0..<2000).map { $0 % 100 == 50 ? "\($0),\"a\nb\"\n" : "\($0),x\n" }.joined()
    for step in 113..<120 { #expect(repeated(text, columns: 2, step: step) == 0) }
  }

  @Test func `a table inside a quoted text is seen through where its end is near`() {
    let inner = (0..<20).map { "\($0),a" }.joined(separator: "\n")
    let text = (0..<40).map { "\($0),\"\(inner)\"\n" }.joined()
    #expect(repeated(text, columns: 2, step: 201) == 0)
  }

  @Test func `blank lines and comments around a cut are found`() {
    var dialect = CSVDialect()
    dialect.comment = UInt8(ascii: "#")
    let text = (0..<200).map { "\n# it's \"here\n\($0),x\r\n\r\n" }.joined()
    for step in 31..<40 { #expect(repeated(text, columns: 2, step: step, dialect) == 0) }
  }
}
