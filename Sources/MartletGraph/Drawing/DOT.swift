extension TaskGraph {
  /// The graph in the language of Graphviz: a box a task, and dashed lines where only the order is given. Above
  /// `collapsingAbove` tasks it is drawn by label: a box for all tasks of one label, with their number, and on a line how many
  /// dependencies it stands for.
  public func dot(collapsingAbove limit: Int = 300) -> String { GraphShape(self).dot(collapsingAbove: limit) }
}

extension GraphShape {
  package func dot(collapsingAbove limit: Int = 300) -> String {
    let graph = DrawnGraph(self, collapsingAbove: limit)
    let letter = graph.isCollapsed ? "l" : "t"
    var text = "digraph martlet {\n  rankdir=BT;\n  node [shape=box, fontname=\"sans-serif\"];\n"
    for (number, box) in graph.boxes.enumerated() {
      let count = graph.isCollapsed ? "\\n× \(box.count)" : ""
      text += "  \(letter)\(number) [label=\"\(dotEscaped(box.label))\(count)\"\(dotStyle(of: box.kind))];\n"
    }
    for line in graph.lines {
      var attributes: [String] = []
      if graph.isCollapsed { attributes.append("label=\"\(line.count)\"") }
      if line.isOrderOnly { attributes.append("style=dashed") }
      text += "  \(letter)\(line.from) -> \(letter)\(line.to)"
      text += attributes.isEmpty ? ";\n" : " [\(attributes.joined(separator: ", "))];\n"
    }
    if graph.omittedLines > 0 { text += "  // \(graph.omittedLines) lines are left out\n" }
    return text + "}\n"
  }
}

private func dotStyle(of kind: TaskKind) -> String {
  switch kind {
  case .literal, .signal: ", style=dashed"
  case .gather, .alias: ", style=rounded"
  case .call, .closure, .asynchronous: ""
  }
}

private func dotEscaped(_ label: String) -> String {
  var text = ""
  for scalar in label.unicodeScalars {
    switch scalar {
    case "\"", "\\":
      text.unicodeScalars.append("\\")
      text.unicodeScalars.append(scalar)
    case "\n", "\r": text += "\\n"
    case _ where scalar.value < 0x20 || scalar.value == 0x7f: text += "\u{fffd}"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text
}
