import MartletProtocol

// Semaphores, and locks: those of one place. Who has places has them for a lease, which he renews; when it is over, or its
// holder is gone, others get them. Leases are numbered through, and the number is a fence as well: whoever keeps the largest that
// he has seen can tell a holder who has lost his lease without knowing it.

extension Coordination {
  mutating func acquire(
    _ places: UInt32, of total: UInt32, for lease: Int64, _ number: UInt32, _ timeout: Int64, _ asker: Asker,
    _ outcomes: inout [Outcome]
  ) {
    guard places >= 1, places <= total else {
      return outcomes.append(asker.outcome(.denied(reason: "\(places) of \(total) places cannot be taken")))
    }
    if objects[Int(number)].isIdle { objects[Int(number)].places = total }
    let object = objects[Int(number)]
    guard object.places == total else {
      let reason =
        "the semaphore \(object.name.text) has \(object.places) places, not \(total): all who use it say the same"
      return outcomes.append(asker.outcome(.denied(reason: reason)))
    }
    let isFree = object.getting.isEmpty && places <= total - object.taken
    // With room it is served in no time; with none and no time it is told so.
    park(.acquiring(places: places, lease), number, isFree ? .max : timeout, asker, &outcomes)
    lend(number, &outcomes)
  }

  /// Gives leases to those who wait, as far as there are places.
  mutating func lend(_ number: UInt32, _ outcomes: inout [Outcome]) {
    while let next = objects[Int(number)].getting.first, let waiter = parts[Int(next)],
      case .acquiring(let places, let duration) = waiter.role,
      places <= objects[Int(number)].places - objects[Int(number)].taken
    {
      _ = objects[Int(number)].getting.popFirst()
      remove(next)
      lastLease += 1
      let asker = Asker(member: waiter.member, request: waiter.request)
      let role = Part.Role.leasing(places: places, duration, lease: lastLease)
      // There is room for it: one was removed just now.
      guard let part = add(role, number, for: duration == 0 ? .max : duration, asker, &outcomes) else { continue }
      objects[Int(number)].holding.append(part)
      objects[Int(number)].taken += places
      outcomes.append(asker.outcome(.lease(lastLease, fence: lastLease)))
    }
  }

  mutating func renew(_ lease: UInt64, _ number: UInt32, _ asker: Asker, _ outcomes: inout [Outcome]) {
    guard let part = part(leasing: lease, number, asker), case .leasing(_, let duration, _)? = parts[Int(part)]?.role
    else { return outcomes.append(asker.outcome(leaseIsOver)) }
    setDeadline(of: part, after: duration == 0 ? .max : duration)
    outcomes.append(asker.outcome(.done))
  }

  mutating func giveBack(_ lease: UInt64, _ number: UInt32, _ asker: Asker, _ outcomes: inout [Outcome]) {
    guard let part = part(leasing: lease, number, asker) else { return outcomes.append(asker.outcome(leaseIsOver)) }
    outcomes.append(asker.outcome(.done))
    end(part, nil, &outcomes)
  }

  private func part(leasing lease: UInt64, _ number: UInt32, _ asker: Asker) -> UInt32? {
    objects[Int(number)].holding.first {
      guard let part = parts[Int($0)], part.member == asker.member, case .leasing(_, _, lease) = part.role else {
        return false
      }
      return true
    }
  }

  private var leaseIsOver: CoordinationReply {
    .denied(reason: "this lease is over: others may have its places now")
  }
}
