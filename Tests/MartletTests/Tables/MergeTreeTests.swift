import Testing

@testable import Martlet

@Suite struct MergeTreeTests {
  /// The obvious twin: the whole list, level by level, each full group of thirty-two merged.
  private func levelByLevel(_ parts: [String]) -> [String] {
    var level = parts
    var rest: [String] = []
    while !level.isEmpty {
      let full = level.count / 32 * 32
      rest = Array(level[full...]) + rest
      level = stride(from: 0, to: full, by: 32).map { merged(Array(level[$0..<$0 + 32])) }
    }
    return rest
  }

  private func merged(_ parts: [String]) -> String { "(" + parts.joined(separator: " ") + ")" }

  @Test(arguments: Array(0...70) + [1023, 1024, 1025, 32 * 32 * 2 + 40])
  func `the shape is the one of merging level by level`(count: Int) {
    let parts = (0..<count).map { "\($0)" }
    var tree = MergeTree<String>()
    for part in parts { tree.append(part, merge: merged) }
    #expect(tree.parts == levelByLevel(parts))
    #expect(tree.map { $0 + "!" }.parts == tree.parts.map { $0 + "!" })
  }
}
