import TestSupport
import Testing

@testable import MartletGraph

/// A random graph of closures with many chains in it, and some outputs.
private func randomGraph(_ seed: UInt64) -> (TaskGraph, [Node<Int>], [AnyNode]) {
  var random = SeededGenerator(seed: seed)
  var builder = GraphBuilder()
  var nodes: [Node<Int>] = []
  let near = random.pick([2, 5, 50])
  for _ in 0..<(2 + random.below(60)) {
    let fanIn = nodes.isEmpty ? 0 : random.pick([0, 1, 1, 1, 2, 2, 3, 5])
    let inputs = (0..<fanIn).map { _ in nodes[nodes.count - 1 - random.below(min(near, nodes.count))] }
    let traits = random.chance(10) ? TaskTraits(isCheap: true) : .none
    if random.chance(5), let first = inputs.first {
      nodes.append(builder.alias(first, label: "alias"))
    } else if random.chance(10) {
      nodes.append(builder.literal(random.below(3)))
    } else {
      nodes.append(builder.task(random.pick(["a", "b", "c"]), all: inputs, traits: traits) { $0.count })
    }
  }
  let outputs = (0..<(1 + random.below(3))).map { _ in random.pick(nodes).erased }
  return (builder.build(), nodes, outputs + [nodes[nodes.count - 1].erased])
}

/// When each task ends if each part takes a unit of time and threads are many.
private func ends(_ graph: TaskGraph) -> [Key: Int] {
  var ends: [Key: Int] = [:]
  for number in 0..<graph.count {
    let task = TaskID(rawValue: UInt32(number))
    let start = graph.dependencies(of: task).map { ends[graph.key(of: $0)]! }.max() ?? 0
    ends[graph.key(of: task)] = start + graph.parts(of: task).count
  }
  return ends
}

@Suite struct FusePropertyTests {
  @Test(arguments: sampled(0..<300 as Range<UInt64>))
  func `nothing ends later than it did, by default`(seed: UInt64) {
    let (graph, _, outputs) = randomGraph(seed)
    let fused = graph.optimized(for: outputs, passes: [.cull, .fuse])
    let before = ends(graph)
    for (key, end) in ends(fused.graph) { #expect(end <= before[key]!, "seed \(seed), \(key)") }
  }

  @Test(arguments: sampled(0..<300 as Range<UInt64>))
  func `the limits are respected`(seed: UInt64) {
    let (graph, _, outputs) = randomGraph(seed)
    var random = SeededGenerator(seed: seed)
    let limits = FusionLimits(
      width: random.pick([1, 1.5, 3]), height: random.pick([2, 3, 100]), newInputs: random.below(4))
    let fused = graph.optimized(for: outputs, passes: [.cull, .fuse], limits: limits).graph
    var numbers: [Key: TaskID] = [:]
    for number in 0..<graph.count {
      numbers[graph.key(of: TaskID(rawValue: UInt32(number)))] = TaskID(rawValue: UInt32(number))
    }
    var seen = Set<Key>()
    for number in 0..<fused.count {
      let task = TaskID(rawValue: UInt32(number))
      let parts = fused.parts(of: task)
      #expect(parts.last == fused.key(of: task))
      // Each part is in one task only, and after what it needs.
      var heights: [Key: Int] = [:]
      var widest = 0
      for part in parts {
        #expect(seen.insert(part).inserted, "seed \(seed), \(part)")
        let inputs = graph.dependencies(of: numbers[part]!).map(graph.key(of:))
        widest = max(widest, Set(inputs).count)
        for input in inputs where parts.contains(input) { #expect(heights[input] != nil, "seed \(seed), \(part)") }
        heights[part] = 1 + (inputs.compactMap { heights[$0] }.max() ?? 0)
      }
      let height = heights.values.max() ?? 0
      #expect(height <= limits.height, "seed \(seed)")
      if parts.count > 1 {
        #expect(Set(fused.dependencies(of: task)).count <= widest + limits.newInputs, "seed \(seed)")
        #expect(Double(parts.count) <= limits.width * Double(height), "seed \(seed), \(parts)")
      }
    }
  }

  @Test(arguments: sampled(0..<300 as Range<UInt64>))
  func `what was fused is not changed by doing it again`(seed: UInt64) throws {
    let (graph, nodes, outputs) = randomGraph(seed)
    // Without inlining: a cheap task may find its input kept only after others were fused.
    let passes: GraphPasses = [.cull, .deduplicate, .fuse]
    let once = graph.optimized(for: outputs, passes: passes)
    let again = once.graph.optimized(for: try outputs.map { try #require(once.node($0)) }, passes: passes)
    #expect(again.graph.count == once.graph.count, "seed \(seed)")
    for node in nodes {
      guard let first = once.node(node) else { continue }
      guard let second = again.node(first) else {
        Issue.record("seed \(seed): \(node) is gone")
        continue
      }
      #expect(once.graph.key(of: first.id) == again.graph.key(of: second.id), "seed \(seed)")
      #expect(once.graph.parts(of: first.id) == again.graph.parts(of: second.id), "seed \(seed)")
      #expect(
        once.graph.dependencies(of: first.id).map(once.graph.key(of:))
          == again.graph.dependencies(of: second.id).map(again.graph.key(of:)), "seed \(seed)")
    }
  }
}
