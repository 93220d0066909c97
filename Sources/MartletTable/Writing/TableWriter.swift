/// A frame as aligned columns for people.
///
/// Numbers stand to the right. Widths are those of a terminal (an East Asian character takes two cells, a combining one
/// none). With a `width`, long cells are cut with `…`, and columns that find no room at all are left out; the last line
/// says how many. A frame that `wraps` keeps all its columns instead: as many as find room, then the next ones below, each
/// block with the first column beside it.
struct TableWriter {
  private let frame: Frame
  private let types: [ColumnType]
  private let width: Int?
  private let wraps: Bool
  /// Texts and doubles are not cut to less than this.
  private static let leastWidth = 6
  private static let gap = 2

  init(_ frame: Frame, types: [ColumnType], width: Int?, wraps: Bool = false) {
    self.wraps = wraps
    self.frame = frame
    self.types = types
    self.width = width.map { max($0, 20) }
  }

  func write(to buffer: ByteBuffer) {
    let columnCount = frame.columns.count
    var cells: [[String]] = []
    for index in 0..<columnCount {
      cells.append((0..<frame.rowCount).map { Self.shown(frame.columns[index], $0) })
    }
    let titles = frame.names.map(Self.printable)
    var widths = (0..<columnCount).map { index in
      max(DisplayWidth.of(titles[index]), cells[index].lazy.map(DisplayWidth.of).max() ?? 0, 1)
    }
    if wraps, let width, widths.reduce(0, +) + (columnCount - 1) * Self.gap > width {
      appendBlocks(titles, cells, &widths, width, to: buffer)
      return
    }
    let leasts = (0..<columnCount).map { index in
      // Half a number is a wrong number: whole ones and dates are shown in full, whatever becomes of their titles.
      let isWhole = types[index] == .int || types[index] == .date
      let natural = isWhole ? cells[index].lazy.map(DisplayWidth.of).max() ?? 0 : 0
      return min(widths[index], max(natural, Self.leastWidth), max(Self.leastWidth, (width ?? .max) - Self.gap - 1))
    }
    let shownCount = fit(&widths, leasts)
    appendLine(titles, widths, shownCount, to: buffer)
    appendLine(widths.map { String(repeating: "─", count: $0) }, widths, shownCount, to: buffer)
    for row in 0..<frame.rowCount {
      appendLine(cells.map { $0[row] }, widths, shownCount, to: buffer)
    }
    var note = "(\(frame.rowCount) row\(frame.rowCount == 1 ? "" : "s")"
    if shownCount < columnCount { note += ", \(shownCount) of \(columnCount) columns shown" }
    buffer.append(note + ")\n")
  }

  /// Writes all columns in blocks that find room side by side, each led by the first column.
  private func appendBlocks(
    _ titles: [String], _ cells: [[String]], _ widths: inout [Int], _ width: Int, to buffer: ByteBuffer
  ) {
    // One long name or text must not take a block of its own.
    widths[0] = min(widths[0], max(Self.leastWidth, width / 4))
    for index in widths.indices.dropFirst() {
      let most = types[index].isNumeric ? width - widths[0] - Self.gap : width / 3
      widths[index] = min(widths[index], max(most, Self.leastWidth))
    }
    var next = 1
    while next < widths.count {
      if next > 1 { buffer.append("\n") }
      var block = [0, next]
      var used = widths[0] + Self.gap + widths[next]
      next += 1
      while next < widths.count, used + Self.gap + widths[next] <= width {
        used += Self.gap + widths[next]
        block.append(next)
        next += 1
      }
      appendLine(block.map { titles[$0] }, of: block, widths, to: buffer)
      appendLine(block.map { String(repeating: "─", count: widths[$0]) }, of: block, widths, to: buffer)
      for row in 0..<frame.rowCount { appendLine(block.map { cells[$0][row] }, of: block, widths, to: buffer) }
    }
    buffer.append("(\(frame.rowCount) row\(frame.rowCount == 1 ? "" : "s"))\n")
  }

  /// Makes the columns narrow enough, the widest first, none narrower than its least; returns how many find room.
  private func fit(_ widths: inout [Int], _ leasts: [Int]) -> Int {
    guard let width else { return widths.count }
    var shown = widths.count
    func least(_ count: Int) -> Int { leasts[..<count].reduce(0, +) + max(0, count - 1) * Self.gap }
    if least(shown) > width {
      // Room for the mark that something is missing.
      while shown > 1, least(shown) + Self.gap + 1 > width { shown -= 1 }
    }
    let room = width - (shown < widths.count ? Self.gap + 1 : 0)
    var excess = widths[..<shown].reduce(0, +) + max(0, shown - 1) * Self.gap - room
    while excess > 0 {
      let cuttable = (0..<shown).filter { widths[$0] > leasts[$0] }
      guard let widest = cuttable.map({ widths[$0] }).max() else { break }
      // All of the widest go down together, to the next narrower one if the excess asks for that much.
      let group = cuttable.filter { widths[$0] == widest }
      let next = max(
        cuttable.map { widths[$0] }.filter { $0 < widest }.max() ?? 0, group.map { leasts[$0] }.max() ?? 0)
      let step = max(1, min(widest - next, excess / group.count))
      for index in group where excess > 0 {
        let cut = min(step, excess)
        widths[index] -= cut
        excess -= cut
      }
    }
    return shown
  }

  private func appendLine(_ texts: [String], _ widths: [Int], _ shownCount: Int, to buffer: ByteBuffer) {
    let shown = Array(0..<shownCount)
    let mark = shownCount < texts.count ? String(repeating: " ", count: Self.gap) + "…" : ""
    appendLine(Array(texts[..<shownCount]), of: shown, widths, mark: mark, to: buffer)
  }

  /// Writes the texts of some columns.
  private func appendLine(
    _ texts: [String], of columns: [Int], _ widths: [Int], mark: String = "", to buffer: ByteBuffer
  ) {
    var line = ""
    for (text, column) in zip(texts, columns) {
      if column != columns[0] { line += String(repeating: " ", count: Self.gap) }
      let text = DisplayWidth.cut(text, to: widths[column])
      let padding = String(repeating: " ", count: widths[column] - DisplayWidth.of(text))
      line += types[column].isNumeric ? padding + text : text + padding
    }
    line += mark
    while line.last == " " { line.removeLast() }
    buffer.append(line + "\n")
  }

  /// The cell's text; control characters as escapes, so that a cell is one line and cannot steer the terminal.
  private static func shown(_ column: Column, _ row: Int) -> String {
    guard column.isValid(row) else { return "null" }
    let buffer = ByteBuffer(capacity: 64)
    switch column.values {
    case .bools(let cells): buffer.append(bool: cells[row])
    case .ints(let cells): buffer.append(int: cells[row])
    case .wideInts(let cells): buffer.append(wide: cells[row])
    case .doubles(let cells): buffer.append(double: cells[row])
    case .dates(let cells): buffer.append(date: cells[row])
    case .timestamps(let cells): buffer.append(timestamp: cells[row])
    case .texts(let bytes, let offsets):
      return printable(String(decoding: bytes[offsets[row]..<offsets[row + 1]], as: UTF8.self))
    case .nulls: break
    }
    return buffer.string
  }

  private static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { DisplayWidth.isControl($0) }) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": shown += "\\n"
      case "\r": shown += "\\r"
      case "\t": shown += "\\t"
      default:
        if DisplayWidth.isControl(scalar) {
          shown += "\\u{\(String(scalar.value, radix: 16))}"
        } else {
          shown.unicodeScalars.append(scalar)
        }
      }
    }
    return shown
  }
}
