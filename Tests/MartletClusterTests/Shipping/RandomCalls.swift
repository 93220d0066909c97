import MartletGraph
import TestSupport

/// A graph of portable functions from a seed.
struct RandomCalls {
  let graph: TaskGraph
  let wanted: [TaskID]

  /// - Parameter shift: Tasks that nobody wants, added first: they change the numbers of all others.
  init(seed: UInt64, tasks: Int, shift: Int = 0) {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    for place in 0..<shift {
      let extra = builder.literal(1_000_000 + place)
      _ = builder.alias(builder.gather([extra, extra]), label: "noise")
      _ = builder.task("closure nobody needs") { 1 }
    }
    var numbers = [builder.literal(1), builder.literal(-7, label: "seven")]
    var texts = [builder.literal("text")]
    var summaries: [Node<Summary>] = []
    var all: [AnyNode] = []
    for place in 0..<tasks {
      var traits = TaskTraits.none
      if random.chance(20) {
        traits.priority = Int16(random.below(3))
        traits.retry = RetryPolicy(limit: random.below(4), delay: .milliseconds(random.below(50)))
        if random.chance(50) { traits.timeout = .seconds(3) }
        if random.chance(50) { traits.resources = [ResourceNeed("gpu"), ResourceNeed("disk", amount: 2)] }
      }
      if random.chance(15), let early = all.randomElement(using: &random) { builder.waitNext(for: [early]) }
      let picked = (0..<random.below(4)).map { _ in random.pick(numbers) }
      switch random.below(9) {
      case 0, 1, 2: numbers.append(builder.call(Sum(constant: random.below(5)), on: picked, traits: traits))
      case 3:
        texts.append(builder.call(Text(prefix: "t\(random.below(3))-"), on: [random.pick(numbers)], traits: traits))
      case 4:
        let list = builder.gather((0..<random.below(4)).map { _ in random.pick(texts) }, label: "texts")
        let function = Summarize(weights: ["a": 1, "b": random.below(3), "c": 3])
        summaries.append(builder.call(function, on: [list], label: "summary \(place)"))
      case 5: numbers.append(builder.call(Total(), on: summaries.suffix(3)))
      case 6: numbers.append(builder.alias(random.pick(numbers), label: "alias \(random.below(5))"))
      case 7: numbers.append(builder.call(SumOf(), on: [builder.gather(picked)]))
      default: numbers.append(builder.literal(random.below(50), label: "number"))
      }
      all.append(random.pick(numbers).erased)
    }
    let nodes = numbers.map(\.erased) + texts.map(\.erased) + summaries.map(\.erased)
    wanted = (0..<1 + random.below(6)).map { _ in random.pick(nodes).id }
    graph = builder.build(order: random.chance(50) ? .depthFirst : .leastMemory)
  }
}
