import MartletProtocol

// Queues, variables, events and topics.

extension Coordination {
  mutating func put(
    _ value: SharedValue, into number: UInt32, limit: Int, _ timeout: Int64, _ asker: Asker,
    _ outcomes: inout [Outcome]
  ) {
    if let taker = objects[Int(number)].getting.popFirst() {
      answer(taker, .value(value), &outcomes)
      return outcomes.append(asker.outcome(.done))
    }
    guard keep(value) else { return outcomes.append(asker.outcome(noRoom)) }
    let limit = limit == 0 ? limits.queueLength : min(limit, limits.queueLength)
    if objects[Int(number)].putting.isEmpty, objects[Int(number)].values.count < limit {
      objects[Int(number)].values.append(value)
      outcomes.append(asker.outcome(.done))
    } else if park(.putting(value, limit: limit), number, timeout, asker, &outcomes) == nil {
      release(value)
    }
  }

  mutating func take(from number: UInt32, _ timeout: Int64, _ asker: Asker, _ outcomes: inout [Outcome]) {
    guard let value = objects[Int(number)].values.popFirst() else {
      park(.getting, number, timeout, asker, &outcomes)
      return
    }
    release(value)
    outcomes.append(asker.outcome(.value(value)))
    admit(number, &outcomes)
  }

  /// Lets those who wait to put something do so, as far as there is room.
  mutating func admit(_ number: UInt32, _ outcomes: inout [Outcome]) {
    while let next = objects[Int(number)].putting.first, case .putting(let value, let limit)? = parts[Int(next)]?.role,
      objects[Int(number)].values.count < limit
    {
      _ = objects[Int(number)].putting.popFirst()
      objects[Int(number)].values.append(value)
      answer(next, .done, &outcomes)
    }
  }

  mutating func set(_ value: SharedValue, _ number: UInt32, _ asker: Asker, _ outcomes: inout [Outcome]) {
    guard keep(value) else { return outcomes.append(asker.outcome(noRoom)) }
    if let old = objects[Int(number)].values.popFirst() { release(old) }
    objects[Int(number)].values.append(value)
    outcomes.append(asker.outcome(.done))
    while let reader = objects[Int(number)].getting.popFirst() { answer(reader, .value(value), &outcomes) }
  }

  mutating func unset(_ number: UInt32, _ asker: Asker, _ outcomes: inout [Outcome]) {
    if let old = objects[Int(number)].values.popFirst() { release(old) }
    outcomes.append(asker.outcome(.done))
  }

  mutating func read(_ number: UInt32, _ timeout: Int64, _ asker: Asker, _ outcomes: inout [Outcome]) {
    if let value = objects[Int(number)].values.first {
      outcomes.append(asker.outcome(.value(value)))
    } else {
      park(.getting, number, timeout, asker, &outcomes)
    }
  }

  mutating func signal(_ number: UInt32, _ isSet: Bool, _ asker: Asker, _ outcomes: inout [Outcome]) {
    objects[Int(number)].isSet = isSet
    outcomes.append(asker.outcome(.done))
    while isSet, let waiter = objects[Int(number)].getting.popFirst() { answer(waiter, .done, &outcomes) }
  }

  mutating func wait(for number: UInt32, _ timeout: Int64, _ asker: Asker, _ outcomes: inout [Outcome]) {
    if objects[Int(number)].isSet {
      outcomes.append(asker.outcome(.done))
    } else {
      park(.getting, number, timeout, asker, &outcomes)
    }
  }

  mutating func publish(_ bytes: [UInt8], _ number: UInt32, _ asker: Asker, _ outcomes: inout [Outcome]) {
    let message = CoordinationReply.message(topic: objects[Int(number)].name.text, bytes: bytes)
    for listener in objects[Int(number)].holding {
      guard let part = parts[Int(listener)] else { continue }
      outcomes.append(Outcome(member: part.member, request: part.request, reply: message))
    }
    outcomes.append(asker.outcome(.done))
  }

  /// Who listens once more is told from now on under the new request alone.
  mutating func listen(_ isListening: Bool, _ number: UInt32, _ asker: Asker, _ outcomes: inout [Outcome]) {
    for part in objects[Int(number)].holding where parts[Int(part)]?.member == asker.member {
      remove(part)
      objects[Int(number)].holding.removeAll { $0 == part }
    }
    if isListening {
      guard let part = add(.listening, number, for: .max, asker, &outcomes) else { return }
      objects[Int(number)].holding.append(part)
    }
    outcomes.append(asker.outcome(.done))
  }
}
