import MartletBytes
import Testing

@testable import MartletProtocol

/// The bytes of Docs/Protocol.md, written out by hand from that page: who changes them makes another version.
@Suite struct `Bytes as the protocol's page has them` {
  private func bytes(_ hexadecimal: String) -> [UInt8] {
    hexadecimal.split { $0 == " " || $0 == "\n" }.map { UInt8($0, radix: 16)! }
  }

  @Test func `a frame with one heartbeat`() throws {
    var batch = MessageBatch<ClientToScheduler>()
    try batch.append(.heartbeat)
    #expect(batch.take() == [bytes("01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 0b")])
  }

  @Test func `a submission of a constant and a call of it`() {
    var submission = Submission(graph: 7, isLast: true)
    submission.functions = [FunctionName(name: "f", version: 2)]
    submission.types = ["t"]
    submission.labels = ["a"]
    submission.tasks = [
      SubmittedTask(digest: Digest128(low: 1, high: 2), label: 0, work: .literal(type: 0, bytes: [9])),
      SubmittedTask(
        digest: Digest128(low: 3, high: 4), label: 0, work: .call(function: 0, arguments: []), dependencies: [.back(1)]),
    ]
    submission.wanted = [1]
    let expected = bytes(
      """
      01 07 00 00 00 01 00
      01 01 66 02
      01 01 74
      01 01 61
      00
      02
      01 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 00 00 01 00 01 09 00 00
      03 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00 00 00 00 00 00 00 01 01
      01 01 00 00 00 00
      """)
    #expect(ClientToScheduler.submit(submission).portableBytes() == expected)
  }

  @Test func `a result of three bytes that travels with the news of it`() {
    let end = TaskEnd(
      task: TaskHandle(slot: 5, generation: 6), run: RunID(rawValue: 1), nanoseconds: 1000, byteCount: 3, type: "t",
      inline: [1, 2, 3])
    let expected = bytes(
      """
      03 01 05 00 00 00 06 00 00 00 01 00 00 00
      e8 03 00 00 00 00 00 00 03 00 00 00 00 00 00 00
      01 74 01 03 01 02 03 00
      """)
    #expect(WorkerToScheduler.finished([end]).portableBytes() == expected)
  }

  @Test func `a greeting`() {
    let hello = Hello(
      role: .worker, registry: Digest128(low: 1, high: 0), nonce: [UInt8](repeating: 0xaa, count: 32), product: "1.0")
    var handshake = Handshake(own: hello, accepting: [.scheduler], secret: [])
    let nonce = String(repeating: "aa ", count: 32)
    let expected = bytes(
      """
      56 00 4d 52 54 4c 02 00 02 00 02 00 00 00 00 00 00 00 00 00
      01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
      \(nonce)03 31 2e 30
      """)
    #expect(handshake.start() == expected)
  }
}
