import Testing

@testable import MartletGraph

@Suite struct RawGraphTests {
  private func raw(_ rows: [(String, [String])]) -> RawGraph {
    var raw = RawGraph()
    for (key, needs) in rows { raw.add(key, needs: needs) { _, _ in 0 } }
    return raw
  }

  @Test func `tasks come in any order and depend by name`() throws {
    let built = try raw([("sum", ["a", "b", "a"]), ("b", ["a"]), ("a", [])]).build()
    let sum = try #require(built["sum"])
    #expect(built.graph.dependencies(of: sum.id) == [built["a"]?.id, built["b"]?.id, built["a"]?.id])
    #expect(built.graph.key(of: sum.id).label == "sum")
    #expect(built["c"] == nil)
    #expect(try raw([]).build().graph.count == 0)
  }

  @Test func `a cycle is told by its path`() {
    #expect(throws: RawGraphError.cycle(path: ["b", "c", "d", "b"])) {
      try raw([("a", ["b"]), ("b", ["c"]), ("c", ["d"]), ("d", ["b"])]).build()
    }
    #expect(throws: RawGraphError.cycle(path: ["a", "a"])) { try raw([("a", ["a"])]).build() }
    #expect("\(RawGraphError.cycle(path: ["a", "b", "a"]))" == "tasks need each other: a > b > a")
  }

  @Test func `a missing dependency is told with the way to it`() {
    let error = #expect(throws: RawGraphError.self) {
      try raw([("top", ["middle"]), ("middle", ["low"]), ("low", ["nothing"])]).build()
    }
    #expect(error == .missing(dependency: "nothing", path: ["top", "middle", "low"]))
    #expect(error?.description == "no task has the key nothing, which is needed by low < middle < top")
  }

  @Test func `a key stands for one task`() {
    #expect(throws: RawGraphError.repeated(key: "a")) { try raw([("a", []), ("a", [])]).build() }
  }

  @Test func `long cycles and chains need no recursion and long paths are cut`() throws {
    let count = 100_000
    var rows = (0..<count).map { ("k\($0)", $0 + 1 < count ? ["k\($0 + 1)"] : []) }
    #expect(try raw(rows).build().graph.count == count)
    rows[count - 1].1 = ["k0"]
    let error = #expect(throws: RawGraphError.self) { try raw(rows).build() }
    guard case .cycle(let path) = error else { return }
    #expect(path.count == count + 1)
    #expect("\(RawGraphError.cycle(path: path))".contains("k4 > … 99991 more … > k99996"))
  }
}
