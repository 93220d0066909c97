import TestSupport
import Testing

@testable import MartletGraph

@Suite struct PictureTests {
  private func small() -> TaskGraph {
    var builder = GraphBuilder()
    let two = builder.literal(2, label: "two")
    let read = builder.task("read") { 1 }
    let sum = builder.task("sum", two, read) { $0 + $1 }
    builder.waitNext(for: [read.erased])
    _ = builder.task("report", sum) { $0 }
    return builder.build()
  }

  @Test func `a picture has a box and a tooltip a task, and draws a signal as a dashed line`() throws {
    let graph = small()
    #expect(graph.count == 5)
    let svg = graph.svg()
    let tags = try MarkupTags.names(of: svg)
    // Four tasks and the swatches of four labels; a title each, and one of the whole.
    #expect(tags.count { $0 == "rect" } == 8)
    #expect(tags.count { $0 == "title" } == 5)
    #expect(tags.count { $0 == "path" } == 3)
    #expect(svg.contains("class=\"mg-l mg-d\""))
    for task in [0, 1, 2, 4] {
      #expect(svg.contains("<title>\(graph.key(of: TaskID(rawValue: UInt32(task)))) #\(task)</title>"))
    }
    #expect(!svg.contains(">signal<"))
  }

  @Test func `signals are dashed lines in the language of Graphviz too`() {
    #expect(
      small().dot() == """
        digraph martlet {
          rankdir=BT;
          node [shape=box, fontname="sans-serif"];
          t0 [label="two", style=dashed];
          t1 [label="read"];
          t2 [label="sum"];
          t3 [label="report"];
          t0 -> t2;
          t1 -> t2;
          t1 -> t3 [style=dashed];
          t2 -> t3;
        }

        """)
  }

  @Test func `hostile labels are text`() throws {
    var builder = GraphBuilder()
    let labels = [
      "</script><script>alert(1)</script>", "a\"b'c&d<e>", "\u{0}\u{1}\u{7f}\u{202e}", "line\nline",
      String(repeating: "m", count: 500),
      "--><!--", "]]>", "",
    ]
    for label in labels { _ = builder.task(label) { 1 } }
    let svg = builder.build().svg()
    _ = try MarkupTags.names(of: svg)
    #expect(!svg.contains("script>") && !svg.contains("<!--"))
    #expect(svg.unicodeScalars.allSatisfy { $0 == "\n" || $0.value >= 0x20 && $0.value != 0x7f && $0.value != 0x202e })
    #expect(svg.contains(">" + String(repeating: "m", count: 23) + "…<"))
    #expect(svg.contains("<title>" + String(repeating: "m", count: 500)))
  }

  @Test func `the same graph gives the same bytes`() {
    func make() -> TaskGraph {
      var random = SeededGenerator(seed: 5)
      var builder = GraphBuilder()
      var nodes = [builder.task("begin") { 0 }]
      for index in 0..<200 {
        let inputs = (0..<2).map { _ in nodes.randomElement(using: &random)! }
        nodes.append(builder.task("task \(index % 7)", all: inputs) { $0[0] })
      }
      return builder.build()
    }
    let durations = (0..<201).map { UInt64($0 * $0) }
    for limit in [300, 100] {
      let first = make().svg(coloring: .duration(durations), collapsingAbove: limit)
      #expect(first == make().svg(coloring: .duration(durations), collapsingAbove: limit))
      #expect(make().dot(collapsingAbove: limit) == make().dot(collapsingAbove: limit))
    }
  }

  @Test func `each colouring has its figures, and short arrays colour nothing more`() throws {
    let graph = small()
    let state = graph.svg(coloring: .state([.done, .running, .waiting, .failed, .failed]))
    for word in ["done", "running", "waiting", "failed"] { #expect(state.contains(">\(word)</text>")) }
    #expect(!state.contains(">unneeded<"))
    #expect(graph.svg(coloring: .duration([nil, 1500, 2_000_000])).contains("duration 1.50 µs"))
    #expect(graph.svg(coloring: .memory([nil, 1 << 20])).contains("· memory 1.0 MiB</title>"))
    #expect(graph.svg(coloring: .order).contains("· order 0</title>"))
    for coloring in [GraphColoring.state([]), .duration([]), .memory([]), .duration([0, 0, 0, 0, 0]), .memory([-5])] {
      let svg = graph.svg(coloring: coloring)
      _ = try MarkupTags.names(of: svg)
      #expect(svg.contains(Color.neutral.text) || svg.contains(Color.ofScale(0).text))
    }
  }

  @Test func `many tasks are drawn by label, with cycles and figures`() throws {
    var builder = GraphBuilder()
    var last = builder.task("begin") { 0 }
    for index in 0..<400 { last = builder.task(index % 2 == 0 ? "even" : "odd", last) { $0 + 1 } }
    let svg = builder.build().svg(coloring: .duration([UInt64](repeating: 1000, count: 401)))
    _ = try MarkupTags.names(of: svg)
    #expect(svg.contains("<title>even × 200 · duration 200 µs</title>"))
    #expect(svg.contains(">× 200 · 200 µs</text>"))
    #expect(svg.contains(">199</text>"))
  }

  @Test func `labels beyond the limit are grouped by their words, then the rare ones together`() {
    var builder = GraphBuilder()
    for index in 0..<1000 { _ = builder.task("read-\(index)") { index } }
    for index in 0..<1000 { _ = builder.task(String(repeating: "x", count: index + 1)) { index } }
    let graph = builder.build()
    let drawn = DrawnGraph(GraphShape(graph), collapsingAbove: 20)
    #expect(drawn.boxes.count == 20)
    #expect(drawn.boxes[0].label == "read-#" && drawn.boxes[0].count == 1000)
    #expect(drawn.boxes.first { $0.label == "other labels" }?.count == 1000 - 18)
    #expect(LabelGroups.stem("a12b3") == "a#b#")
  }

  @Test func `a graph of very many dependencies is drawn by label although its tasks are few`() throws {
    var builder = GraphBuilder()
    var nodes: [Node<Int>] = []
    for index in 0..<120 { nodes.append(builder.task("task", all: nodes) { _ in index }) }
    let svg = builder.build().svg()
    #expect(svg.contains("× 120") && svg.utf8.count < 4000)
    _ = try MarkupTags.names(of: svg)
  }

  @Test func `lines that two tasks have in common are one`() {
    var builder = GraphBuilder()
    let one = builder.task("one") { 1 }
    _ = builder.task("square", one, one) { $0 * $1 }
    let drawn = DrawnGraph(GraphShape(builder.build()), collapsingAbove: 300)
    #expect(drawn.lines.count == 1 && drawn.lines[0].count == 2)
  }
}
