import Glibc
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct WorkDequeTests {
  private struct Fixture: ~Copyable {
    let lines = CacheLines(1)
    let deque: WorkDeque
    init(capacity: Int) { deque = WorkDeque(lines, line: 0, capacity: capacity) }
    deinit { deque.deallocate() }
  }

  /// Does what the digits of `script` say (0 push, 1 pop, 2 steal) to a deque and to an array.
  private func agrees(script: [Int], capacity: Int) -> Bool {
    let fixture = Fixture(capacity: capacity)
    var model: [Int] = []
    for (step, operation) in script.enumerated() {
      switch operation {
      case 0:
        let isPushed = fixture.deque.push(UInt32(step))
        if isPushed != (model.count < capacity) { return false }
        if isPushed { model.append(step) }
      case 1:
        if fixture.deque.pop() != (model.popLast() ?? -1) { return false }
      default:
        if fixture.deque.steal() != (model.isEmpty ? -1 : model.removeFirst()) { return false }
      }
      if fixture.deque.isEmpty != model.isEmpty { return false }
    }
    return true
  }

  @Test(arguments: [1, 2, 4])
  func `on one thread it is an array with two ends, for every short script`(capacity: Int) {
    for length in 0...8 {
      var count = 1
      for _ in 0..<length { count *= 3 }
      for number in 0..<count {
        var script: [Int] = []
        var rest = number
        for _ in 0..<length {
          script.append(rest % 3)
          rest /= 3
        }
        #expect(agrees(script: script, capacity: capacity))
      }
    }
  }

  @Test(arguments: sampled(0..<40 as Range<UInt64>))
  func `on one thread it is an array with two ends, for long scripts`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    let capacity = 1 << Int(seed % 6)
    let script = (0..<2000).map { _ in Int.random(in: 0..<3, using: &random) }
    #expect(agrees(script: script, capacity: capacity), "seed \(seed)")
  }

  @Test(arguments: [1, 2, 4, 64], [1, 3])
  func `every task is taken once, whoever takes it`(capacity: Int, thieves: Int) {
    let fixture = Fixture(capacity: capacity)
    let deque = fixture.deque
    let count = 30_000
    let taken = UnsafeMutablePointer<Atomic<UInt8>>.allocate(capacity: count)
    defer { taken.deallocate() }
    for task in 0..<count { (taken + task).initialize(to: Atomic(0)) }
    let shared = Shared(taken)
    let isOver = Flag()
    let left = Counter()
    for _ in 0..<thieves {
      startThread(named: "thief") {
        while true {
          let wasOver = isOver.isRaised
          let task = deque.steal()
          if task >= 0 { shared.take(task) } else if wasOver { break }
        }
        _ = left.next()
      }
    }
    var random = SeededGenerator(seed: UInt64(capacity))
    var next = 0
    while next < count {
      for _ in 0..<Int.random(in: 1...4, using: &random) where next < count {
        if !deque.push(UInt32(next)) { break }
        next += 1
      }
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let task = deque.pop()
        if task >= 0 { shared.take(task) }
      }
    }
    while true {
      let task = deque.pop()
      if task < 0 { break }
      shared.take(task)
    }
    isOver.raise()
    wait { left.count == thieves }
    #expect((0..<count).allSatisfy { taken[$0].load(ordering: .relaxed) == 1 })
  }

  private struct Shared: @unchecked Sendable {
    // Sendable: atomics that outlive the threads.
    let taken: UnsafeMutablePointer<Atomic<UInt8>>
    init(_ taken: UnsafeMutablePointer<Atomic<UInt8>>) { self.taken = taken }
    func take(_ task: Int) { taken[task].wrappingAdd(1, ordering: .relaxed) }
  }

  @Test(arguments: [2, 8])
  func `a ring gives every event or counts it, in order, while its reader reads`(capacity: Int) {
    let ring = EventRing(thread: 0, capacity: capacity)
    let isOver = Flag()
    let count = 20_000
    startThread(named: "writer") {
      for number in 0..<count {
        ring.append(
          TaskEvent(
            nanoseconds: UInt64(number), bytesIn: number, bytesOut: 0, resultBytes: 0, task: .init(rawValue: 0),
            label: 0,
            graph: 0, thread: 0, kind: .taskStarted))
      }
      isOver.raise()
    }
    var seen = 0
    var last = -1
    var isOrdered = true
    func read() {
      ring.drain { event in
        isOrdered = isOrdered && event.bytesIn > last && event.nanoseconds == UInt64(event.bytesIn)
        last = event.bytesIn
        seen += 1
      }
    }
    while !isOver.isRaised {
      read()
      sched_yield()
    }
    read()
    #expect(isOrdered)
    #expect(seen + ring.droppedCount == count)
  }
}
