import MartletProtocol

/// Queues, variables, events, semaphores and topics: what clients and tasks of a cluster share by name.
///
/// First come, first served, everywhere. Who is lost gives back what he had: his leases end, nobody waits for him.
/// Bounded by `Limits`; what is over them is denied with the reason. Finding an object takes one look by its name, serving it
/// constant time; losing a member and a time that is over cost what the objects concerned hold.
struct Coordination: Sendable {
  /// What can be shared at one time.
  struct Limits: Sendable {
    /// Objects that are in use.
    var objects = 1 << 16
    /// Members that wait, hold leases or listen.
    var parts = 1 << 18
    /// Values in one queue.
    var queueLength = 1 << 16
    /// Bytes of all values.
    var bytes = 64 << 20
  }

  /// What somebody is told.
  struct Outcome: Sendable, Equatable {
    let member: Member
    let request: UInt32
    let reply: CoordinationReply
  }

  /// Who asked.
  struct Asker: Hashable, Sendable {
    let member: Member
    let request: UInt32

    func outcome(_ reply: CoordinationReply) -> Outcome { Outcome(member: member, request: request, reply: reply) }
  }

  let limits: Limits
  /// The latest time that was heard of.
  var now = Timestamp(nanoseconds: 0)
  // Only looked up by name, never walked.
  var numbers: [SharedObject.Name: UInt32] = [:]
  var objects: [SharedObject] = []
  var freeObjects: [UInt32] = []
  var parts: [Part?] = []
  var freeParts: [UInt32] = []
  /// Parts of those who wait, by what they have asked. Only looked up, never walked.
  var waiting: [Asker: UInt32] = [:]
  /// Deadlines of parts; some are of parts that are no more.
  var timers = Heap<Int64>()
  /// Parts that have a deadline.
  var deadlineCount = 0
  /// Bytes of all values.
  var bytes = 0
  var lastLease: UInt64 = 0
  /// Tasks that began to be held as values, and that ceased to be, since the last look.
  var kept: [TaskHandle] = []
  var left: [TaskHandle] = []

  init(limits: Limits = Limits()) { self.limits = limits }

  /// Whether nothing is shared.
  var isEmpty: Bool { numbers.isEmpty && parts.count == freeParts.count && waiting.isEmpty && bytes == 0 }

  /// Carries an operation out, now or when it can be.
  mutating func handle(
    _ operation: CoordinationRequest, of asker: Asker, at now: Timestamp, _ outcomes: inout [Outcome]
  ) {
    pass(to: now, &outcomes)
    guard let number = object(named: operation.name) else {
      let reason = "\(limits.objects) queues, variables, events, semaphores and topics are in use: use fewer"
      return outcomes.append(asker.outcome(.denied(reason: reason)))
    }
    switch operation {
    case .put(_, let value, let limit, let timeout):
      put(value, into: number, limit: Int(limit), timeout, asker, &outcomes)
    case .take(_, let timeout): take(from: number, timeout, asker, &outcomes)
    case .set(_, let value): set(value, number, asker, &outcomes)
    case .unset: unset(number, asker, &outcomes)
    case .read(_, let timeout): read(number, timeout, asker, &outcomes)
    case .signal(_, let isSet): signal(number, isSet, asker, &outcomes)
    case .wait(_, let timeout): wait(for: number, timeout, asker, &outcomes)
    case .acquire(_, let places, let total, let lease, let timeout):
      acquire(places, of: total, for: lease, number, timeout, asker, &outcomes)
    case .renew(_, let lease): renew(lease, number, asker, &outcomes)
    case .giveBack(_, let lease): giveBack(lease, number, asker, &outcomes)
    case .publish(_, let bytes): publish(bytes, number, asker, &outcomes)
    case .listen(_, let isListening): listen(isListening, number, asker, &outcomes)
    }
    forgetIfIdle(number)
  }

  /// Somebody waits no longer: his time is over. Nothing happens where he was answered before.
  mutating func abandon(_ asker: Asker, at now: Timestamp, _ outcomes: inout [Outcome]) {
    pass(to: now, &outcomes)
    if let part = waiting[asker] { end(part, .timedOut, &outcomes) }
  }

  /// A member is gone: nothing is held for him, or by him.
  mutating func lose(_ member: Member, at now: Timestamp, _ outcomes: inout [Outcome]) {
    pass(to: now, &outcomes)
    for part in parts.indices where parts[part]?.member == member { end(UInt32(part), nil, &outcomes) }
  }

  /// Ends what is over at this time.
  mutating func pass(to now: Timestamp, _ outcomes: inout [Outcome]) {
    self.now = max(self.now, now)
    while let timer = timers.first, timer.key <= self.now.nanoseconds {
      _ = timers.pop()
      guard let part = parts[Int(timer.number)], part.deadline == timer.key else { continue }
      end(timer.number, .timedOut, &outcomes)
    }
  }

  // MARK: Objects

  /// The number of the object of this name, which is made when there is none; nil when there are too many.
  private mutating func object(named name: SharedObject.Name) -> UInt32? {
    if let number = numbers[name] { return number }
    guard numbers.count < limits.objects else { return nil }
    let number = freeObjects.popLast() ?? UInt32(objects.count)
    if Int(number) == objects.count {
      objects.append(SharedObject(name))
    } else {
      objects[Int(number)] = SharedObject(name)
    }
    numbers[name] = number
    return number
  }

  /// Forgets an object that holds nothing and that nobody waits for.
  mutating func forgetIfIdle(_ number: UInt32) {
    let name = objects[Int(number)].name
    guard objects[Int(number)].isIdle, numbers[name] == number else { return }
    numbers[name] = nil
    freeObjects.append(number)
  }

  // MARK: Values

  /// Counts a value that is held from now on; false when there is no room.
  mutating func keep(_ value: SharedValue) -> Bool {
    guard bytes + value.heldBytes <= limits.bytes else { return false }
    bytes += value.heldBytes
    if case .task(let task) = value { kept.append(task) }
    return true
  }

  /// A value is no longer held.
  mutating func release(_ value: SharedValue) {
    bytes -= value.heldBytes
    if case .task(let task) = value { left.append(task) }
  }

  var noRoom: CoordinationReply {
    .denied(reason: "what is shared takes \(limits.bytes >> 20) MiB already: scatter large data and share the task")
  }
}

extension SharedValue {
  /// What it is counted with.
  var heldBytes: Int {
    switch self {
    case .bytes(let type, let bytes): 64 + type.utf8.count + bytes.count
    case .task: 64
    }
  }
}

extension CoordinationRequest {
  /// The object that it speaks of.
  var name: SharedObject.Name {
    switch self {
    case .put(let queue, _, _, _), .take(let queue, _): SharedObject.Name(kind: .queue, text: queue)
    case .set(let variable, _), .unset(let variable), .read(let variable, _):
      SharedObject.Name(kind: .variable, text: variable)
    case .signal(let event, _), .wait(let event, _): SharedObject.Name(kind: .event, text: event)
    case .acquire(let semaphore, _, _, _, _), .renew(let semaphore, _), .giveBack(let semaphore, _):
      SharedObject.Name(kind: .semaphore, text: semaphore)
    case .publish(let topic, _), .listen(let topic, _): SharedObject.Name(kind: .topic, text: topic)
    }
  }
}
