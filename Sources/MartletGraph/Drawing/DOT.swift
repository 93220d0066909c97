extension TaskGraph {
  /// The graph in the language of Graphviz: a box a task. From `collapsingAbove` tasks on it is drawn by label: a box for
  /// all tasks of one label, with their number, and on an edge how many dependencies it stands for.
  package func dot(collapsingAbove limit: Int = 300) -> String {
    var text = "digraph martlet {\n  rankdir=BT;\n  node [shape=box, fontname=\"sans-serif\"];\n"
    if count > limit { drawLabels(&text) } else { drawTasks(&text) }
    text += "}\n"
    return text
  }

  private func drawTasks(_ text: inout String) {
    for task in 0..<count {
      text += "  t\(task) [label=\"\(escaped(labelName(labelNumbers[task])))\"\(style(of: columns.kinds[task]))];\n"
    }
    for task in 0..<count {
      for place in Int(dependencyStarts[task])..<Int(dependencyStarts[task + 1]) {
        text += "  t\(dependencies[place]) -> t\(task);\n"
      }
    }
  }

  private func drawLabels(_ text: inout String) {
    var counts = [Int](repeating: 0, count: labelCount)
    var kinds = [TaskKind](repeating: .closure, count: labelCount)
    var edges: [UInt64: Int] = [:]
    for task in 0..<count {
      let label = labelNumbers[task]
      counts[Int(label)] += 1
      kinds[Int(label)] = columns.kinds[task]
      for place in Int(dependencyStarts[task])..<Int(dependencyStarts[task + 1]) {
        edges[UInt64(labelNumbers[Int(dependencies[place])]) << 32 | UInt64(label), default: 0] += 1
      }
    }
    for label in 0..<labelCount where counts[label] > 0 {
      let name = escaped(labelName(UInt32(label)))
      text += "  l\(label) [label=\"\(name)\\n× \(counts[label])\"\(style(of: kinds[label]))];\n"
    }
    // Sorted: a dictionary's order differs in every process, and the same graph gives the same text.
    for (edge, number) in edges.sorted(by: { $0.key < $1.key }) {
      text += "  l\(edge >> 32) -> l\(edge & 0xffff_ffff) [label=\"\(number)\"];\n"
    }
  }

  private func style(of kind: TaskKind) -> String {
    switch kind {
    case .literal, .signal: ", style=dashed"
    case .gather, .alias: ", style=rounded"
    case .call, .closure, .asynchronous: ""
    }
  }

  private func escaped(_ label: String) -> String {
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
}
