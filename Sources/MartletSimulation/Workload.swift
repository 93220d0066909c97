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

  /// Whether it never gives a value. What the scheduler did not hear of is no attempt for it, so a count would not do.
  var alwaysThrows: Bool { throwsTimes > retries }
}

/// A random graph, what it gives, and how it goes over the wire.
struct Workload: Sendable {
  let client: Int
  let jobs: [Job]
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

  init(client: Int, tasks: Int, canThrow: Bool, _ chance: inout SimulatedChance) {
    self.client = client
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
      if canThrow, chance.oneIn(12) {
        job.throwsTimes = chance.below(4)
        job.retries = chance.below(4)
      }
      job.bytes = chance.oneIn(3) ? Int64(3000 + chance.below(200_000)) : 8
      jobs.append(job)
    }
    let layers = chance.oneIn(3) ? Workload.addLayers(client, &jobs, &chance) : []
    self.layers = layers
    self.jobs = jobs
    var wanted: Set<Int> = [tasks - 1]
    for layer in layers where layer.isWanted { wanted.formUnion(layer.jobs) }
    for _ in 0..<chance.below(4) { wanted.insert(chance.below(tasks)) }
    self.wanted = wanted.sorted()
    expected = Workload.values(of: jobs)
  }

  /// Blocks that read, blocks that need those and one task for all, and blocks that join some of these.
  private static func addLayers(_ client: Int, _ jobs: inout [Job], _ chance: inout SimulatedChance) -> [Layer] {
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
        jobs: second, inputs: [.block(of: family(client, first.lowerBound)), .shared(single(client, shared))],
        isWanted: chance.oneIn(3)),
      Layer(
        jobs: third,
        inputs: [.range(of: family(client, second.lowerBound), count: UInt32(count), size: UInt32(size))],
        isWanted: true),
    ]
  }

  /// The key of a layer that begins with a job.
  private static func family(_ client: Int, _ first: Int) -> Digest128 {
    Digest128(low: UInt64(client) &* 0x1_0001 &+ 8, high: UInt64(first))
  }

  private static func single(_ client: Int, _ job: Int) -> Digest128 {
    Digest128(low: UInt64(client) &* 0x1_0001 &+ 7, high: 99).member(UInt64(job))
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
      return Workload.family(client, layer.jobs.lowerBound).member(UInt64(job - layer.jobs.lowerBound))
    }
    return Workload.single(client, job)
  }

  static let function = FunctionName(name: "simulated", version: 1)

  /// The graph in pieces of random size.
  func pieces(graph: UInt32, _ chance: inout SimulatedChance) -> [Submission] {
    var pieces: [Submission] = []
    var begin = 0
    let count = layers.first?.jobs.lowerBound ?? jobs.count
    while begin < count {
      let end = min(count, begin + 1 + chance.below(max(40, jobs.count / 2)))
      pieces.append(piece(graph, begin..<end))
      begin = end
    }
    if !layers.isEmpty { pieces.append(layerPiece(graph)) }
    return pieces
  }

  private func layerPiece(_ graph: UInt32) -> Submission {
    var piece = Submission(graph: graph, isLast: true)
    piece.functions = [Workload.function]
    piece.labels = ["block"]
    piece.layers = layers.map { layer in
      SubmittedLayer(
        digest: Workload.family(client, layer.jobs.lowerBound), label: 0, function: 0,
        arguments: client.portableBytes() + layer.jobs.lowerBound.portableBytes(), count: UInt32(layer.jobs.count),
        inputs: layer.inputs, isWanted: layer.isWanted)
    }
    return piece
  }

  private func piece(_ graph: UInt32, _ range: Range<Int>) -> Submission {
    var piece = Submission(graph: graph, isLast: range.upperBound == jobs.count)
    piece.functions = [Workload.function]
    piece.labels = ["job"]
    for place in range {
      let job = jobs[place]
      var number: UInt32 = 0
      if job.retries > 0 {
        var traits = WorkTraits()
        traits.retries = UInt16(job.retries)
        traits.retryDelayNanoseconds = Int64(place % 3) * 1_000_000
        piece.traits.append(traits)
        number = UInt32(piece.traits.count)
      }
      let dependencies = (job.inputs + job.after).map { input -> SubmittedDependency in
        range.contains(input) ? .back(UInt32(place - input)) : .known(digest(input))
      }
      piece.tasks.append(
        SubmittedTask(
          digest: digest(place), label: 0, traits: number,
          work: .call(function: 0, arguments: client.portableBytes() + place.portableBytes()),
          dependencies: dependencies, orderOnlyCount: UInt32(job.after.count)))
      if wanted.contains(place) { piece.wanted.append(UInt32(place - range.lowerBound)) }
    }
    return piece
  }
}
