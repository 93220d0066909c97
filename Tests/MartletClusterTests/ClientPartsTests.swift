import MartletBytes
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster

@Suite struct ClientPartsTests {
  @Test func `JSON is read as it is written`() {
    let text = #" {"a": [1, -2.5e3, true, false, null], "b\n\u00e9\ud83d\ude00": {"c": "x\"\\\/"}, "d": {}, "e": []} "#
    let value = JSONValue(text)
    #expect(value?["a"]?.array == [.number(1), .number(-2500), .bool(true), .bool(false), .null])
    #expect(value?["b\né😀"]?["c"]?.text == "x\"\\/")
    #expect(value?["d"]?.members?.isEmpty == true)
    #expect(value?["e"] == .array([]))
    #expect(value?["f"] == nil)
    for wrong in ["", "{", "[1,]", "{\"a\"}", "nul", "\"a", "1 2", "[\"\\x\"]", "\"\\ud800\"", "+", "{\"a\":1,}"] {
      #expect(JSONValue(wrong) == nil, "\(wrong)")
    }
    #expect(JSONValue(String(repeating: "[", count: 100_000)) == nil)
  }

  @Test func `any prefix of JSON is no JSON, and does no harm`() {
    let text = #"{"a":[1,{"b":"\u0041\n"}],"c":-1.5}"#
    for count in 0..<text.utf8.count { #expect(JSONValue(String(text.prefix(count))) == nil) }
    var random = SeededGenerator(seed: 3)
    for _ in 0..<2000 {
      var bytes = Array(text.utf8)
      for _ in 0..<3 { bytes[random.below(bytes.count)] = UInt8(random.below(128)) }
      _ = JSONValue(String(decoding: bytes, as: UTF8.self))
    }
  }

  @Test func `commands without hurry go with the next one, in their order, or with many of their kind`() {
    let queue = CommandQueue(limitBytes: 1000)
    let cells = (0..<100).map { ResultCell(digest: Digest128(low: UInt64($0), high: 0)) }
    func taken() -> [UInt64] {
      var commands: [ClientCommand] = []
      queue.take(&commands)
      return commands.compactMap {
        switch $0 {
        case .release(let cell), .want(let cell): cell.digest.low
        default: nil
        }
      }
    }
    #expect(!queue.hasUnannounced)
    #expect(queue.add(.release(cells[0]), isUrgent: false) == .behindOthers)
    #expect(queue.add(.release(cells[1]), isUrgent: false) == .behindOthers)
    #expect(queue.hasUnannounced)
    #expect(queue.add(.want(cells[2])) == .first)
    #expect(queue.add(.release(cells[3]), isUrgent: false) == .behindOthers)
    #expect(taken() == [0, 1, 2, 3])
    #expect(!queue.hasUnannounced)
    let first = cells.firstIndex { queue.add(.release($0), isUrgent: false) == .first }
    #expect(first == 64)
    #expect(taken().count == 65 && !queue.hasUnannounced)
    var rest: [ClientCommand] = []
    queue.close(&rest)
    #expect(queue.add(.release(cells[0]), isUrgent: false) == .refused)
  }

  @Test func `cells of equal work come and go in any order`() {
    for seed in 0..<50 {
      var random = SeededGenerator(seed: UInt64(seed))
      var entry = FutureEntry()
      var there: [ResultCell] = []
      for _ in 0..<60 {
        if there.isEmpty || random.chance(55) {
          let cell = ResultCell(digest: Digest128(low: 1, high: 1))
          entry.add(cell)
          there.append(cell)
        } else {
          entry.remove(there.remove(at: random.below(there.count)))
          // One that is not there changes nothing.
          if random.chance(20) { entry.remove(ResultCell(digest: Digest128(low: 1, high: 1))) }
        }
        let all = ([entry.cell].compactMap { $0 } + entry.otherCells).map(ObjectIdentifier.init)
        #expect(all.count == there.count && Set(all) == Set(there.map(ObjectIdentifier.init)), "seed \(seed)")
      }
    }
  }

  @Test func `a buffer of messages takes no more than its limit, whoever reads`() {
    for limit in [1, 3, 200] {
      let buffer = MessageBuffer(limit: limit)
      var taken = 0
      var next = 0
      for number in 0..<2000 {
        buffer.add([UInt8](repeating: UInt8(number % 251), count: 10))
        next += 1
        #expect(buffer.size.places <= 2 * limit + 66 && buffer.size.bytes <= 10 * limit)
        guard number % 3 == 0, number < 1000 else { continue }
        guard case .message(let bytes) = buffer.take() else {
          Issue.record("a message is gone")
          return
        }
        #expect(bytes[0] == UInt8((taken + buffer.droppedCount) % 251))
        taken += 1
      }
      var left = 0
      while case .message = buffer.take() { left += 1 }
      #expect(left == limit && taken + buffer.droppedCount + left == next)
    }
  }

  @Test func `what is held keeps its order and its room, what is free passes`() throws {
    let queue = CommandQueue(limitBytes: 10)
    var submitted: [GraphRun] = []
    func add(size: Int) {
      let run = GraphRun()
      submitted.append(run)
      _ = queue.add(.piece(run, Submission(graph: 0, isLast: true)), size: size)
    }
    func isEnd(_ command: ClientCommand) -> Bool { if case .endRun = command { true } else { false } }
    for round in 0..<3 {
      add(size: 2)
      _ = queue.add(.endRun(submitted[round]))
      add(size: 1)
      var free: [ClientCommand] = []
      queue.take(&free, where: isEnd)
      #expect(free.count == 1)
    }
    // There is no room, and nobody makes any: who waits sees that it is in vain.
    var looks = 0
    let added = queue.add(.close, size: 5, waits: true) {
      looks += 1
      return looks > 1
    }
    guard case .cancelled = added else {
      Issue.record("it was added where there is no room")
      return
    }
    var all: [ClientCommand] = []
    queue.take(&all)
    let runs = all.compactMap { if case .piece(let run, _) = $0 { run } else { nil } }
    #expect(runs.map(ObjectIdentifier.init) == submitted.map(ObjectIdentifier.init))
  }

  @Test func `a fetch that has failed is told to who waits, and to nobody who comes later`() {
    let digest = Digest128(low: 1, high: 1)
    let cell = ResultCell(digest: digest)
    let failure = FailureRecord(.lost, key: digest, label: "", message: "nobody has it")
    func isFailure(_ look: ResultCell.Look) -> Bool { if case .failure = look { true } else { false } }
    func isUnasked(_ look: ResultCell.Look) -> Bool { if case .unasked = look { true } else { false } }
    cell.resolved()
    let early = (cell.beginReading(), cell.beginReading())
    #expect(isUnasked(cell.look(since: early.0)))
    let told = Shared(0)
    let listener = CellListener(needsValue: true) { told.with { $0 += 1 } }
    #expect(cell.add(listener, since: early.0))
    cell.fetchFailed(failure)
    #expect(told.now == 1)
    let late = cell.beginReading()
    // Both who waited hear of it; who comes now asks anew.
    #expect(isFailure(cell.look(since: early.0)) && isFailure(cell.look(since: early.1)))
    #expect(!cell.add(listener, since: early.1))
    #expect(isUnasked(cell.look(since: late)))
    #expect(cell.add(listener, since: late))
    cell.recomputing()
    #expect(isUnasked(cell.look(since: late)))
    cell.resolved()
    cell.deliver(ClientValue(type: "Int", bytes: LandedBytes([1])), keptBytes: 100)
    #expect(told.now == 2 && cell.valueHere != nil)
  }

  @Test func `addresses are read`() {
    #expect(HostAndPort("tcp://a.b:8786") == HostAndPort("a.b:8786"))
    #expect(HostAndPort("tcp://a.b:8786/")?.description == "a.b:8786")
    #expect(HostAndPort("[::1]:9")?.host == "::1" && HostAndPort("[::1]:9")?.port == 9)
    #expect(HostAndPort("a", defaultPort: 7)?.port == 7)
    #expect(HostAndPort("[::1]", defaultPort: 7)?.description == "[::1]:7")
    for wrong in ["", ":", "a", "a:", "a:0", "a:65536", "a:-1", "::1:5", "[::1", "[::1]x", "a/b:5"] {
      #expect(HostAndPort(wrong) == nil, "\(wrong)")
    }
  }
}
