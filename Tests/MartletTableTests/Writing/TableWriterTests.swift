import Testing

@testable import MartletTable

@Suite struct TableWriterTests {
  private func text(
    _ frame: Frame, width: Int? = nil, types: [ColumnType]? = nil, wraps: Bool = false
  ) -> String {
    let buffer = ByteBuffer()
    frame.write(.table, types: types, width: width, wraps: wraps, to: buffer)
    return buffer.string
  }

  private func texts(_ cells: [String]) -> Column {
    var bytes: [UInt8] = []
    var offsets = [0]
    for cell in cells {
      bytes += Array(cell.utf8)
      offsets.append(bytes.count)
    }
    return Column(.texts(bytes: bytes, offsets: offsets))
  }

  @Test func `numbers stand to the right and nulls are named`() {
    let frame = Frame(
      names: ["id", "sum"], columns: [texts(["a", "long id"]), Column(.ints([5, 0]), validity: [true, false])],
      rowCount: 2)
    #expect(
      text(frame) == """
        id        sum
        ───────  ────
        a           5
        long id  null
        (2 rows)

        """)
  }

  @Test func `a frame that wraps shows all columns, in blocks that begin with the first`() {
    let frame = Frame(
      names: ["column", "count", "text", "sum", "mean"],
      columns: [
        texts(["a", "a long name"]), Column(.ints([5, 12_345_678])), texts(["a text of some length", "b"]),
        Column(.ints([1, 2])), Column(.doubles([0.5, 0.25])),
      ], rowCount: 2)
    #expect(
      text(frame, width: 28, wraps: true) == """
        column      count  text
        ───────  ────────  ─────────
        a               5  a text o…
        a long…  12345678  b

        column   sum  mean
        ───────  ───  ────
        a          1   0.5
        a long…    2  0.25
        (2 rows)

        """)
    // With room for all there is one block, as ever.
    #expect(text(frame, width: 80, wraps: true) == text(frame, width: 80))
    #expect(text(frame, wraps: true) == text(frame))
  }

  @Test func `no width makes a wrapped line too long, or leaves a column out`() {
    let frame = Frame(
      names: ["a very long name of a column", "n", "second", "x", "y"],
      columns: [
        texts(["some cell of some length", "名前名前名前名前名前名前"]), Column(.ints([5, 0])),
        texts(["123456789012345678901234567890", ""]), Column(.doubles([1e300, 1.0 / 3])), Column(.ints([1, 2])),
      ], rowCount: 2)
    for width in 1...130 {
      let lines = text(frame, width: width, wraps: true).split(separator: "\n").map(String.init)
      for line in lines { #expect(DisplayWidth.of(line) <= max(width, 20), "\(width): \(line)") }
      let titles = lines.filter { $0.hasPrefix("a") }.joined(separator: " ").split(separator: " ")
      for name in ["n", "second", "x", "y"] { #expect(titles.contains(Substring(name)), "\(width)") }
    }
  }

  @Test func `wide and combining characters keep the columns aligned`() {
    let frame = Frame(
      names: ["名前", "n"], columns: [texts(["日本語", "e\u{301}a", "😀", "👩‍👩‍👧", "x"]), Column(.ints([1, 2, 3, 4, 5]))],
      rowCount: 5)
    #expect(
      text(frame) == """
        名前    n
        ──────  ─
        日本語  1
        e\u{301}a      2
        😀      3
        👩‍👩‍👧      4
        x       5
        (5 rows)

        """)
  }

  @Test(arguments: [20, 23, 30, 47, 80])
  func `no line is wider than asked for and what is cut is marked`(width: Int) {
    let frame = Frame(
      names: (0..<7).map { "column \($0)" },
      columns: (0..<7).map { texts(["日本語日本語日本語日本語", String(repeating: "x", count: $0 * 9)]) }, rowCount: 2)
    let lines = text(frame, width: width).split(separator: "\n").map(String.init)
    for line in lines.dropLast() { #expect(DisplayWidth.of(line) <= width, "\(line)") }
    #expect(lines.last?.contains("of 7 columns shown") == (width < 7 * 6 + 6 * 2))
    #expect(lines[2].contains("…"))
  }

  @Test func `whole numbers and dates are not cut, their titles are`() {
    let frame = Frame(
      names: ["the first column", "a long title", "when", "notes"],
      columns: [
        texts(["some long text indeed"]), Column(.ints([123_456_789])), Column(.dates([20_000])),
        texts(["more text than there is room for"]),
      ], rowCount: 1)
    #expect(
      text(frame, width: 41) == """
        the fir…  a long t…  when        notes
        ────────  ─────────  ──────────  ────────
        some lo…  123456789  2024-10-04  more te…
        (1 row)

        """)
  }

  @Test(arguments: [20, 21, 30])
  func `numbers too wide for the terminal are cut nevertheless`(width: Int) {
    let frame = Frame(
      names: ["a", "b"], columns: [Column(.ints([Int64.min])), Column(.ints([Int64.max]))], rowCount: 1)
    for line in text(frame, width: width).split(separator: "\n").dropLast() {
      #expect(DisplayWidth.of("\(line)") <= width)
    }
  }

  @Test func `a width with room for all changes nothing`() {
    let frame = Frame(names: ["a", "b"], columns: [texts(["some text"]), Column(.doubles([0.5]))], rowCount: 1)
    #expect(text(frame, width: 80) == text(frame))
    #expect(text(frame, width: 80) == "a            b\n─────────  ───\nsome text  0.5\n(1 row)\n")
  }

  @Test func `control characters cannot steer the terminal`() {
    let frame = Frame(names: ["a\nb"], columns: [texts(["\u{1B}[31mred\t\r\n\u{202E}x"])], rowCount: 1)
    #expect(text(frame) == "a\\nb\n────────────────────────────\n\\u{1b}[31mred\\t\\r\\n\\u{202e}x\n(1 row)\n")
  }

  @Test func `declared types decide the side for cells that were kept as texts`() {
    let frame = Frame(names: ["price"], columns: [texts(["1.50", "22.00"])], rowCount: 2)
    #expect(text(frame, types: [.double]) == "price\n─────\n 1.50\n22.00\n(2 rows)\n")
  }
}
