import Martlet

/// What the documents show of `Delayed`, as one program that checks itself.
///
///     swift run graph-tour [FOLDER FOR PICTURES]
@main
struct GraphTour {
  static func main() async {
    do {
      try first()
      try inputs()
      try several()
      try traits()
      try looking()
      try cached()
      try raw()
      try ordering()
      try await asynchronous()
      try await bounded()
      try await dask()
      try failing()
      print("all as the documents say")
    } catch {
      fatalError("\(error)")
    }
  }

  static func first() throws {
    let left = delayed("left") { 20 }
    let right = delayed("right") { 22 }
    let sum = delayed("sum", left, right) { $0 + $1 }
    print(try sum.run())  // 42
    expect(try sum.run() == 42)
  }

  struct Reading: Sendable {
    var station: String
    var celsius: Double
  }

  static func inputs() throws {
    let reading = delayed("read") { Reading(station: "Basel", celsius: 21.5) }
    let station = reading.station  // a part: Delayed<String>
    let fahrenheit = reading.celsius * 1.8 + 32  // operators
    let line = delayed("line", station, fahrenheit) { "\($0): \($1)" }
    let lines = [line, line.map { $0.uppercased() }]  // [Delayed<String>]
    let page = lines.gathered()  // Delayed<[String]>
    let (low, high) = delayed("range") { (-5.0, 35.0) }.unpacked()
    let table = ["low": low, "high": high].gathered()  // Delayed<[String: Double]>
    print(try page.run(), try table.run())
    expect(try page.run() == ["Basel: 70.7", "BASEL: 70.7"])
  }

  static func several() throws {
    let numbers = delayed("numbers") { Array(1...100) }
    let total = numbers.map("total") { $0.reduce(0, +) }
    let largest = numbers.map("largest") { $0.max() ?? 0 }
    let (sum, most) = try run(total, largest)  // `numbers` runs once
    let squares = try (1...4).map { n in delayed("square") { n * n } }.run()
    let kept = try numbers.persist()  // computed now, and not again
    print(sum, most, squares, try kept.count.run())
    expect((sum, most) == (5050, 100) && squares == [1, 4, 9, 16])
  }

  static func traits() throws {
    let download = delayed("download") { "bytes" }
      .blocking()  // waits for something: a thread of its own
      .retries(3, delay: .milliseconds(50))  // then 100 ms, then 200 ms
      .timeout(.seconds(30))
      .resources(["connections": 1])  // at most 2 at a time, see below
    let directory = delayed("make folder") {}
    let store = download.map("store") { $0.count }.after(directory)  // order without data
    let options = ComputeOptions(run: RunOptions(memoryBudgetBytes: 1 << 30, resources: ["connections": 2]))
    let urgent = annotating(TaskTraits(priority: 10)) { delayed("urgent") { 1 } }
    print(try store.run(options: options), try urgent.run())
  }

  static func looking() throws {
    let leaves = (0..<8).map { n in delayed("leaf") { n } }
    let sum = delayed("sum", all: leaves.map { $0.map("next") { $0 + 1 } }) { $0.reduce(0, +) }
    print(sum.explain(options: ComputeOptions(passes: .standard)))
    let folder = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : "."
    try sum.visualize(to: "\(folder)/sum.svg")
    let answer = try withProgress("summing") { try sum.run() }
    expect(answer == 36)
  }

  static func cached() throws {
    let cache = try ResultCache(memory: 1 << 28)
    func model(_ path: String, version: Int) -> Delayed<[Double]> {
      delayed("fit") { [0.5, 1.5] }.cached(in: cache, key: path, version)
    }
    let once = try model("data.csv", version: 1).run()
    let again = try model("data.csv", version: 1).run()  // from the cache
    expect(once == again && cache.counters.hits == 1)
  }

  static func raw() throws {
    var raw = RawGraph()
    raw.add("sum", needs: ["a", "b"]) { inputs, _ in
      try inputs.value(0, as: Int.self) + inputs.value(1, as: Int.self)
    }
    raw.add("a") { _, _ in 1 }
    raw.add("b") { _, _ in 2 }
    let built = try raw.build()
    print(try SerialExecutor().run(built.graph, output: built.node("sum", of: Int.self)))  // 3
    raw.add("c", needs: ["d"]) { _, _ in 0 }
    raw.add("d", needs: ["c"]) { _, _ in 0 }
    do {
      _ = try raw.build()
      fatalError("a cycle was not found")
    } catch let error as RawGraphError {
      print(error)  // tasks need each other: c > d > c
    }
  }

  static func ordering() throws {
    var builder = GraphBuilder()
    let parts = (0..<16).map { part in builder.task("part") { part } }
    let sums = parts.map { part in builder.task("sum", part) { $0 } }
    _ = builder.task("mean", all: sums) { $0.reduce(0, +) / $0.count }
    let graph = builder.build(order: .leastMemory)
    print(graph.liveResults().peak, "results at most,", graph.liveResults().mean, "on average")
    expect(graph.liveResults().peak == 16)
  }

  static func asynchronous() async throws {
    let page = delayed("fetch") {
      try await Task.sleep(for: .milliseconds(5))  // no thread is held
      return "<html>"
    }
    let length = page.map("length") { $0.count }
    let answer = try await length.compute()
    expect(answer == 6)
  }

  static func bounded() async throws {
    let one = ThreadPoolExecutor(threads: 1)
    let nested = delayed("outer") {
      try delayed("inner") { 21 }.run() * 2  // a task may compute; also on one thread
    }
    let answer = try withExecutor(one) { try nested.run() }
    let same = try await nested.compute(on: SerialExecutor())
    expect(answer == 42 && same == 42)
  }

  static func load(_ part: Int) -> [Double] { [Double(part), 2] }

  static func dask() async throws {
    let parts = (0..<8).map { part in delayed("load") { load(part) } }
    let totals = parts.map { $0.map("sum") { $0.reduce(0, +) } }
    let total = delayed("total", all: totals) { $0.reduce(0, +) }
    let answer = try await total.compute()

    let pool = Pool(width: 4)
    let squares = try await pool.map(0..<10) { $0 * $0 }
    let future = await pool.submit { 6 * 7 }
    let value = try await future.value
    expect(answer == 44 && squares[9] == 81 && value == 42)
  }

  struct NoSuchFile: Error {}

  static func failing() throws {
    let read = delayed("read") { () -> [Int] in throw NoSuchFile() }
    let sum = read.map("sum") { $0.reduce(0, +) }
    do {
      _ = try sum.run()
      fatalError("a failure was lost")
    } catch let failure as TaskFailure {
      print(failure)  // task read… failed: NoSuchFile() (written at GraphTour/GraphTour.swift:…)
      expect(failure.underlying is NoSuchFile && failure.key.label == "read")
    }
  }

  static func expect(_ condition: Bool, line: Int = #line) {
    if !condition { fatalError("the tour is wrong at line \(line)") }
  }
}
