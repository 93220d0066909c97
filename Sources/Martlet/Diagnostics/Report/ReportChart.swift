import MartletGraph

/// Lines over time as SVG, with an axis of time below and the largest value at the left. Its colours are classes of the page.
struct ReportChart {
  struct Line {
    var name: String
    /// A class of the page: `s1` to `s3`.
    var style: String
    /// At equal distances; nil where nothing is known.
    var values: [Double?]
    var isFilled = false
  }

  static let width = 1000.0
  static let height = 120.0

  /// - Parameters:
  ///   - seconds: How long it took.
  ///   - label: How a value is written.
  static func svg(_ lines: [Line], seconds: Double, top: Double? = nil, label: (Double) -> String) -> String {
    let highest = max(top ?? 0, lines.flatMap { $0.values }.compactMap { $0 }.max() ?? 0)
    guard highest > 0 else { return "<p class=\"note\">nothing was measured</p>" }
    var text = "<svg class=\"chart\" viewBox=\"-70 -8 \(Int(width) + 106) \(Int(height) + 30)\" role=\"img\">"
    for share in [0.0, 0.5, 1] {
      let y = Markup.number(height * (1 - share))
      text += "<line class=\"grid\" x1=\"0\" x2=\"\(Int(width))\" y1=\"\(y)\" y2=\"\(y)\"/>"
      text += "<text class=\"tick\" x=\"-6\" y=\"\(y)\" dy=\"4\" text-anchor=\"end\">"
      text += Markup.escaped(share == 0 ? "0" : label(highest * share)) + "</text>"
    }
    for step in 0...5 {
      let x = width * Double(step) / 5
      text += "<text class=\"tick\" x=\"\(Markup.number(x))\" y=\"\(Int(height) + 16)\" text-anchor=\"middle\">"
      text += FigureText.time(UInt64(max(0, seconds * 1e9) * Double(step) / 5)) + "</text>"
    }
    for line in lines { text += path(line, highest) }
    return text + "</svg>"
  }

  private static func path(_ line: Line, _ highest: Double) -> String {
    let step = width / Double(max(1, line.values.count))
    var text = ""
    var piece: [(x: Double, y: Double)] = []
    func close() {
      guard let first = piece.first, let last = piece.last else { return }
      let points = piece.map { "\(Markup.number($0.x)) \(Markup.number($0.y))" }.joined(separator: "L")
      if line.isFilled {
        text += "<path class=\"area \(line.style)\" d=\"M\(Markup.number(first.x)) \(Int(height))L\(points)"
        text += "L\(Markup.number(last.x)) \(Int(height))z\"/>"
      }
      text += "<path class=\"line \(line.style)\" d=\"M\(points)\"/>"
      piece = []
    }
    for (index, value) in line.values.enumerated() {
      guard let value else {
        close()
        continue
      }
      let y = height * (1 - value / highest)
      piece.append((Double(index) * step, y))
      piece.append((Double(index + 1) * step, y))
    }
    close()
    return text
  }
}
