import MartletTable
import Testing

@testable import Martlet

@Suite struct PartitionLayoutTests {
  @Test(arguments: [1, 2, 3, 7, 64], [0, 1, 2, 5, 100, 101])
  func `partitions cover a file without gap or overlap`(partitionBytes: Int, fileBytes: Int) {
    let layout = PartitionLayout(given: partitionBytes, totalBytes: fileBytes, keepsRecords: false, memoryBytes: nil)
    var covered = 0
    while let range = layout.range(from: covered, to: fileBytes) {
      #expect(range.lowerBound == covered && !range.isEmpty)
      #expect(range.count <= partitionBytes + (partitionBytes + 1) / 2)
      covered = range.upperBound
    }
    #expect(covered == fileBytes)
  }

  @Test func `the size follows from the input and the memory alone`() {
    func bytes(_ total: Int?, keepsRecords: Bool = false, memory: Int? = nil) -> Int {
      PartitionLayout(given: nil, totalBytes: total, keepsRecords: keepsRecords, memoryBytes: memory).partitionBytes
    }
    #expect(bytes(1000) == 1 << 20)
    #expect(bytes(512 << 20) == 32 << 20)
    #expect(bytes(100 << 30) == 64 << 20)
    #expect(bytes(100 << 30, keepsRecords: true) == 8 << 20)
    #expect(bytes(100 << 30, keepsRecords: true, memory: 128 << 20) == 2 << 20)
    #expect(bytes(100 << 30, memory: 128 << 20) == 64 << 20)
    #expect(bytes(nil) == 4 << 20)
  }
}

@Suite struct PartitionCursorTests {
  private func rounds(_ sizes: [Int?], partitionBytes: Int, hasLimit: Bool) -> [[Range<Int>]] {
    let files = sizes.map { size in
      TableFiles.File(source: FakeSource(name: "f", byteCount: size), bodyOffset: 2)
    }
    var cursor = PartitionCursor(
      files, layout: PartitionLayout(given: partitionBytes, totalBytes: 0, keepsRecords: false, memoryBytes: nil),
      hasLimit: hasLimit)
    var rounds: [[Range<Int>]] = []
    while rounds.count < 4 {
      let round = cursor.nextRound()
      if round.isEmpty { break }
      rounds.append(round.map(\.range))
    }
    return rounds
  }

  @Test func `files are dealt out in one round, each from its first record`() {
    #expect(rounds([12, 2, 7], partitionBytes: 5, hasLimit: false) == [[2..<7, 7..<12, 2..<7]])
  }

  @Test func `a limit is approached in growing rounds`() {
    #expect(rounds([72], partitionBytes: 10, hasLimit: true).map(\.count) == [1, 2, 4])
  }

  @Test func `a pipe is dealt out sixteen partitions at a time`() {
    let dealt = rounds([nil], partitionBytes: 10, hasLimit: false)
    #expect(dealt.map(\.count) == [16, 16, 16, 16])
    #expect(dealt[1].first == 162..<172)
  }
}

private struct FakeSource: ByteSource {
  let name: String
  let byteCount: Int?

  func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TableError) -> Int { 0 }
}
