import Glibc
import TestSupport
import Testing

@testable import MartletNet

@Suite struct OutputQueueTests {
  @Test(arguments: sampled(0..<60 as Range<UInt64>))
  func `bytes leave in order, however they were put in and taken out`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let pool = ChunkPool(chunkBytes: 1 + random.below(64), kept: 3)
    var queue = OutputQueue(pool: pool)
    let vector = UnsafeMutablePointer<iovec>.allocate(capacity: OutputQueue.vectorCapacity)
    defer { vector.deallocate() }
    let source = randomBytes(4096, seed: seed)
    source.withUnsafeBytes { source in
      var model: [UInt8] = []
      var copied = 0
      var holders: [(end: Int, number: Int)] = []
      let order = Shared<[Int]>([])
      var taken = 0
      var put = 0
      var released: [OutputQueue.Holder] = []
      for step in 0..<400 {
        let start = random.below(2000)
        let part = UnsafeRawBufferPointer(rebasing: source[start..<(start + random.below(200))])
        switch random.below(4) {
        case 0, 1:
          queue.append(copying: part)
          model.append(contentsOf: part)
          put += part.count
        case 2 where !part.isEmpty:
          queue.append(
            referencing: part, holder: OutputQueue.Holder(owner: nil) { _ in order.with { $0.append(step) } })
          model.append(contentsOf: part)
          put += part.count
          holders.append((put, step))
        default:
          let (count, bytes, more) = queue.gather(into: vector)
          #expect(!more)
          var seen: [UInt8] = []
          for index in 0..<count {
            seen.append(contentsOf: UnsafeRawBufferPointer(start: vector[index].iov_base, count: vector[index].iov_len))
          }
          #expect(bytes == seen.count && seen == Array(model.prefix(seen.count)), "seed \(seed)")
          #expect(model.isEmpty || count > 0)
          let sent = random.below(bytes + 1)
          queue.advance(sent, released: &released)
          model.removeFirst(sent)
          taken += sent
          for holder in released { holder.released?(true) }
          released.removeAll()
          #expect(order.now == holders.filter { $0.end <= taken }.map(\.number), "seed \(seed)")
        }
        copied = max(copied, queue.copiedBytes)
        #expect(queue.bytes == model.count && queue.isEmpty == (queue.segmentCount == 0), "seed \(seed)")
        #expect(queue.copiedBytes <= queue.bytes)
      }
      queue.removeAll(dropped: &released)
      #expect(released.count == holders.filter { $0.end > taken }.count)
      #expect(queue.isEmpty && queue.bytes == 0 && queue.copiedBytes == 0)
    }
  }

  @Test func `a file is a part of its own`() {
    let pool = ChunkPool(chunkBytes: 16, kept: 1)
    var queue = OutputQueue(pool: pool)
    let vector = UnsafeMutablePointer<iovec>.allocate(capacity: OutputQueue.vectorCapacity)
    defer { vector.deallocate() }
    var released: [OutputQueue.Holder] = []
    [UInt8]("head".utf8).withUnsafeBytes { queue.append(copying: $0) }
    queue.append(file: 9, offset: 100, count: 10, holder: OutputQueue.Holder(owner: nil, released: nil))
    [UInt8]("tail".utf8).withUnsafeBytes { queue.append(copying: $0) }
    #expect(queue.filePart == nil && queue.bytes == 18)
    #expect(queue.gather(into: vector) == (1, 4, true))
    queue.advance(4, released: &released)
    queue.advance(3, released: &released)
    #expect(queue.filePart?.offset == 103 && queue.filePart?.count == 7 && queue.filePart?.file == 9)
    #expect(released.isEmpty)
    queue.advance(7, released: &released)
    #expect(released.count == 1 && queue.filePart == nil)
    #expect(queue.gather(into: vector) == (1, 4, false))
  }

  @Test func `an offer holds up what is behind it, and what is inserted stands in front of it`() {
    // Chunks of three bytes, so that everything takes several.
    let pool = ChunkPool(chunkBytes: 3, kept: 1)
    var queue = OutputQueue(pool: pool)
    let vector = UnsafeMutablePointer<iovec>.allocate(capacity: OutputQueue.vectorCapacity)
    defer { vector.deallocate() }
    var released: [OutputQueue.Holder] = []
    let holder = OutputQueue.Holder(owner: nil, released: nil)
    func copy(_ text: String, _ body: (UnsafeRawBufferPointer) -> Void) { Array(text.utf8).withUnsafeBytes(body) }
    /// What could be sent now.
    func free() -> String {
      let (count, _, _) = queue.gather(into: vector)
      return (0..<count).map {
        String(decoding: UnsafeRawBufferPointer(start: vector[$0].iov_base, count: vector[$0].iov_len), as: UTF8.self)
      }.joined()
    }
    let payload = Array("first second third".utf8)
    payload.withUnsafeBytes { payload in
      func piece(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: payload[range]) }
      copy("abcd") { queue.append(copying: $0) }
      queue.append(offering: piece(0..<6), holder: holder)
      queue.append(offering: piece(6..<13), holder: holder)
      copy("efgh") { queue.append(copying: $0) }
      queue.append(offering: piece(13..<18), holder: holder)
      copy("ij") { queue.append(copying: $0) }
      #expect(free() == "abcd" && !queue.isHeldUp && queue.canSend && queue.freeBytes == 4)
      queue.advance(1, released: &released)
      copy("12345") { queue.insert(copying: $0) }
      #expect(free() == "bcd12345" && queue.freeBytes == 8 && queue.bytes == 8 + 13 + 4 + 5 + 2)
      queue.advance(8, released: &released)
      #expect(free() == "" && queue.isHeldUp && !queue.canSend && queue.freeBytes == 0 && queue.offeredBytes == 13)
      // Seven bytes were read; the rest is sent.
      queue.advance(7, released: &released)
      #expect(released.count == 1 && queue.offeredBytes == 6)
      copy("head") { queue.sendOffered(behind: $0) }
      #expect(free() == "headecond efgh" && queue.freeBytes == 14)
      queue.advance(14, released: &released)
      #expect(released.count == 2 && queue.offeredBytes == 5)
      copy("67") { queue.insert(copying: $0) }
      queue.advance(2, released: &released)
      queue.advance(queue.offeredBytes, released: &released)
      #expect(released.count == 3 && free() == "ij" && queue.freeBytes == 2)
      queue.append(offering: piece(0..<2), holder: holder)
      queue.removeAll(dropped: &released)
      #expect(released.count == 4 && queue.isEmpty && !queue.isHeldUp && queue.freeBytes == 0)
    }
  }
}
