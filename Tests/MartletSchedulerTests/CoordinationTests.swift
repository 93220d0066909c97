import MartletProtocol
import TestSupport
import Testing

@testable import MartletScheduler

@Suite struct `Coordination: what clients and tasks share by name` {
  /// A coordination with members who are told things.
  struct Table {
    var coordination = Coordination()
    var outcomes: [Coordination.Outcome] = []
    var time: Int64 = 0
    private var request: UInt32 = 0
    var lastRequest: UInt32 { request }

    init(_ limits: Coordination.Limits = Coordination.Limits()) { coordination = Coordination(limits: limits) }

    static func member(_ number: UInt32) -> Member {
      number % 2 == 0 ? .client(ClientID(rawValue: number)) : .worker(WorkerID(rawValue: number))
    }

    /// Asks, and gives the number of the request.
    @discardableResult
    mutating func ask(_ member: UInt32, _ operation: CoordinationRequest) -> UInt32 {
      request += 1
      let asker = Coordination.Asker(member: Table.member(member), request: request)
      coordination.handle(operation, of: asker, at: Timestamp(nanoseconds: time), &outcomes)
      #expect(coordination.brokenInvariant() == nil)
      return request
    }

    /// Asks, and gives the answer, if there is one.
    mutating func answer(_ member: UInt32, _ operation: CoordinationRequest) -> CoordinationReply? {
      let request = ask(member, operation)
      return reply(to: request)
    }

    /// What was answered to a request, the latest.
    func reply(to request: UInt32) -> CoordinationReply? { outcomes.last { $0.request == request }?.reply }

    mutating func abandon(_ member: UInt32, _ request: UInt32) {
      let asker = Coordination.Asker(member: Table.member(member), request: request)
      coordination.abandon(asker, at: Timestamp(nanoseconds: time), &outcomes)
      #expect(coordination.brokenInvariant() == nil)
    }

    mutating func lose(_ member: UInt32) {
      coordination.lose(Table.member(member), at: Timestamp(nanoseconds: time), &outcomes)
      #expect(coordination.brokenInvariant() == nil)
    }

    mutating func pass(to time: Int64) {
      self.time = time
      coordination.pass(to: Timestamp(nanoseconds: time), &outcomes)
      #expect(coordination.brokenInvariant() == nil)
    }
  }

  private func value(_ byte: UInt8) -> SharedValue { .bytes(type: "t", [byte]) }

  @Test func `a queue gives in order, makes putters wait when it is full, and takers when it is empty`() {
    var table = Table()
    #expect(table.answer(0, .put(queue: "q", value: value(1), limit: 2, timeoutNanoseconds: .max)) == .done)
    #expect(table.answer(0, .put(queue: "q", value: value(2), limit: 2, timeoutNanoseconds: .max)) == .done)
    let third = table.ask(1, .put(queue: "q", value: value(3), limit: 2, timeoutNanoseconds: .max))
    #expect(table.reply(to: third) == nil)
    #expect(table.answer(1, .put(queue: "q", value: value(4), limit: 2, timeoutNanoseconds: 0)) == .timedOut)
    #expect(table.answer(2, .take(queue: "q", timeoutNanoseconds: 0)) == .value(value(1)))
    #expect(table.reply(to: third) == .done)
    #expect(table.answer(2, .take(queue: "q", timeoutNanoseconds: 0)) == .value(value(2)))
    #expect(table.answer(2, .take(queue: "q", timeoutNanoseconds: 0)) == .value(value(3)))
    #expect(table.answer(2, .take(queue: "q", timeoutNanoseconds: 0)) == .timedOut)
    let waiting = [
      table.ask(2, .take(queue: "q", timeoutNanoseconds: 50)), table.ask(3, .take(queue: "q", timeoutNanoseconds: 90)),
    ]
    table.pass(to: 50)
    #expect(table.reply(to: waiting[0]) == .timedOut)
    #expect(table.answer(0, .put(queue: "q", value: value(5), limit: 0, timeoutNanoseconds: 0)) == .done)
    #expect(table.reply(to: waiting[1]) == .value(value(5)))
    #expect(table.coordination.isEmpty)
  }

  @Test func `a variable is waited for, replaced, and taken away`() {
    var table = Table()
    let early = table.ask(1, .read(variable: "v", timeoutNanoseconds: .max))
    #expect(table.answer(0, .set(variable: "v", value: value(1))) == .done)
    #expect(table.reply(to: early) == .value(value(1)))
    #expect(table.answer(0, .set(variable: "v", value: value(2))) == .done)
    #expect(table.answer(2, .read(variable: "v", timeoutNanoseconds: 0)) == .value(value(2)))
    #expect(table.answer(2, .unset(variable: "v")) == .done)
    #expect(table.answer(2, .read(variable: "v", timeoutNanoseconds: 0)) == .timedOut)
    #expect(table.coordination.isEmpty)
  }

  @Test func `an event lets all go who wait, and those who come later, until it is cleared`() {
    var table = Table()
    let waiting = (0..<3).map { table.ask($0, .wait(event: "e", timeoutNanoseconds: .max)) }
    table.ask(5, .signal(event: "e", isSet: true))
    #expect(waiting.allSatisfy { table.reply(to: $0) == .done })
    #expect(table.answer(1, .wait(event: "e", timeoutNanoseconds: 0)) == .done)
    table.ask(5, .signal(event: "e", isSet: false))
    #expect(table.answer(1, .wait(event: "e", timeoutNanoseconds: 0)) == .timedOut)
    #expect(table.coordination.isEmpty)
  }

  private func acquire(_ places: UInt32, lease: Int64 = 0, timeout: Int64 = .max) -> CoordinationRequest {
    .acquire(semaphore: "s", places: places, of: 3, leaseNanoseconds: lease, timeoutNanoseconds: timeout)
  }

  @Test func `a semaphore is given in order, ends with its lease or its holder, and its fences grow`() {
    var table = Table()
    guard case .lease(let first, let fence)? = table.answer(0, acquire(2, lease: 100)) else {
      Issue.record("no lease")
      return
    }
    let big = table.ask(1, acquire(3))
    // One place is free, but somebody came before.
    let small = table.ask(2, acquire(1))
    #expect(table.answer(3, acquire(1, timeout: 0)) == .timedOut)
    table.pass(to: 60)
    #expect(table.answer(0, .renew(semaphore: "s", lease: first)) == .done)
    table.pass(to: 159)
    #expect(table.reply(to: big) == nil)
    table.pass(to: 160)
    guard case .lease(_, let second)? = table.reply(to: big) else {
      Issue.record("the lease did not end")
      return
    }
    #expect(second > fence)
    #expect(table.answer(0, .renew(semaphore: "s", lease: first)).isDenied)
    #expect(table.answer(0, .giveBack(semaphore: "s", lease: first)).isDenied)
    table.lose(1)
    guard case .lease(let third, _)? = table.reply(to: small) else {
      Issue.record("the places of a lost member are not given on")
      return
    }
    #expect(table.answer(4, .giveBack(semaphore: "s", lease: third)).isDenied)
    #expect(table.answer(2, .giveBack(semaphore: "s", lease: third)) == .done)
    #expect(table.coordination.isEmpty)
    #expect(table.answer(2, acquire(4)).isDenied)
    #expect(table.answer(2, acquire(0)).isDenied)
  }

  @Test func `who waits no longer gets nothing, and nobody waits behind him`() {
    var table = Table()
    let first = table.ask(0, .take(queue: "q", timeoutNanoseconds: .max))
    let second = table.ask(1, .take(queue: "q", timeoutNanoseconds: .max))
    // Another member's number means nothing.
    table.abandon(2, first)
    #expect(table.reply(to: first) == nil)
    table.abandon(0, first)
    #expect(table.reply(to: first) == .timedOut)
    table.ask(2, .put(queue: "q", value: value(7), limit: 0, timeoutNanoseconds: 0))
    #expect(table.reply(to: second) == .value(value(7)))
    let told = table.outcomes.count
    table.abandon(1, second)
    #expect(table.outcomes.count == told)
    guard case .lease(let lease, _)? = table.answer(0, acquire(2)) else {
      Issue.record("no lease")
      return
    }
    let big = table.ask(1, acquire(3))
    let small = table.ask(2, acquire(1))
    table.abandon(1, big)
    guard case .lease(let other, _)? = table.reply(to: small) else {
      Issue.record("who waited behind one who has gone is not served")
      return
    }
    // A lease is given back, not abandoned.
    table.abandon(2, small)
    #expect(table.answer(2, .giveBack(semaphore: "s", lease: other)) == .done)
    #expect(table.answer(0, .giveBack(semaphore: "s", lease: lease)) == .done)
    let waiting = table.ask(3, .wait(event: "e", timeoutNanoseconds: 50))
    table.abandon(3, waiting)
    table.ask(4, .put(queue: "f", value: value(1), limit: 1, timeoutNanoseconds: 0))
    let putting = table.ask(4, .put(queue: "f", value: value(2), limit: 1, timeoutNanoseconds: .max))
    table.abandon(4, putting)
    #expect(table.answer(4, .take(queue: "f", timeoutNanoseconds: 0)) == .value(value(1)))
    #expect(table.answer(4, .take(queue: "f", timeoutNanoseconds: 0)) == .timedOut)
    #expect(table.coordination.isEmpty)
  }

  @Test func `a topic reaches those who listen, once`() {
    var table = Table()
    table.ask(1, .listen(topic: "t", isListening: true))
    let again = table.ask(1, .listen(topic: "t", isListening: true))
    let other = table.ask(2, .listen(topic: "t", isListening: true))
    table.outcomes = []
    table.ask(3, .publish(topic: "t", bytes: [7]))
    let message = CoordinationReply.message(topic: "t", bytes: [7])
    #expect(table.outcomes.map(\.request).prefix(2) == [again, other])
    #expect(table.outcomes.map(\.reply) == [message, message, .done])
    table.ask(1, .listen(topic: "t", isListening: false))
    table.lose(2)
    #expect(table.coordination.isEmpty)
  }

  @Test func `what is too much is denied with the limit`() {
    var limits = Coordination.Limits()
    limits.objects = 2
    limits.parts = 2
    limits.bytes = 200
    var table = Table(limits)
    #expect(table.answer(0, .signal(event: "a", isSet: true)) == .done)
    #expect(table.answer(0, .put(queue: "q", value: value(1), limit: 0, timeoutNanoseconds: 0)) == .done)
    #expect(table.answer(0, .signal(event: "b", isSet: true)).isDenied)
    #expect(table.answer(0, .put(queue: "q", value: value(2), limit: 0, timeoutNanoseconds: 0)) == .done)
    #expect(
      table.answer(
        0, .put(queue: "q", value: .bytes(type: "t", [UInt8](repeating: 0, count: 90)), limit: 0, timeoutNanoseconds: 0)
      ).isDenied)
    table.ask(0, .signal(event: "a", isSet: false))
    table.ask(0, .wait(event: "a", timeoutNanoseconds: .max))
    table.ask(0, .wait(event: "a", timeoutNanoseconds: .max))
    #expect(table.answer(0, .wait(event: "a", timeoutNanoseconds: .max)).isDenied)
  }

  /// Members do anything in any order, time passes, members are lost. Nothing is taken twice, no semaphore is lent beyond its
  /// places, every request is answered once at most, and when all have gone nothing is left.
  @Test(arguments: 0..<8) func `anything in any order`(block: Int) {
    for seed in (block * 100)..<(block * 100 + 100) {
      var random = SeededGenerator(seed: UInt64(seed))
      var table = Table()
      var next: UInt8 = 0
      var put: [UInt8] = []
      var leases: [(member: UInt32, lease: UInt64)] = []
      for _ in 0..<120 {
        let member = UInt32(random.below(5))
        let name = ["a", "b"][random.below(2)]
        let timeout = [0, Int64(random.below(60)), .max][random.below(3)]
        let before = table.outcomes.count
        switch random.below(15) {
        case 0, 1, 2:
          next &+= 1
          put.append(next)
          table.ask(
            member,
            .put(queue: name, value: value(next), limit: UInt32(random.below(4)), timeoutNanoseconds: timeout))
        case 3, 4, 5: table.ask(member, .take(queue: name, timeoutNanoseconds: timeout))
        case 6:
          table.ask(
            member,
            .acquire(
              semaphore: name, places: 1 + UInt32(random.below(3)), of: 3,
              leaseNanoseconds: Int64(random.below(50)), timeoutNanoseconds: timeout))
        case 7, 8:
          if let held = leases.randomElement(using: &random) {
            table.ask(
              held.member,
              random.chance(50)
                ? .giveBack(semaphore: name, lease: held.lease) : .renew(semaphore: name, lease: held.lease))
          }
        case 9: table.ask(member, .signal(event: name, isSet: random.chance(50)))
        case 10: table.ask(member, .wait(event: name, timeoutNanoseconds: timeout))
        case 11: table.pass(to: table.time + Int64(random.below(40)))
        case 12, 13: if next > 0 { table.abandon(member, UInt32(1 + random.below(Int(table.lastRequest)))) }
        default: if random.chance(20) { table.lose(member) }
        }
        for outcome in table.outcomes[before...] {
          guard case .lease(let lease, _) = outcome.reply else { continue }
          for number in 0..<5 where Table.member(UInt32(number)) == outcome.member {
            leases.append((UInt32(number), lease))
          }
        }
      }
      let taken = table.outcomes.compactMap { outcome -> UInt8? in
        if case .value(.bytes(_, let bytes)) = outcome.reply { bytes.first } else { nil }
      }
      #expect(Set(taken).count == taken.count && Set(taken).isSubset(of: put), "seed \(seed)")
      let numbers = table.outcomes.compactMap { outcome -> UInt64? in
        if case .lease(let lease, _) = outcome.reply { lease } else { nil }
      }
      #expect(numbers == numbers.sorted(), "seed \(seed)")
      #expect(Set(table.outcomes.map(\.request)).count == table.outcomes.count, "seed \(seed)")
      for member in 0..<5 { table.lose(UInt32(member)) }
      for name in ["a", "b"] {
        table.ask(9, .signal(event: name, isSet: false))
        while case .value? = table.answer(9, .take(queue: name, timeoutNanoseconds: 0)) {}
      }
      #expect(table.coordination.isEmpty, "seed \(seed)")
    }
  }
}

extension CoordinationReply? {
  fileprivate var isDenied: Bool { if case .denied? = self { true } else { false } }
}
