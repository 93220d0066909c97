import MartletBytes
import TestSupport
import Testing

@testable import MartletScheduler

@Suite struct `The tables of the scheduler` {
  @Test func `keys are found whatever was added and removed before`() {
    for seed in UInt64(0)..<20 {
      var random = SeededGenerator(seed: seed)
      var digests = [Digest128](repeating: Digest128(low: 0, high: 0), count: 300)
      var table = DigestTable()
      var known: [Digest128: UInt32] = [:]
      for step in 0..<4000 {
        let slot = UInt32(random.below(300))
        // Few homes and few tags: everything collides.
        let digest = Digest128(low: UInt64(random.below(8)), high: UInt64(random.below(40)) << 55)
        if known.values.contains(slot) {
          table.remove(digests[Int(slot)]) { digests[Int($0)] }
          known[digests[Int(slot)]] = nil
        } else if known[digest] == nil {
          digests[Int(slot)] = digest
          table.insert(slot) { digests[Int($0)] }
          known[digest] = slot
        }
        #expect(table.count == known.count)
        #expect(table.slot(of: digest) { digests[Int($0)] } == known[digest], "seed \(seed), step \(step)")
      }
      for (digest, slot) in known { #expect(table.slot(of: digest) { digests[Int($0)] } == slot, "seed \(seed)") }
    }
  }

  @Test func `the first of the waiting tasks is taken first, in whatever order they came`() {
    for seed in UInt64(0)..<50 {
      var random = SeededGenerator(seed: seed)
      var queue = ReadyQueue()
      var model: [(key: UInt64, number: UInt32)] = []
      for step in 0..<2000 {
        if random.chance(55) {
          // Mostly in order, as a graph's tasks come.
          let entry = (key: UInt64(random.chance(70) ? step : random.below(2000)), number: UInt32(random.below(9)))
          queue.push(entry.key, entry.number)
          model.append(entry)
        } else {
          let first = model.indices.min { model[$0] < model[$1] }
          let expected = first.map { model.remove(at: $0) }
          let taken = queue.pop()
          #expect(taken?.key == expected?.key && taken?.number == expected?.number, "seed \(seed), step \(step)")
        }
        if step % 500 == 499 {
          queue.keep { _, number in number != 3 }
          model.removeAll { $0.number == 3 }
        }
        #expect(queue.count == model.count && queue.isEmpty == model.isEmpty)
      }
    }
  }

  @Test func `the next worker of a set is found, round and round`() {
    for seed in UInt64(0)..<20 {
      var random = SeededGenerator(seed: seed)
      var set = WorkerSet()
      var members: Set<UInt32> = []
      for _ in 0..<500 {
        let worker = UInt32(random.below(200))
        let isMember = random.chance(30)
        set.set(worker, isMember)
        if isMember { members.insert(worker) } else { members.remove(worker) }
        let from = UInt32(random.below(300))
        let expected = members.filter { $0 >= from }.min() ?? members.min()
        #expect(set.next(from: from) == expected, "seed \(seed)")
        #expect(set.count == members.count && set.contains(from) == members.contains(from))
      }
    }
  }

  @Test func `pairs are in the lists of both sides until they are removed`() {
    for seed in UInt64(0)..<20 {
      var random = SeededGenerator(seed: seed)
      var relation = Relation()
      var firsts = [UInt32](repeating: Relation.none, count: 12)
      var model: [(left: UInt32, right: UInt32)] = []
      for step in 0..<600 {
        let left = UInt32(random.below(12))
        let right = UInt32(random.below(5))
        let isThere = model.contains { $0 == (left, right) }
        #expect(relation.contains(right, from: firsts[Int(left)]) == isThere, "seed \(seed), step \(step)")
        if random.chance(60) {
          if !isThere {
            relation.add(left, right, first: &firsts[Int(left)])
            model.append((left, right))
          }
        } else {
          #expect(relation.remove(right, first: &firsts[Int(left)]) == isThere, "seed \(seed), step \(step)")
          model.removeAll { $0 == (left, right) }
        }
        #expect(relation.rights(from: firsts[Int(left)]) == model.filter { $0.left == left }.map(\.right).reversed())
        #expect(relation.lefts(of: right) == model.filter { $0.right == right }.map(\.left).reversed())
        #expect(relation.count(ofRight: right) == relation.lefts(of: right).count && relation.count == model.count)
      }
    }
  }

  @Test func `edges lead from tasks to their inputs and back, and are removed together`() {
    for seed in UInt64(0)..<20 {
      var random = SeededGenerator(seed: seed)
      var tasks = Table<TaskRecord>()
      for number in 0..<40 { tasks.append(TaskRecord(digest: Digest128(low: UInt64(number), high: 0), generation: 0)) }
      var dependencies = Dependencies()
      var model = [[UInt32]?](repeating: nil, count: 40)
      for step in 0..<400 {
        let task = UInt32(random.below(40))
        if let inputs = model[Int(task)] {
          var removed: [UInt32] = []
          dependencies.removeInputs(of: task, &tasks, &removed)
          #expect(removed == inputs, "seed \(seed), step \(step)")
          model[Int(task)] = nil
        } else {
          let inputs = (0..<random.below(5)).map { _ in UInt32(random.below(40)) }
          let orderOnly = random.below(inputs.count + 1)
          dependencies.add(task, inputs, orderOnlyCount: orderOnly, &tasks)
          model[Int(task)] = inputs
          var edge = tasks[Int(task)].firstInput
          var marks: [Bool] = []
          while edge != Dependencies.none {
            marks.append(dependencies[edge].isOrderOnly)
            edge = dependencies[edge].nextInput
          }
          #expect(marks == inputs.indices.map { $0 >= inputs.count - orderOnly }, "seed \(seed), step \(step)")
        }
        #expect(dependencies.count == model.reduce(0) { $0 + ($1?.count ?? 0) })
        let input = UInt32(random.below(40))
        var dependents: [UInt32] = []
        var edge = tasks[Int(input)].firstDependent
        while edge != Dependencies.none {
          dependents.append(dependencies[edge].dependent)
          edge = dependencies[edge].nextDependent
        }
        let expected = model.indices.flatMap { place in
          (model[place] ?? []).filter { $0 == input }.map { _ in UInt32(place) }
        }
        #expect(dependents.sorted() == expected, "seed \(seed), step \(step)")
      }
    }
  }

  @Test func `a state may be followed by those of the table only`() {
    let allowed: [TaskState: [TaskState]] = [
      .released: [.waiting, .memory, .failed], .waiting: [.released, .ready, .memory, .failed],
      .ready: [.released, .waiting, .noWorker, .processing, .memory, .failed],
      .noWorker: [.released, .waiting, .ready, .memory, .failed],
      .processing: [.released, .waiting, .ready, .memory, .failed], .memory: [.released], .failed: [.released],
    ]
    for state in TaskState.allCases { #expect(state.successors == allowed[state]) }
  }

  @Test func `kept bytes are as they were`() {
    for count in [0, 1, 5, 300] {
      let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
      let kept = KeptBytes(bytes)
      #expect(kept.array == bytes && kept.count == count && kept.number == 0)
      kept.forget()
    }
    for number in [0, 1, UInt32.max] {
      let kept = KeptBytes(number: number)
      #expect(kept.number == number && kept.array == [] && kept.count == 0)
      kept.forget()
    }
  }
}
