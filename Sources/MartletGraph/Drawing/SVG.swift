extension TaskGraph {
  /// The graph as a picture: a box a task, in layers in which data flows down or to the right, dashed lines where only the
  /// order is given, a tooltip a task with its key and figures, and a legend. It reads on light and on dark, and needs nothing
  /// from elsewhere. The same graph and figures give the same bytes.
  ///
  /// Above `collapsingAbove` tasks it is drawn by label: a box for all tasks of one label, with their number, and on a line
  /// how many dependencies it stands for.
  ///
  /// - Complexity: Some milliseconds for 300 tasks; O(tasks + dependencies) beyond that.
  public func svg(coloring: GraphColoring = .label, collapsingAbove limit: Int = 300) -> String {
    GraphShape(self).svg(coloring: coloring, collapsingAbove: limit)
  }
}

extension GraphShape {
  package func svg(coloring: GraphColoring = .label, collapsingAbove limit: Int = 300) -> String {
    let drawn = DrawnGraph(self, collapsingAbove: limit)
    return SVGPicture(drawn, self, BoxFigures(drawn, self, coloring)).text
  }
}

/// Writes a picture.
private struct SVGPicture {
  private(set) var text = ""
  private let graph: DrawnGraph
  private let shape: GraphShape
  private let figures: BoxFigures
  private let names: [String]
  private let sizes: [LayeredLayout.Size]
  private let layout: LayeredLayout
  private let width: Double
  private let height: Double
  /// Where the legend begins.
  private let legendTop: Double

  private static let margin = 14.0
  private static let legendRow = 18.0

  init(_ graph: DrawnGraph, _ shape: GraphShape, _ figures: BoxFigures) {
    self.graph = graph
    self.shape = shape
    self.figures = figures
    names = graph.boxes.map { Markup.shortened($0.label, to: 24) }
    var sizes: [LayeredLayout.Size] = []
    for (number, name) in names.enumerated() {
      let second = Self.secondLine(graph, figures, number)
      let widest = max(TextWidth.of(name, fontSize: 12), second.map { TextWidth.of($0, fontSize: 10) } ?? 0)
      sizes.append(LayeredLayout.Size(width: max(34, widest + 18), height: second == nil ? 24 : 38))
    }
    self.sizes = sizes
    layout = LayeredLayout(
      sizes: sizes, lines: graph.lines.map { .init(from: $0.from, to: $0.to, kind: $0.isOrderOnly ? 1 : 0) },
      labelWidth: graph.isCollapsed ? TextWidth.of("\(graph.lines.map(\.count).max() ?? 0)", fontSize: 10) : 0)
    // A line from a box to itself stands out on the right.
    let loops = graph.lines.contains { $0.from == $0.to } ? 46.0 : 0
    width = max(260, layout.size.width + loops) + 2 * Self.margin
    legendTop = layout.size.height + 2 * Self.margin + (loops > 0 ? 8 : 0)
    var rows = graph.omittedLines > 0 ? 1 : 0
    switch figures.legend {
    case .swatches(let swatches, let more): rows += Self.rows(swatches.map(\.text), width).count + (more > 0 ? 1 : 0)
    case .scale: rows += 1
    }
    height = legendTop + 8 + Double(rows) * Self.legendRow
    write()
  }

  private static func secondLine(_ graph: DrawnGraph, _ figures: BoxFigures, _ box: Int) -> String? {
    let parts = [graph.isCollapsed ? "× \(graph.boxes[box].count)" : nil, figures.figures[box].text]
    let line = parts.compactMap { $0 }.joined(separator: " · ")
    return line.isEmpty ? nil : line
  }

  private mutating func write() {
    let (w, h) = (Markup.number(width), Markup.number(height))
    text += "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"\(w)\" height=\"\(h)\" viewBox=\"0 0 \(w) \(h)\""
    text += " font-family=\"Helvetica,Arial,'Liberation Sans','DejaVu Sans',sans-serif\" font-size=\"12\">\n"
    // Middling greys, because the background may be light or dark.
    text += """
      <style>
      .mg-l{fill:none;stroke:#868c96;stroke-width:1.1}
      .mg-d{stroke-dasharray:4 3}
      .mg-a{fill:#868c96}
      .mg-n{stroke:#5b616b;stroke-width:.8}
      .mg-t{text-anchor:middle}
      .mg-s{text-anchor:middle;font-size:10px}
      .mg-k{fill:#808793;font-size:11px}
      .mg-c{fill:#808793;font-size:10px;text-anchor:middle;paint-order:stroke}
      </style>

      """
    text += "<title>\(graph.boxes.count) \(graph.isCollapsed ? "labels" : "tasks")</title>\n"
    let margin = Markup.number(Self.margin)
    text += "<g transform=\"translate(\(margin) \(margin))\">\n"
    writeLines()
    for number in graph.boxes.indices { writeBox(number) }
    writeCounts()
    text += "</g>\n"
    writeLegend()
    text += "</svg>\n"
  }

  private mutating func writeLines() {
    var paths = [(solid: "", dashed: "")]
    var arrows = ""
    for (isCurved, pieces) in [(true, layout.pieces), (false, layout.passages)] {
      for piece in pieces {
        let path = isCurved ? curve(piece.start, piece.end) : straight(piece.start, piece.end)
        if graph.lines[piece.line].isOrderOnly { paths[0].dashed += path } else { paths[0].solid += path }
        if piece.hasArrowAtEnd { arrows += arrow(at: piece.end, isForwards: true) }
        if piece.hasArrowAtStart { arrows += arrow(at: piece.start, isForwards: false) }
      }
    }
    for line in graph.lines where line.from == line.to {
      let (point, size) = (layout.boxes[line.from], sizes[line.from])
      let (x, y) = (point.x + size.width / 2, point.y)
      paths[0].solid += "M\(at(x, y - 6))C\(at(x + 24, y - 22)) \(at(x + 24, y + 22)) \(at(x + 2, y + 6))"
      arrows += "M\(at(x, y + 6))l8 -1l-4 7z"
    }
    if !paths[0].solid.isEmpty { text += "<path class=\"mg-l\" d=\"\(paths[0].solid)\"/>\n" }
    if !paths[0].dashed.isEmpty { text += "<path class=\"mg-l mg-d\" d=\"\(paths[0].dashed)\"/>\n" }
    if !arrows.isEmpty { text += "<path class=\"mg-a\" d=\"\(arrows)\"/>\n" }
  }

  private func at(_ x: Double, _ y: Double) -> String { "\(Markup.number(x)) \(Markup.number(y))" }

  private func straight(_ start: LayeredLayout.Point, _ end: LayeredLayout.Point) -> String {
    "M\(at(start.x, start.y))L\(at(end.x, end.y))"
  }

  /// Leaves and arrives in the direction of the layers.
  private func curve(_ start: LayeredLayout.Point, _ end: LayeredLayout.Point) -> String {
    if layout.direction == .down {
      if start.x == end.x { return straight(start, end) }
      let middle = (start.y + end.y) / 2
      return "M\(at(start.x, start.y))C\(at(start.x, middle)) \(at(end.x, middle)) \(at(end.x, end.y))"
    }
    if start.y == end.y { return straight(start, end) }
    let middle = (start.x + end.x) / 2
    return "M\(at(start.x, start.y))C\(at(middle, start.y)) \(at(middle, end.y)) \(at(end.x, end.y))"
  }

  private func arrow(at point: LayeredLayout.Point, isForwards: Bool) -> String {
    let length = isForwards ? -6.0 : 6.0
    if layout.direction == .down {
      return "M\(at(point.x, point.y))L\(at(point.x - 3, point.y + length)) \(at(point.x + 3, point.y + length))z"
    }
    return "M\(at(point.x, point.y))L\(at(point.x + length, point.y - 3)) \(at(point.x + length, point.y + 3))z"
  }

  private mutating func writeBox(_ number: Int) {
    let (box, figure) = (graph.boxes[number], figures.figures[number])
    let (point, size) = (layout.boxes[number], sizes[number])
    let key = graph.isCollapsed ? "\(box.label) × \(box.count)" : "\(shape.key(of: box.task)) #\(box.task)"
    text += "<g><title>\(Markup.escaped(key))"
    if let remark = figure.remark { text += " · \(Markup.escaped(remark))" }
    text += "</title><rect class=\"mg-n\" x=\"\(Markup.number(point.x - size.width / 2))\""
    text += " y=\"\(Markup.number(point.y - size.height / 2))\" width=\"\(Markup.number(size.width))\""
    text +=
      " height=\"\(Markup.number(size.height))\" rx=\"\(corner(of: box.kind, size))\" fill=\"\(figure.color.text)\""
    text += box.kind == .literal ? " stroke-dasharray=\"3 2\"/>" : "/>"
    let second = Self.secondLine(graph, figures, number)
    line("mg-t", point.x, point.y + (second == nil ? 4.2 : -2.4), figure.color.ink, names[number])
    if let second { line("mg-s", point.x, point.y + 11.5, figure.color.ink, second) }
    text += "</g>\n"
  }

  /// Gathers and aliases, which compute nothing, are round.
  private func corner(of kind: TaskKind, _ size: LayeredLayout.Size) -> String {
    switch kind {
    case .gather, .alias: Markup.number(min(size.height, size.width) / 2)
    case .literal, .call, .closure, .asynchronous, .signal: "4"
    }
  }

  private mutating func line(_ style: String, _ x: Double, _ y: Double, _ ink: String?, _ content: String) {
    text += "<text class=\"\(style)\" x=\"\(Markup.number(x))\" y=\"\(Markup.number(y))\""
    if let ink { text += " fill=\"\(ink)\"" }
    text += ">\(Markup.escaped(content))</text>"
  }

  /// How many dependencies the lines between labels stand for.
  private mutating func writeCounts() {
    guard graph.isCollapsed, graph.lines.count <= 400 else { return }
    let pairs = Set(graph.lines.map { [$0.from, $0.to] })
    for piece in layout.pieces where piece.hasArrowAtEnd || piece.hasArrowAtStart {
      let (x, y) = ((piece.start.x + piece.end.x) / 2, (piece.start.y + piece.end.y) / 2)
      let count = "\(graph.lines[piece.line].count)"
      let shift = TextWidth.of(count, fontSize: 10) / 2 + 4
      // On the side from which the line turns away; of two that run side by side, on the outer sides.
      if layout.direction == .down {
        let turn = piece.end.x == piece.start.x ? 3.0 : piece.end.x > piece.start.x ? -2 : 9
        let isLeft = pairs.contains([graph.lines[piece.line].to, graph.lines[piece.line].from]) && piece.hasArrowAtEnd
        line("mg-c", isLeft ? x - shift : x + shift, y + turn, nil, count)
      } else if piece.end.y == piece.start.y {
        line("mg-c", x, piece.hasArrowAtEnd ? y - 4 : y + 11, nil, count)
      } else {
        line("mg-c", piece.end.y > piece.start.y ? x + shift : x - shift, y - 4, nil, count)
      }
      text += "\n"
    }
    for line in graph.lines where line.from == line.to {
      let x = layout.boxes[line.from].x + sizes[line.from].width / 2
      self.line("mg-c", x + 34, layout.boxes[line.from].y + 3, nil, "\(line.count)")
      text += "\n"
    }
  }

  private mutating func writeLegend() {
    var y = legendTop + 8
    switch figures.legend {
    case .swatches(let swatches, let more):
      for row in Self.rows(swatches.map(\.text), width) {
        for item in row {
          text +=
            "<rect class=\"mg-n\" x=\"\(Markup.number(item.x))\" y=\"\(Markup.number(y - 6))\" width=\"12\" height=\"12\""
          text += " rx=\"2\" fill=\"\(swatches[item.number].color.text)\"/>"
          line("mg-k", item.x + 18, y + 4, nil, Self.legendName(swatches[item.number].text))
        }
        y += Self.legendRow
      }
      if more > 0 { line("mg-k", Self.margin, y + 4, nil, "and \(more) more labels") }
    case .scale(let title, let low, let high):
      var x = Self.margin
      line("mg-k", x, y + 4, nil, "\(title) \(low)")
      x += TextWidth.of("\(title) \(low)", fontSize: 11) + 8
      for step in 0..<24 {
        let color = Color.ofScale(Double(step), of: 23).text
        text +=
          "<rect x=\"\(Markup.number(x + Double(step) * 4))\" y=\"\(Markup.number(y - 5))\" width=\"4.2\" height=\"10\""
        text += " fill=\"\(color)\"/>"
      }
      line("mg-k", x + 104, y + 4, nil, high)
      y += Self.legendRow
    }
    text += "\n"
    if graph.omittedLines > 0 { line("mg-k", Self.margin, height - 8, nil, "\(graph.omittedLines) lines are left out") }
  }

  private static func legendName(_ text: String) -> String { Markup.shortened(text, to: 24) }

  /// Where the swatches of a legend stand, row by row.
  private static func rows(_ texts: [String], _ width: Double) -> [[(number: Int, x: Double)]] {
    var rows: [[(number: Int, x: Double)]] = []
    var x = Double.infinity
    for (number, text) in texts.enumerated() {
      let step = 18 + TextWidth.of(legendName(text), fontSize: 11) + 14
      if x + step > width {
        rows.append([])
        x = margin
      }
      rows[rows.count - 1].append((number, x))
      x += step
    }
    return rows
  }
}

/// How wide text is about to be: nobody here knows the font, so it is one of the wider ones.
enum TextWidth {
  static func of(_ text: String, fontSize: Double) -> Double {
    var ems = 0.0
    for scalar in text.unicodeScalars {
      switch scalar {
      case "i", "j", "l", "I", ".", ",", ":", ";", "'", "|", "!", "(", ")", "[", "]", " ", "f", "t", "r", "-":
        ems += 0.37
      case "m", "w", "M", "W", "@", "%", "…", "—": ems += 0.95
      case "A"..."Z", "_", "#", "&": ems += 0.7
      case _ where scalar.value < 0x1100: ems += 0.6
      default: ems += 1.05  // ideographs and pictures
      }
    }
    return ems * fontSize
  }
}
