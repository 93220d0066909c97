import MartletProtocol

extension Coordination {
  /// Makes somebody wait.
  ///
  /// - Parameter timeout: Nanoseconds; 0: he does not wait, `Int64.max`: as long as it takes.
  /// - Returns: The number of his part; nil when he was told that he does not wait.
  @discardableResult
  mutating func park(
    _ role: Part.Role, _ number: UInt32, _ timeout: Int64, _ asker: Asker, _ outcomes: inout [Outcome]
  ) -> UInt32? {
    if timeout == 0 {
      outcomes.append(asker.outcome(.timedOut))
      return nil
    }
    guard let part = add(role, number, for: timeout, asker, &outcomes) else { return nil }
    if case .putting = role {
      objects[Int(number)].putting.append(part)
    } else {
      objects[Int(number)].getting.append(part)
    }
    return part
  }

  /// Adds a part that lasts so many nanoseconds.
  ///
  /// - Returns: Its number; nil when there are too many, which the asker was told.
  mutating func add(
    _ role: Part.Role, _ number: UInt32, for duration: Int64, _ asker: Asker, _ outcomes: inout [Outcome]
  ) -> UInt32? {
    guard parts.count - freeParts.count < limits.parts else {
      let reason = "\(limits.parts) clients and tasks wait, hold leases or listen already"
      outcomes.append(asker.outcome(.denied(reason: reason)))
      return nil
    }
    let part = Part(object: number, member: asker.member, request: asker.request, role: role)
    let place = freeParts.popLast() ?? UInt32(parts.count)
    if Int(place) == parts.count { parts.append(part) } else { parts[Int(place)] = part }
    if !role.isLasting { waiting[asker] = place }
    setDeadline(of: place, after: duration)
    return place
  }

  /// Removes a part; the object's lists are the caller's business.
  mutating func remove(_ part: UInt32) {
    if let asker = parts[Int(part)]?.asker, waiting[asker] == part { waiting[asker] = nil }
    if parts[Int(part)]?.deadline != .max { deadlineCount -= 1 }
    parts[Int(part)] = nil
    freeParts.append(part)
  }

  /// A part is over so many nanoseconds from now; `Int64.max`: never.
  mutating func setDeadline(of part: UInt32, after duration: Int64) {
    let (sum, isOver) = now.nanoseconds.addingReportingOverflow(duration)
    let deadline = isOver ? .max : sum
    if parts[Int(part)]?.deadline != .max { deadlineCount -= 1 }
    parts[Int(part)]?.deadline = deadline
    guard deadline != .max else { return }
    deadlineCount += 1
    timers.push(deadline, part)
    // Timers of parts that have ended early are left behind; here they go, so that a long run does not collect them.
    if timers.count > 64 + 2 * deadlineCount {
      timers = Heap()
      for (number, part) in parts.enumerated() {
        if let part, part.deadline != .max { timers.push(part.deadline, UInt32(number)) }
      }
    }
  }

  /// Answers somebody who waits; he was taken from the object's list before.
  mutating func answer(_ part: UInt32, _ reply: CoordinationReply, _ outcomes: inout [Outcome]) {
    guard let waiter = parts[Int(part)] else { return }
    remove(part)
    outcomes.append(Outcome(member: waiter.member, request: waiter.request, reply: reply))
  }

  /// Ends a part before it got what it wanted: its time is over, or its member is gone (`reply` is nil then).
  mutating func end(_ part: UInt32, _ reply: CoordinationReply?, _ outcomes: inout [Outcome]) {
    guard let ending = parts[Int(part)] else { return }
    let number = ending.object
    remove(part)
    switch ending.role {
    case .getting, .acquiring: objects[Int(number)].getting.removeAll { $0 == part }
    case .putting(let value, _):
      objects[Int(number)].putting.removeAll { $0 == part }
      release(value)
    case .leasing(let places, _, _):
      objects[Int(number)].holding.removeAll { $0 == part }
      objects[Int(number)].taken -= places
    case .listening: objects[Int(number)].holding.removeAll { $0 == part }
    }
    // An end of a lease is no answer: its holder finds out when he renews it.
    if let reply, !ending.role.isLasting {
      outcomes.append(Outcome(member: ending.member, request: ending.request, reply: reply))
    }
    // Who waited behind it may be served now.
    admit(number, &outcomes)
    lend(number, &outcomes)
    forgetIfIdle(number)
  }

  /// The tasks that are shared as values, each as often as it is held. O(all).
  var heldTasks: [TaskHandle] {
    var values: [SharedValue] = []
    for (number, object) in objects.enumerated() where numbers[object.name] == UInt32(number) {
      values += object.values.all
      for part in object.putting.all {
        if case .putting(let value, _)? = parts[Int(part)]?.role { values.append(value) }
      }
    }
    return values.compactMap { if case .task(let task) = $0 { task } else { nil } }
  }

  /// What is wrong with the tables; nil when all of them agree. O(all).
  func brokenInvariant() -> String? {
    var held = 0
    var parted = 0
    for (number, object) in objects.enumerated() where numbers[object.name] == UInt32(number) {
      held += object.values.all.reduce(0) { $0 + $1.heldBytes }
      let all = Array(object.getting.all) + Array(object.putting.all) + object.holding
      parted += all.count
      if object.isIdle { return "\(object.name) is idle" }
      var taken: UInt32 = 0
      for place in all {
        guard let part = parts[Int(place)], part.object == UInt32(number) else { return "\(object.name): a lost part" }
        if case .putting(let value, _) = part.role { held += value.heldBytes }
        if case .leasing(let places, _, _) = part.role { taken += places }
      }
      if taken != object.taken || taken > object.places { return "\(object.name): \(taken) places are taken" }
      if object.name.kind == .queue, !object.getting.isEmpty, !object.values.isEmpty {
        return "\(object.name): somebody waits for what is there"
      }
    }
    for (asker, part) in waiting where parts[Int(part)]?.asker != asker { return "a part that is over is found" }
    if held != bytes { return "\(held) bytes are held, \(bytes) were counted" }
    if parted != parts.count - freeParts.count { return "a part belongs to nothing" }
    if deadlineCount != parts.count(where: { $0 != nil && $0?.deadline != .max }) { return "deadlines are miscounted" }
    if timers.count > 65 + 2 * deadlineCount { return "\(timers.count) timers for \(deadlineCount) deadlines" }
    return nil
  }
}

extension Part.Role {
  /// Whether nobody waits for its end.
  var isLasting: Bool {
    switch self {
    case .leasing, .listening: true
    case .getting, .putting, .acquiring: false
    }
  }
}
