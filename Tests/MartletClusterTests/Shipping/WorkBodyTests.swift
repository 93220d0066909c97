import MartletBytes
import MartletProtocol
import TestSupport
import Testing

@testable import MartletCluster
@testable import MartletGraph

@Suite struct WorkBodyTests {
  private func run(_ work: AssignedWork, _ inputs: [Int] = []) throws(WorkFailure) -> Slot {
    let registry: TaskFunctionRegistry
    do { registry = try testRegistry() } catch { throw .threw(error) }
    let body = try WorkBody(work, registry)
    let slots = UnsafeMutablePointer<Slot>.allocate(capacity: inputs.count + 1)
    slots.initialize(repeating: Slot(), count: inputs.count + 1)
    defer { slots.deallocate() }
    for (place, input) in inputs.enumerated() { slots[place].fill(input) }
    do {
      try withContext { try body.run(slots, count: inputs.count, $0, into: slots + inputs.count) }
    } catch let error as WorkFailure {
      #expect(slots[inputs.count].isEmpty)
      throw error
    } catch {
      throw .threw(error)
    }
    return slots[inputs.count]
  }

  private func failure(_ work: AssignedWork, _ inputs: [Int] = []) -> FailureRecord? {
    do throws(WorkFailure) {
      var slot = try run(work, inputs)
      slot.clear()
      return nil
    } catch {
      return error.record(key: Digest128(low: 1, high: 2), label: "task")
    }
  }

  private let sum = FunctionName(name: "test.sum", version: 3)

  @Test func `a call runs, also with more inputs than most`() throws {
    let arguments = Sum(constant: 100).portableBytes()
    #expect(try run(.call(sum, arguments: arguments), [1, 2]).value(as: Int.self) == 103)
    #expect(try run(.call(sum, arguments: arguments), Array(0..<5000)).value(as: Int.self) == 100 + 2500 * 4999)
    #expect(try run(.alias, [8]).value(as: Int.self) == 8)
    #expect(try run(.signal, [8]).value(as: Void.self) != nil)
    var list = try run(.gather(element: "Int"), [1, 2])
    #expect(list.value(as: [Int].self) == [1, 2])
    list.clear()
  }

  @Test func `what cannot be run says so in its kind`() throws {
    let good = Sum(constant: 1).portableBytes()
    #expect(failure(.call(FunctionName(name: "test.sum", version: 4), arguments: good))?.kind == .cannotRun)
    #expect(failure(.literal(type: "Nobody", bytes: []))?.kind == .cannotRun)
    #expect(failure(.gather(element: "Void"))?.kind == .cannotRun)
    #expect(failure(.gather(element: "[[[[[[[[[[[[Int]]]]]]]]]]]]"))?.kind == .cannotRun)
    #expect(failure(.gather(element: String(repeating: "[", count: 4000)))?.kind == .cannotRun)
    #expect(failure(.call(sum, arguments: good + [0]))?.kind == .undecodable)
    #expect(failure(.call(sum, arguments: []))?.kind == .undecodable)
    #expect(failure(.literal(type: "Int", bytes: [1]))?.kind == .undecodable)
    #expect(failure(.literal(type: "String", bytes: "abc".portableBytes() + [1]))?.kind == .undecodable)
    #expect(failure(.gather(element: "String"), [1])?.kind == .undecodable)
    #expect(failure(.alias)?.kind == .undecodable)
    let text = FunctionName(name: "test.text", version: 1)
    #expect(failure(.call(text, arguments: "t".portableBytes()))?.kind == .undecodable)
    let thrown = failure(.call(FunctionName(name: "test.fail", version: 1), arguments: Fail().portableBytes()))
    #expect(thrown?.kind == .threw)
    #expect(thrown?.message == "Refusal()")
    #expect(thrown?.label == "task")
  }

  @Test func `hostile arguments and values never trap`() throws {
    let registry = try testRegistry()
    var random = SeededGenerator(seed: 17)
    let summary = Summary(words: ["a": 1, "bb": 2], total: 3)
    for _ in 0..<4000 {
      let (work, inputs): (AssignedWork, [Int]) =
        switch random.below(5) {
        case 0: (.call(sum, arguments: damaged(Sum(constant: 5).portableBytes(), &random)), [1])
        case 1:
          (.call(FunctionName(name: "test.text", version: 1), arguments: damaged("abc".portableBytes(), &random)), [1])
        case 2: (.literal(type: "[[String]]", bytes: damaged([["a"], ["b"]].portableBytes(), &random)), [])
        case 3: (.literal(type: Summary.portableTypeName, bytes: damaged(summary.portableBytes(), &random)), [])
        default: (.literal(type: "[Double]", bytes: damaged([1.5, 2].portableBytes(), &random)), [])
        }
      do throws(WorkFailure) {
        var slot = try run(work, inputs)
        #expect(registry.valueType(of: slot) != nil || !slot.isEmpty)
        slot.clear()
      } catch {
        #expect(error.record(key: Digest128(low: 0, high: 0), label: "").kind == .undecodable)
      }
    }
  }

  private func damaged(_ bytes: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = bytes
    for _ in 0..<1 + random.below(3) where !bytes.isEmpty {
      let place = random.below(bytes.count)
      switch random.below(3) {
      case 0: bytes[place] = UInt8(truncatingIfNeeded: random.next())
      case 1: bytes.insert(UInt8(random.below(16)), at: place)
      default: bytes.remove(at: place)
      }
    }
    return bytes
  }
}
