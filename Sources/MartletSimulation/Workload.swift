import MartletBytes
import MartletProtocol

/// A task of a simulated graph. Its value is computed from its number and its inputs.
struct Job: Sendable {
  var inputs: [Int] = []
  /// What it only comes after.
  var after: [Int] = []
  /// How often it throws before it gives a value; more often than it is repeated: always.
  var throwsTimes = 0
  var retries = 0
  /// What its result takes.
  var bytes: Int64 = 8
  /// Clients bring its value along: nobody computes it.
  var isData = false

  /// Whether it never gives a value. What the scheduler did not hear of is no attempt for it, so a count would not do.
  var alwaysThrows: Bool { throwsTimes > retries }
}

/// A graph, what it gives, and how it goes over the wire. Clients may share one: then they want equal keys.
struct Workload: Sendable {
  let number: Int
  let jobs: [Job]
  /// What a client wants that wants what is usual.
  let wanted: [Int]
  /// The value of each job; nil where it fails.
  let expected: [UInt64?]
  /// Jobs behind all others that are sent as layers, one after the other.
  let layers: [Layer]

  /// Blocks of one form.
  struct Layer: Sendable {
    let jobs: Range<Int>
    let inputs: [SubmittedLayer.Input]
    let isWanted: Bool
  }

  /// - Parameter isSymbolic: Whether some of it is sent as layers, and none of it brought by clients.
  init(number: Int, options: SimulationOptions, isSymbolic: Bool, _ chance: inout SimulatedChance) {
    self.number = number
    let tasks = options.leastTasks + chance.below(options.tasks - options.leastTasks + 1)
    var jobs: [Job]
    var wanted: Set<Int>
    switch options.shape {
    case .random:
      jobs = Workload.random(tasks, options, canBring: !isSymbolic, &chance)
      wanted = [tasks - 1]
      for _ in 0..<chance.below(4) { wanted.insert(chance.below(tasks)) }
    case .blocks:
      // Blocks that are read, each with one that needs it and its neighbours, and a sum of all.
      let count = max(1, tasks / 2)
      jobs = (0..<count).map { _ in Job(bytes: Int64(3000 + chance.below(50_000))) }
      jobs += (0..<count).map { Job(inputs: [max(0, $0 - 1), $0], bytes: 4000) }
      jobs.append(Job(inputs: Array(count..<2 * count)))
      wanted = [jobs.count - 1]
    case .allToAll:
      // Every second one needs a part of all of the first ones: twice as many inputs as the square of the width.
      var width = 1
      while width * (width + 2) < tasks { width += 1 }
      jobs = (0..<width).map { _ in Job(bytes: Int64(3000 + chance.below(50_000))) }
      for first in 0..<width {
        for _ in 0..<width { jobs.append(Job(inputs: [first], bytes: 3000)) }
      }
      for second in 0..<width { jobs.append(Job(inputs: (0..<width).map { width + $0 * width + second })) }
      wanted = Set((jobs.count - width)..<jobs.count)
    }
    layers = isSymbolic ? Workload.addLayers(number, &jobs, &chance) : []
    for layer in layers where layer.isWanted { wanted.formUnion(layer.jobs) }
    self.jobs = jobs
    self.wanted = wanted.sorted()
    expected = Workload.values(of: jobs)
  }

  private static func random(
    _ tasks: Int, _ options: SimulationOptions, canBring: Bool, _ chance: inout SimulatedChance
  ) -> [Job] {
    var jobs: [Job] = []
    let fanIn = 1 + chance.below(4)
    for number in 0..<tasks {
      var job = Job()
      if number > 0, !chance.oneIn(4) {
        for _ in 0..<(1 + chance.below(fanIn)) {
          // Near ones more often: chains and layers.
          job.inputs.append(chance.oneIn(2) ? chance.below(number) : max(0, number - 1 - chance.below(6)))
        }
      }
      if number > 0, chance.oneIn(10) { job.after = [chance.below(number)] }
      if options.faults.contains(.failure), chance.oneIn(12) {
        job.throwsTimes = chance.below(4)
        job.retries = chance.below(4)
      }
      job.bytes = chance.oneIn(3) ? Int64(3000 + chance.below(200_000)) : 8
      if canBring, job.inputs.isEmpty, job.after.isEmpty, chance.oneIn(6) {
        job.isData = true
        job.throwsTimes = 0
      }
      jobs.append(job)
    }
    return jobs
  }

  /// Blocks that read, blocks that need those and one task for all, and blocks that join some of these.
  private static func addLayers(_ number: Int, _ jobs: inout [Job], _ chance: inout SimulatedChance) -> [Layer] {
    let count = 1 + chance.below(9)
    let size = 1 + chance.below(4)
    let shared = chance.below(jobs.count)
    let first = jobs.count..<(jobs.count + count)
    jobs += first.map { _ in Job(bytes: chance.oneIn(3) ? 5000 : 8) }
    let second = jobs.count..<(jobs.count + count)
    jobs += second.map { Job(inputs: [$0 - count, shared]) }
    let third = jobs.count..<(jobs.count + (count + size - 1) / size)
    jobs += third.map { job in
      let begin = second.lowerBound + (job - third.lowerBound) * size
      return Job(inputs: Array(begin..<min(begin + size, second.upperBound)))
    }
    return [
      Layer(jobs: first, inputs: [], isWanted: false),
      Layer(
        jobs: second, inputs: [.block(of: family(number, first.lowerBound)), .shared(single(number, shared))],
        isWanted: chance.oneIn(3)),
      Layer(
        jobs: third,
        inputs: [.range(of: family(number, second.lowerBound), count: UInt32(count), size: UInt32(size))],
        isWanted: true),
    ]
  }

  /// The key of a layer that begins with a job.
  private static func family(_ number: Int, _ first: Int) -> Digest128 {
    Digest128(low: UInt64(number) &* 0x1_0001 &+ 8, high: UInt64(first))
  }

  private static func single(_ number: Int, _ job: Int) -> Digest128 {
    Digest128(low: UInt64(number) &* 0x1_0001 &+ 7, high: 99).member(UInt64(job))
  }

  /// One job after the other, on nobody's cluster.
  private static func values(of jobs: [Job]) -> [UInt64?] {
    var values: [UInt64?] = []
    for (number, job) in jobs.enumerated() {
      let inputs = job.inputs.map { values[$0] }
      let isLost = job.alwaysThrows || inputs.contains(nil) || job.after.contains { values[$0] == nil }
      values.append(isLost ? nil : value(of: number, inputs.map { $0 ?? 0 }))
    }
    return values
  }

  static func value(of number: Int, _ inputs: [UInt64]) -> UInt64 {
    inputs.reduce(UInt64(number) &* 0x9e37_79b9) { ($0 &* 31 &+ $1) ^ ($1 >> 7) &+ 1 }
  }

  func digest(_ job: Int) -> Digest128 {
    if let layer = layers.first(where: { $0.jobs.contains(job) }) {
      return Workload.family(number, layer.jobs.lowerBound).member(UInt64(job - layer.jobs.lowerBound))
    }
    return Workload.single(number, job)
  }

  static let function = FunctionName(name: "simulated", version: 1)

  /// The whole graph in pieces of random size.
  func pieces(graph: UInt32, _ chance: inout SimulatedChance) -> [Submission] {
    let count = layers.first?.jobs.lowerBound ?? jobs.count
    let wanted = Set(self.wanted)
    var pieces = self.pieces(graph: graph, Array(0..<count), wanted: wanted, &chance)
    if !layers.isEmpty {
      pieces[pieces.count - 1].isLast = false
      pieces.append(layerPiece(graph))
    }
    return pieces
  }

  /// Some jobs, each after those of its inputs that are among them, in pieces of random size. The others are named.
  func pieces(
    graph: UInt32, _ list: [Int], wanted: Set<Int>, _ chance: inout SimulatedChance
  ) -> [Submission] {
    var pieces: [Submission] = []
    var rest = list[...]
    while !rest.isEmpty {
      let count = min(rest.count, 1 + chance.below(max(40, list.count / 2)))
      pieces.append(piece(graph, rest.prefix(count), wanted: wanted, isLast: count == rest.count))
      rest = rest.dropFirst(count)
    }
    return pieces
  }

  private func layerPiece(_ graph: UInt32) -> Submission {
    var piece = Submission(graph: graph, isLast: true)
    piece.functions = [Workload.function]
    piece.labels = ["block"]
    piece.layers = layers.map { layer in
      SubmittedLayer(
        digest: Workload.family(number, layer.jobs.lowerBound), label: 0, function: 0,
        arguments: number.portableBytes() + layer.jobs.lowerBound.portableBytes(), count: UInt32(layer.jobs.count),
        inputs: layer.inputs, isWanted: layer.isWanted)
    }
    return piece
  }

  private func piece(_ graph: UInt32, _ list: ArraySlice<Int>, wanted: Set<Int>, isLast: Bool) -> Submission {
    var piece = Submission(graph: graph, isLast: isLast)
    piece.functions = [Workload.function]
    piece.labels = ["job"]
    // Only looked up.
    var places: [Int: Int] = [:]
    for (place, number) in list.enumerated() {
      let job = jobs[number]
      var traitsNumber: UInt32 = 0
      if job.retries > 0 {
        var traits = WorkTraits()
        traits.retries = UInt16(job.retries)
        traits.retryDelayNanoseconds = Int64(number % 3) * 1_000_000
        piece.traits.append(traits)
        traitsNumber = UInt32(piece.traits.count)
      }
      let dependencies = (job.inputs + job.after).map { input -> SubmittedDependency in
        places[input].map { .back(UInt32(place - $0)) } ?? .known(digest(input))
      }
      piece.tasks.append(
        SubmittedTask(
          digest: digest(number), label: 0, traits: traitsNumber,
          work: .call(function: 0, arguments: self.number.portableBytes() + number.portableBytes()),
          dependencies: dependencies, orderOnlyCount: UInt32(job.after.count)))
      if wanted.contains(number) { piece.wanted.append(UInt32(place)) }
      places[number] = place
    }
    return piece
  }
}
