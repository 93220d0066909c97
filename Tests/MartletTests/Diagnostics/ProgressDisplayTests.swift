import Glibc
import Testing

@testable import Martlet

@Suite struct ProgressDisplayTests {
  private var busy: RunProgressLine {
    var line = RunProgressLine()
    line.title = "word count"
    line.outer = .init(title: nil, done: 1234, total: 5000)
    line.inner = [.init(title: "part", done: 3, total: 10), .init(title: nil, done: 0, total: 7)]
    line.label = "split"
    line.elapsedSeconds = 20
    line.outerSeconds = 20
    return line
  }

  @Test func `a line has the title, a bar, the figures and the runs inside`() {
    #expect(
      busy.text(width: 110)
        == "word count  [=======>                      ]  24%  1234/5000 tasks  1:02 left  > part 3/10  > 0/7  split")
    #expect(busy.text(width: 60) == "word count  [===>         ]  24%  1234/5000 tasks  1:02 left")
    #expect(busy.text(width: 20) == "word …  [=>   ]  24%")
    var many = busy
    many.inner = Array(repeating: .init(title: nil, done: 1, total: 2), count: 5)
    many.failed = 2
    many.finishedRuns = 3
    #expect(
      many.text(width: 200).hasSuffix("1234/5000 tasks  1:02 left  2 failed  > 1/2  > 1/2  > 1/2  +2  run 4  split"))
  }

  @Test(arguments: 0...200)
  func `a line is never wider than it may be, and is one line`(width: Int) {
    for title in ["", "word count", "\u{1B}[31m\n\r\u{9b}", "非常に長いタイトルです、そうでしょう", String(repeating: "x", count: 300)] {
      for outer in [nil, RunProgressLine.Part(title: nil, done: 0, total: 0), .init(title: nil, done: 9, total: 7)] {
        for count in [0, 1, 9] {
          var line = busy
          line.title = title
          line.label = title
          line.outer = outer
          line.inner = Array(repeating: .init(title: title, done: .max, total: .max), count: count)
          line.finishedTasks = count
          for text in [line.text(width: width), line.summary(width: width)] {
            #expect(TerminalText.columns(of: text) <= width, "\(text)")
            #expect(text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) })
          }
        }
      }
    }
  }

  @Test func `columns are counted as terminals do`() {
    #expect(TerminalText.columns(of: "abc") == 3)
    #expect(TerminalText.columns(of: "e\u{301}") == 1)
    #expect(TerminalText.columns(of: "日本") == 4)
    #expect(TerminalText.shortened("日本語", to: 5) == "日本…")
    #expect(TerminalText.shortened("日本語", to: 4) == "日…")
    #expect(TerminalText.shortened("abc", to: 0) == "")
  }

  @Test func `counts follow the run, and runs inside a task are shown behind it`() throws {
    let display = ProgressDisplay("outer", style: ProgressStyle(visibility: .never))
    defer { display.stop() }
    let options = RunOptions(events: display.events)
    var builder = GraphBuilder()
    let first = builder.task("first") { 1 }
    let second = builder.task("second", first) { one -> String in
      let before = display.line(width: 120)
      let inner = try withProgress("inner") {
        var builder = GraphBuilder()
        let a = builder.task("a") { 1 }
        let b = builder.task("b", a) { _ in display.line(width: 120) }
        return try SerialExecutor().run(builder.build(), output: b)
      }
      return before + "\n" + inner + "\n" + display.line(width: 120)
    }
    let last = builder.task("third", second) { $0 }
    let text = try SerialExecutor().run(builder.build(), output: last, options: options)
    #expect(
      text == """
        outer  [==========>                   ]  33%  1/3 tasks  second
        outer  [==========>                   ]  33%  1/3 tasks  > inner 1/2  second
        outer  [==========>                   ]  33%  1/3 tasks  run 2  second
        """)
    #expect(display.line(width: 120).hasPrefix("outer  2 runs over, 5 tasks"))
  }

  /// What a display writes to a pipe.
  private func output(_ style: ProgressStyle, _ body: (ProgressStyle) throws -> Void) rethrows -> String {
    var ends: [Int32] = [-1, -1]
    #expect(pipe(&ends) == 0)
    var style = style
    style.descriptor = ends[1]
    try body(style)
    close(ends[1])
    defer { close(ends[0]) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = bytes.withUnsafeMutableBytes { read(ends[0], $0.baseAddress!, $0.count) }
    return String(decoding: bytes[..<max(0, count)], as: UTF8.self)
  }

  private func run(milliseconds: Int) throws {
    var builder = GraphBuilder()
    let tasks = (0..<4).map { index in
      builder.task("wait") { () -> Int in
        usleep(UInt32(milliseconds) * 250)
        return index
      }
    }
    let sum = builder.task("sum", all: tasks) { $0.reduce(0, +) }
    _ = try SerialExecutor().run(builder.build(), output: sum)
  }

  @Test func `what is no terminal gets whole lines, and a summary`() throws {
    let text = try output(ProgressStyle(delay: .milliseconds(20), plainInterval: .milliseconds(20))) { style in
      try withProgress("waiting", style: style) {
        try withProgress("inside", style: style) { try run(milliseconds: 200) }
      }
    }
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
    // One display, although there are two scopes.
    #expect(lines.allSatisfy { $0.isEmpty || $0.hasPrefix("waiting  ") } && lines.count >= 3 && lines.last == "")
    #expect(lines.dropLast().last?.hasPrefix("waiting  5 tasks in ") == true)
    #expect(!text.contains("\u{1B}") && !text.contains("\r"))
  }

  @Test func `what is over soon shows nothing, and neither does what is not wanted`() throws {
    for style in [
      ProgressStyle(delay: .seconds(100)), ProgressStyle(delay: .zero, visibility: .never),
      ProgressStyle(delay: .zero, visibility: .onTerminals),
    ] {
      #expect(try output(style) { style in try withProgress(style: style) { try run(milliseconds: 40) } } == "")
    }
  }

  @Test func `code that awaits has a display too`() async throws {
    let result = try await withProgress(style: ProgressStyle(visibility: .never)) {
      #expect(RunWatch.current != nil)
      var builder = GraphBuilder()
      let one = builder.task("one") { 1 }
      return try await ThreadPoolExecutor(threads: 1).compute(builder.build(), output: one)
    }
    #expect(result == 1 && RunWatch.current == nil)
  }
}
