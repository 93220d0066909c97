import MartletEngine
import Synchronization
import Testing

@testable import Martlet
@testable import MartletTable

/// Results that are written piece by piece are not first collected.
@Suite struct StreamingTests {
  /// Notes how far the scans were when the first byte came.
  private final class FirstByte: OutputTarget, @unchecked Sendable {
    // Unchecked: a run writes from one thread at a time.
    private let progress: RunProgress
    private(set) var partitionsBefore: Int?

    init(_ progress: RunProgress) { self.progress = progress }

    func write(_ bytes: UnsafeRawBufferPointer) throws(TableError) {
      if partitionsBefore == nil { partitionsBefore = progress.partitions.load(ordering: .relaxed) }
    }
  }

  @Test func `a selection is written while the input is read`() throws {
    let file = TemporaryTable("a,b\n" + String(repeating: "some,record\n", count: 2000))
    var options = ExecutionOptions()
    options.threads = 1
    options.partitionBytes = 1000
    let progress = RunProgress()
    let target = FirstByte(progress)
    let query = TableQuery(input: TableInput(files: [file.path]), operation: .select(sort: [], limit: nil))
    _ = try PlannedQuery(query, options: options)
      .run(format: .csv, width: 0, output: target, progress: progress, record: false)
    #expect(progress.partitions.load(ordering: .relaxed) == 24)
    #expect(target.partitionsBefore == 1)
  }

  @Test func `groups are written range by range`() throws {
    let count = 20_000
    let accumulator = try GroupAccumulator(GroupSpec(keyCount: 1, aggregates: [AggregateSpec(.countAll)]))
    let digits = UnsafeMutablePointer<UInt8>.allocate(capacity: 32)
    digits.initialize(repeating: 0, count: 32)
    defer { digits.deallocate() }
    let vector = Vector(type: .text)
    for number in 0..<count {
      let text = Array("\(number)".utf8)
      digits.update(from: text, count: text.count)
      vector.texts[0] = UnsafePointer(digits)
      vector.lengths[0] = UInt32(text.count)
      try accumulator.consume(keys: [vector], arguments: [], count: 1)
    }
    let plan = GroupPlan(
      [accumulator.finish()], options: GroupFinishOptions(names: ["k", "n"], keyTypes: [.text]),
      reader: ParsedKeyCells())
    let order = plan.order([try plan.rank(0)])
    let shards = plan.shards([plan.place(0, order)], order, targetBytes: 1 << 16)
    try #require(shards.count > 8)
    let outputs = GroupOutputs(
      GroupFinish(
        keyNames: ["k"], keyTypes: [.text], slots: [GroupSlot(name: "n", type: .int)],
        outputs: try OutputColumn.parse(list: "n"), sort: [], limit: nil))
    let writer = RowWriter(format: .csv, names: ["k", "n"], types: [.text, .int])
    let target = MemoryTarget()
    let gate = OutputGate(target, writer, holdBytes: nil)
    let wanted = FinishGraphs.written(shards, outputs, writer, gate)
    let results = try ThreadPoolExecutor(threads: 1).run(
      wanted.graph, outputs: [wanted.node.erased], options: RunOptions(memoryBudgetBytes: 1 << 40))
    #expect(results[wanted.node] == count)
    #expect(target.text.split(separator: "\n").count == count + 1)
    let peak = try #require(results.peakResultBytes)
    #expect(peak > 0 && peak < target.bytes.count / 4)
  }
}
