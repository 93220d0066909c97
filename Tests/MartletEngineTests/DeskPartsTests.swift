import Glibc
import MartletSystem
import Synchronization
import TestSupport
import Testing

@testable import MartletEngine
@testable import MartletGraph

@Suite struct DeskPartsTests {
  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `the heap gives its numbers in ascending order`(seed: UInt64) {
    var random = SeededGenerator(seed: seed)
    var heap = ReadyHeap()
    var model: [UInt64] = []
    for _ in 0..<400 {
      if model.isEmpty || Int.random(in: 0..<5, using: &random) > 1 {
        let number = UInt64.random(in: 0..<50, using: &random)
        heap.insert(number)
        model.append(number)
      } else {
        let least = model.min()!
        #expect(heap.first == least)
        #expect(heap.removeFirst() == least)
        model.remove(at: model.firstIndex(of: least)!)
      }
      #expect(heap.count == model.count, "seed \(seed)")
    }
  }

  @Test func `timers call in the order of their times, and not what was taken back`() {
    let queue = TimerQueue()
    let order = Order()
    // The first holds the queue up until all are there.
    let begin = Flag()
    _ = queue.schedule(at: 0) { wait { begin.isRaised } }
    let now = martlet_monotonic_nanoseconds()
    var taken: [UInt64] = []
    for index in 0..<200 {
      let place = (index * 37) % 200
      let number = queue.schedule(at: now + UInt64(place) * 20_000) { order.note(place) }
      if index % 3 == 0 { taken.append(number) }
    }
    for number in taken { queue.cancel(number) }
    begin.raise()
    wait { queue.count == 0 && order.all.count >= 200 - taken.count }
    let wanted = (0..<200).filter { $0 % 3 != 0 }.map { ($0 * 37) % 200 }.sorted()
    #expect(order.all == wanted)
  }

  @Test func `the thread cache uses its threads again, and lets them go`() {
    let cache = ThreadCache(name: "test", idleLimit: 4, patience: .milliseconds(5))
    let inside = LiveCount()
    let done = Counter()
    for round in 1...20 {
      for _ in 0..<8 {
        cache.submit {
          inside.enter()
          wait { inside.most.load(ordering: .relaxed) == 8 }
          inside.leave()
          _ = done.next()
        }
      }
      wait { done.count == 8 * round }
      #expect(cache.threadCount <= 16)
    }
    wait { cache.threadCount == 0 }
    cache.submit { _ = done.next() }
    wait { done.count == 161 }
    cache.close()
    wait { cache.threadCount == 0 }
  }

  @Test(arguments: sampled(0..<20 as Range<UInt64>))
  func `resources: the first never waits for one behind it, and nothing is given twice`(seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var builder = GraphBuilder()
    var needs: [[Int]] = []
    for _ in 0..<40 {
      let amounts = [Int.random(in: 0...2, using: &random), Int.random(in: 1...3, using: &random)]
      needs.append(amounts)
      let wanted = zip(["a", "b"], amounts).filter { $0.1 > 0 }.map { ResourceNeed($0.0, amount: $0.1) }
      _ = builder.task("n", traits: TaskTraits(resources: wanted)) { 1 }
    }
    let graph = builder.build()
    let control = try #require(
      TaskControl(graph, RunOptions(resources: ["a": 3, "b": 4]), isSerial: false, isNeeded: { _ in true }))
    #expect(control.shortage == nil)
    var queues = ResourceQueues(control)
    for task in 0..<40 { queues.insert(UInt64(task), demand: control.entry(task)!.pointee.demand) }
    var waiting = Array(0..<40)
    var running: [Int] = []
    while !waiting.isEmpty || !running.isEmpty {
      let used = (0..<2).map { kind in running.reduce(0) { $0 + needs[$1][kind] } }
      #expect(used[0] <= 3 && used[1] <= 4)
      let firstFits = waiting.first.map { first in used[0] + needs[first][0] <= 3 && used[1] + needs[first][1] <= 4 }
      if let head = queues.first(isBlocking: false) {
        if firstFits == true { #expect(head.key == UInt64(waiting[0]), "seed \(seed)") }
        queues.start(head)
        waiting.removeAll { $0 == Int(head.key) }
        running.append(Int(head.key))
      } else {
        #expect(firstFits != true, "seed \(seed)")
        let ended = running.remove(at: Int.random(in: 0..<running.count, using: &random))
        queues.release(demand: control.entry(ended)!.pointee.demand)
      }
    }
    #expect(queues.count == 0 && queues.free == [3, 4])
  }
}
