import TestSupport
import Testing

@testable import MartletBytes

/// Small fields and arrays, written by themselves.
private struct Report: PortableValue, Equatable {
  var title: String
  var weights: [Double]
  var rows: [[Int32]]
  var picture: [UInt8]?
  var counts: [String: [Int64]]
  var marks: Set<UInt16>

  init(_ random: inout SeededGenerator) {
    func count() -> Range<Int> { 0..<random.below(random.chance(30) ? 2 : 40) }
    title = "report \(random.below(1000))"
    weights = count().map { _ in Double(random.below(1000)) / 8 }
    rows = (0..<random.below(4)).map { _ in count().map { _ in Int32(truncatingIfNeeded: random.next()) } }
    picture = random.chance(50) ? count().map { _ in UInt8(truncatingIfNeeded: random.next()) } : nil
    counts = Dictionary(
      uniqueKeysWithValues: (0..<random.below(4)).map { name in ("\(name)", count().map { Int64($0) }) })
    marks = Set(count().map { UInt16($0) })
  }

  func write(to writer: inout ByteWriter) {
    title.write(to: &writer)
    weights.write(to: &writer)
    rows.write(to: &writer)
    picture.write(to: &writer)
    counts.write(to: &writer)
    marks.write(to: &writer)
  }

  init(from reader: inout ByteReader) throws(ByteError) {
    title = try String(from: &reader)
    weights = try [Double](from: &reader)
    rows = try [[Int32]](from: &reader)
    picture = try [UInt8]?(from: &reader)
    counts = try [String: [Int64]](from: &reader)
    marks = try Set<UInt16>(from: &reader)
  }
}

/// The same by the names of its fields, with levels that are asked for by themselves.
private struct Album: Codable, Equatable, PortableValue {
  var title: String
  var weights: [Double]
  var rows: [[Int]]
  var pages: [Page]
  var last: Page
  var named: [String: [Float]]

  struct Page: Codable, Equatable {
    var cells: [UInt64]
    var number: Int

    enum Keys: String, CodingKey { case number, cells, inner }

    init(_ cells: [UInt64], _ number: Int) {
      self.cells = cells
      self.number = number
    }

    func encode(to encoder: any Encoder) throws {
      var fields = encoder.container(keyedBy: Keys.self)
      // Begun before and filled after what stands behind it.
      var inner = fields.nestedContainer(keyedBy: Keys.self, forKey: .inner)
      try fields.encode(number, forKey: .number)
      try inner.encode(cells, forKey: .cells)
      try inner.encode(cells, forKey: .number)
    }

    init(from decoder: any Decoder) throws {
      let fields = try decoder.container(keyedBy: Keys.self)
      number = try fields.decode(Int.self, forKey: .number)
      let inner = try fields.nestedContainer(keyedBy: Keys.self, forKey: .inner)
      cells = try inner.decode([UInt64].self, forKey: .cells)
    }
  }

  init(_ random: inout SeededGenerator) {
    func count() -> Range<Int> { 0..<random.below(random.chance(30) ? 2 : 30) }
    func page() -> Page { Page(count().map { UInt64($0) << 40 }, random.below(100)) }
    title = "album"
    weights = count().map { Double($0) }
    rows = (0..<random.below(4)).map { _ in count().map { $0 } }
    pages = (0..<random.below(4)).map { _ in page() }
    last = page()
    named = Dictionary(
      uniqueKeysWithValues: (0..<random.below(3)).map { name in ("\(name)", count().map { Float($0) }) })
  }
}

extension LandedBytes {
  /// Lands bytes as they would come.
  fileprivate convenience init(_ segments: ByteSegments, filledWith bytes: [UInt8]) {
    self.init(segments)
    var start = 0
    for room in rooms {
      room.copyBytes(from: bytes[start..<(start + room.count)])
      start += room.count
    }
    precondition(start == bytes.count)
  }
}

@Suite struct SegmentTests {
  private func share(_ value: some PortableValue, from least: Int) -> WrittenBytes {
    var writer = ByteWriter(sharingFrom: least)
    value.write(to: &writer)
    #expect(writer.failure == nil)
    return WrittenBytes(writer)
  }

  private func read<Value: PortableValue>(_ landed: LandedBytes, as type: Value.Type) throws(ByteError) -> Value {
    var reader = landed.reader
    let value = try Value(from: &reader)
    try reader.requireEnd()
    return value
  }

  /// Segments anywhere, of any kind.
  private func anySegments(_ byteCount: Int, _ random: inout SeededGenerator) throws -> ByteSegments {
    var list: [ByteSegment] = []
    var rest = byteCount
    while rest > 0, list.count < 12, random.chance(85) {
      let skipped = random.below(min(rest, 40))
      let count = 1 + random.below(min(rest - skipped, random.chance(30) ? 400 : 24))
      list.append(ByteSegment(skipped: skipped, count: count, kind: UInt8(random.below(16))))
      rest -= skipped + count
    }
    return try ByteSegments(list, byteCount: byteCount)
  }

  private func check<Value: PortableValue & Equatable>(_ value: Value, seed: UInt64) throws {
    var random = SeededGenerator(seed: seed &* 77)
    let plain = try value.checkedPortableBytes()
    for least in [1, 8, 64, 1 << 20] {
      let written = share(value, from: least)
      #expect(written.pieces.flatMap { Array($0) } == plain, "seed \(seed), from \(least)")
      #expect(written.pieces.allSatisfy { !$0.isEmpty })
      let landed = LandedBytes(written.segments, filledWith: plain)
      #expect(try read(landed, as: Value.self) == value, "seed \(seed), from \(least)")
      #expect(landed.bytes == plain)
    }
    // Segments never change what is read, whether the bytes are right or wrong.
    for round in 0..<12 {
      var bytes = plain
      switch round % 4 {
      case 1 where !bytes.isEmpty: bytes[random.below(bytes.count)] ^= 1 << UInt8(random.below(8))
      case 2: bytes.removeLast(min(bytes.count, 1 + random.below(20)))
      case 3: bytes.append(contentsOf: (0..<(1 + random.below(9))).map { UInt8($0) })
      default: break
      }
      let plainly = Result { () throws(ByteError) in try Value(portableBytes: bytes) }
      let segments = try anySegments(bytes.count, &random)
      let landed = LandedBytes(segments, filledWith: bytes)
      let segmented = Result { () throws(ByteError) in try read(landed, as: Value.self) }
      #expect(segmented == plainly, "seed \(seed), round \(round), \(segments.list)")
    }
  }

  @Test func `values are read the same with any segments, also where they are damaged`() throws {
    for seed in UInt64(0)..<120 {
      var random = SeededGenerator(seed: seed)
      try check(Report(&random), seed: seed)
      try check(Album(&random), seed: seed)
      try check([Report(&random), Report(&random)], seed: seed)
    }
  }

  @Test func `long arrays are neither copied on their way out nor on their way in`() throws {
    func check<Number: BulkNumber & PortableValue & Equatable>(_ numbers: [Number]) throws {
      let written = share(numbers, from: 1000)
      let source = numbers.withUnsafeBytes { $0.baseAddress }
      #expect(written.pieces.contains { $0.baseAddress == source })
      #expect(written.segments.list.map(\.kind) == [Number.bulkKind])
      let landed = LandedBytes(written.segments, filledWith: numbers.portableBytes())
      let rooms = landed.rooms.map { UnsafeRawPointer($0.baseAddress) }
      let read = try read(landed, as: [Number].self)
      #expect(read == numbers)
      #expect(read.withUnsafeBytes { rooms.contains($0.baseAddress) }, "\(Number.self)")
    }
    func check<Number: FixedWidthInteger & BulkNumber & PortableValue>(integers type: Number.Type) throws {
      try check((0..<2000).map { Number(truncatingIfNeeded: $0 &* 0x1234_5678_9abc) })
    }
    try check(integers: Int8.self)
    try check(integers: Int16.self)
    try check(integers: Int32.self)
    try check(integers: Int64.self)
    try check(integers: Int.self)
    try check(integers: UInt8.self)
    try check(integers: UInt16.self)
    try check(integers: UInt32.self)
    try check(integers: UInt64.self)
    try check(integers: UInt.self)
    try check((0..<2000).map { Float($0) })
    try check((0..<2000).map { Double($0) })
    // What is inside of other values, too.
    let album = Album.Page((0..<500).map { UInt64($0) }, 1)
    let written = share(PagePair(one: album, other: album), from: 1000)
    #expect(written.segments.list.count == 4)
    #expect(written.segments.restBytes < 300)
  }

  private struct PagePair: Codable, PortableValue {
    var one: Album.Page
    var other: Album.Page
  }

  @Test func `who changes a value that has landed changes nobody else's`() throws {
    let numbers = (0..<1000).map { Int64($0) }
    let landed = LandedBytes(share(numbers, from: 100).segments, filledWith: numbers.portableBytes())
    var one = try read(landed, as: [Int64].self)
    one[3] = 99
    one.append(7)
    #expect(try read(landed, as: [Int64].self) == numbers)
    #expect(one.count == 1001 && one[3] == 99 && one[4] == 4)
  }

  @Test func `segments that do not lie in their value are refused`() {
    func refused(_ list: [ByteSegment], _ byteCount: Int) -> Bool {
      do throws(ByteError) {
        _ = try ByteSegments(list, byteCount: byteCount)
        return false
      } catch {
        return true
      }
    }
    func segment(_ skipped: Int, _ count: Int) -> ByteSegment { ByteSegment(skipped: skipped, count: count, kind: 1) }
    #expect(!refused([segment(0, 10)], 10))
    #expect(refused([segment(0, 11)], 10))
    #expect(refused([segment(1, 10)], 10))
    #expect(refused([segment(11, 1)], 10))
    #expect(refused([segment(0, 0)], 10))
    #expect(refused([segment(-1, 2)], 10))
    #expect(refused([segment(0, .max), segment(0, .max)], 10))
    #expect(refused([segment(2, 4), segment(2, 3)], 10))
    #expect(!refused([segment(2, 4), segment(2, 2)], 10))
    #expect(refused(Array(repeating: segment(0, 1), count: ByteSegment.most + 1), 1 << 20))
    #expect(!refused(Array(repeating: segment(0, 1), count: ByteSegment.most), 1 << 20))
    // As bytes: every cut and every flipped bit is an error or another list that lies in its value.
    var writer = ByteWriter()
    try? ByteSegments([segment(5, 40), segment(0, 300), segment(7, 1)], byteCount: 400).write(to: &writer)
    let bytes = writer.bytes
    for place in bytes.indices {
      for bit in 0..<8 {
        for count in [bytes.count, place + 1] {
          var damaged = Array(bytes[..<count])
          damaged[place] ^= 1 << UInt8(bit)
          var reader = ByteReader(damaged)
          let read = Result { () throws(ByteError) in try ByteSegments(from: &reader, byteCount: 400) }
          if case .success(let segments) = read {
            #expect(segments.list.reduce(0) { $0 + $1.skipped + $1.count } <= 400)
          }
        }
      }
    }
    var reader = ByteReader([])
    #expect(Result { () throws(ByteError) in try ByteSegments(from: &reader, byteCount: 4).list } == .success([]))
  }

  @Test func `a value of very many arrays has its bytes in one piece`() throws {
    let rows = (0..<(ByteSegment.most + 10)).map { [Int64($0)] }
    let written = share(rows, from: 1)
    #expect(written.segments.list.count <= ByteSegment.most)
    #expect(written.pieces.flatMap { Array($0) } == rows.portableBytes())
  }

  @Test func `a writer that shares memory gives all its bytes`() {
    var writer = ByteWriter(sharingFrom: 10)
    writer.write("before")
    [Int64](repeating: 3, count: 9).write(to: &writer)
    writer.write("behind")
    var plain = ByteWriter()
    plain.write("before")
    [Int64](repeating: 3, count: 9).write(to: &plain)
    plain.write("behind")
    #expect(writer.bytes == plain.bytes)
    for count in [0, 1, 127, 128, 16383, 16384, 1 << 35, Int.max] {
      var writer = ByteWriter()
      writer.write(varint: UInt64(count))
      #expect(ByteWriter.bytes(ofVarint: UInt64(count)) == writer.bytes.count)
    }
  }
}
