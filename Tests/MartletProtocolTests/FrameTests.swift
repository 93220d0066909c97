import MartletBytes
import TestSupport
import Testing

@testable import MartletProtocol

@Suite struct FrameTests {
  /// Feeds a stream in pieces, keeping what was not consumed, as a connection does.
  private func parse(_ stream: [UInt8], cuts: [Int], bodyLimit: Int = 1 << 20) throws -> [FrameParser.Found] {
    var parser = FrameParser(bodyLimit: bodyLimit)
    var found: [FrameParser.Found] = []
    var kept: [UInt8] = []
    for (from, to) in zip([0] + cuts, cuts + [stream.count]) {
      kept += stream[from..<to]
      while !kept.isEmpty {
        let (one, consumed) = try kept.withUnsafeBytes { try parser.next($0) }
        if one == .nothing { break }
        kept.removeFirst(consumed)
        // Pieces of a body are one, however they came.
        if case .body(let more) = one, case .body(let before) = found.last {
          found[found.count - 1] = .body(before + more)
        } else {
          found.append(one)
        }
      }
    }
    #expect(kept.isEmpty)
    return found
  }

  @Test func `frames are found wherever the stream is cut`() throws {
    var batch = MessageBatch<ClientToScheduler>()
    try batch.append(.heartbeat)
    try batch.append(.release([TaskHandle(slot: 1, generation: 2)]))
    let messages = batch.take()
    #expect(messages.count == 1)
    let head = PeerReply.done(request: 7).portableBytes()
    let body = [UInt8](repeating: 9, count: 50)
    let stream = messages[0] + Frame.prefix(.data, headBytes: head.count, bodyBytes: 50) + head + body + messages[0]
    let expected: [FrameParser.Found] = [
      .messages([UInt8](messages[0][16...])), .data(head: head, bodyBytes: 50), .body(50),
      .messages([UInt8](messages[0][16...])),
    ]
    for cut in 0...stream.count { #expect(try parse(stream, cuts: [cut]) == expected, "cut at \(cut)") }
    #expect(try parse(stream, cuts: Array(1..<stream.count)) == expected)
  }

  @Test func `a body can be offered, answered and sent after all`() throws {
    let offer = MemoryOffer(
      tokenAddress: 0x0102_0304_0506_0708, token: (0..<16).map { UInt8($0) },
      pieces: [.init(address: 0x1000, count: 30), .init(address: 0x2000, count: 20)])
    let head = PeerReply.done(request: 7).portableBytes()
    let bytes = offer.bytes(before: head)
    #expect(bytes[..<8] == [8, 7, 6, 5, 4, 3, 2, 1] && bytes[8..<24] == offer.token[...] && bytes[24] == 2)
    #expect(bytes[25..<41] == [0, 16, 0, 0, 0, 0, 0, 0, 30, 0, 0, 0, 0, 0, 0, 0])
    #expect(bytes[57...] == head[...])
    let (read, readHead) = try MemoryOffer.read(bytes, bodyBytes: 50)
    #expect(read == offer && readHead == head)
    for count in 0..<57 {
      #expect(throws: ByteError.self) { try MemoryOffer.read(Array(bytes[..<count]), bodyBytes: 50) }
    }
    for count in [0, 29, 30, 49, 51] {
      #expect(throws: ByteError.self) { try MemoryOffer.read(bytes, bodyBytes: count) }
    }
    #expect(MemoryAnswer.refused(at: 258).bytes == [2, 2, 1, 0, 0, 0, 0, 0, 0])
    for answer in [MemoryAnswer.taken(1 << 40), .done, .refused(at: 30)] {
      #expect(try MemoryAnswer(answer.bytes) == answer)
      for count in 0..<9 { #expect(throws: ByteError.self) { try MemoryAnswer(Array(answer.bytes[..<count])) } }
    }
    for wrong: [UInt8] in [
      [3, 0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0, 1],
    ] {
      #expect(throws: ByteError.self) { try MemoryAnswer(wrong) }
    }
    let answer = MemoryAnswer.refused(at: 30).bytes
    let stream =
      Frame.prefix(.offer, headBytes: bytes.count, bodyBytes: 50) + bytes
      + Frame.prefix(.answer, headBytes: 9, bodyBytes: 0) + answer
      + Frame.prefix(.rest, headBytes: 0, bodyBytes: 20) + [UInt8](repeating: 5, count: 20)
      + Frame.prefix(.messages, headBytes: head.count, bodyBytes: 0) + head
    let expected: [FrameParser.Found] = [
      .offer(head: bytes, bodyBytes: 50), .answer(answer), .rest(20), .body(20), .messages(head),
    ]
    for cut in 0...stream.count { #expect(try parse(stream, cuts: [cut]) == expected, "cut at \(cut)") }
    var parser = FrameParser(bodyLimit: 100)
    let headed = Frame.prefix(.rest, headBytes: 1, bodyBytes: 20) + [0]
    #expect(throws: ByteError.self) { try headed.withUnsafeBytes { try parser.next($0) } }
  }

  @Test func `a frame that announces too much is refused by its prefix`() {
    func refusal(_ prefix: [UInt8]) -> String? {
      var parser = FrameParser(headLimit: 100, bodyLimit: 1000)
      let error = #expect(throws: ByteError.self) { try prefix.withUnsafeBytes { try parser.next($0) } }
      return error?.message
    }
    #expect(refusal(Frame.prefix(.messages, headBytes: 101, bodyBytes: 0))?.contains("at most 100") == true)
    #expect(refusal(Frame.prefix(.data, headBytes: 5, bodyBytes: 1001))?.contains("at most 1000") == true)
    #expect(refusal(Frame.prefix(.messages, headBytes: 5, bodyBytes: 1))?.contains("at most 0") == true)
    var odd = Frame.prefix(.messages, headBytes: 5, bodyBytes: 0)
    odd[4] = 9
    #expect(refusal(odd) == "a frame of the unknown kind 9")
    odd[4] = 0
    odd[6] = 1
    #expect(refusal(odd) != nil)
  }

  @Test func `a batch never makes a frame above the limit, and loses nothing`() throws {
    for seed in sampled(0..<50 as Range<UInt64>) {
      var random = RandomMessages(seed: seed)
      var batch = MessageBatch<ClientToScheduler>(limit: 400)
      var sent: [ClientToScheduler] = []
      for _ in 0..<30 {
        let message = random.clientToScheduler()
        do throws(MessageTooLarge) {
          try batch.append(message)
          sent.append(message)
        } catch {
          #expect(message.portableBytes().count == error.byteCount && error.byteCount > 400)
        }
      }
      var received: [ClientToScheduler] = []
      for frame in batch.take() {
        #expect(frame.count <= 416)
        received += try MessageBatch<ClientToScheduler>.messages(in: [UInt8](frame[16...]))
      }
      #expect(received == sent, "seed \(seed)")
      #expect(batch.isEmpty)
    }
  }

  @Test func `random bytes never trap the parser`() {
    for seed in sampled(0..<2000 as Range<UInt64>) {
      var random = RandomMessages(seed: seed)
      let bytes = random.bytes() + random.bytes()
      var parser = FrameParser(bodyLimit: 1 << 20)
      var rest = bytes[...]
      while !rest.isEmpty {
        guard let (found, consumed) = try? [UInt8](rest).withUnsafeBytes({ try parser.next($0) }), found != .nothing
        else { break }
        rest = rest.dropFirst(consumed)
      }
    }
  }
}
