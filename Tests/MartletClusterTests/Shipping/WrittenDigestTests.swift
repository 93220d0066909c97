import MartletBytes
import MartletGraph
import TestSupport
import Testing

@testable import MartletCluster

@Suite struct WrittenDigestTests {
  /// Texts and arrays behind each other, some of them long enough to stay where they are.
  private struct Mixed: PortableValue {
    var parts: [(text: String, numbers: [UInt64], bytes: [UInt8])] = []

    init(_ random: inout SeededGenerator) {
      for _ in 0..<random.below(4) {
        let long = random.pick([0, 5, 4096, 5001])
        parts.append(
          (
            String(repeating: "x", count: random.below(20)), (0..<long).map { _ in random.next() },
            (0..<random.pick([3, 32 << 10, 33_003])).map { UInt8(truncatingIfNeeded: $0) }
          ))
      }
    }

    func write(to writer: inout ByteWriter) {
      for part in parts {
        writer.write(part.text)
        part.numbers.write(to: &writer)
        part.bytes.write(to: &writer)
      }
    }

    init(from reader: inout ByteReader) throws(ByteError) { throw ByteError(offset: 0, "it is only written") }
  }

  @Test func `bytes in pieces have the key of the same bytes in one piece`() {
    var segmented = 0
    for seed in 1...60 as ClosedRange<UInt64> {
      var random = SeededGenerator(seed: seed)
      let value = Mixed(&random)
      var sharing = ByteWriter(sharingFrom: ByteSegment.leastBytes)
      value.write(to: &sharing)
      let written = WrittenBytes(sharing)
      if written.pieces.count > 1 { segmented += 1 }
      let expected = GraphBuilder.hasher(ofLiteral: "Mixed", value.portableBytes()).digest()
      #expect(written.literalDigest("Mixed") == expected, "seed \(seed)")
    }
    #expect(segmented > 10)
  }
}
