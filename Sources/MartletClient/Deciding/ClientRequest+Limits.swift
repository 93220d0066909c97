import MartletProtocol

// What does not fit into a message, or is more than the scheduler reads, would end the connection, and be said again on the next one.

extension ClientRequest {
  /// Why the scheduler could not be asked; nil when it can be.
  var problem: String? {
    switch self {
    case .gather: nil
    case .publish(let name, let list, _): Limits.problem(inName: name) ?? Limits.problem(inTasks: list.count, bytes: 24)
    case .unpublish(let name), .subscribe(let name): Limits.problem(inName: name)
    case .whoHas(let list), .replicate(let list, _), .rebalance(let list): Limits.problem(inTasks: list.count)
    case .ask: nil
    case .retireWorkers(let names): Limits.problem(inNames: names)
    case .runOnWorkers(let call):
      Limits.problem(inName: call.label) ?? Limits.problem(inName: call.function.name)
        ?? Limits.problem(inBytes: call.arguments.count) ?? Limits.problem(inNames: call.workers)
    case .restart(let name, _): Limits.problem(inName: name)
    case .coordinate(let operation, _): operation.problem
    }
  }
}

extension CoordinationRequest {
  fileprivate var problem: String? {
    switch self {
    case .put(let name, let value, _, _), .set(let name, let value): Limits.problem(inName: name) ?? value.problem
    case .publish(let topic, let bytes): Limits.problem(inName: topic) ?? Limits.problem(inBytes: bytes.count)
    case .take(let name, _), .unset(let name), .read(let name, _), .signal(let name, _), .wait(let name, _),
      .acquire(let name, _, _, _, _), .renew(let name, _), .giveBack(let name, _), .listen(let name, _):
      Limits.problem(inName: name)
    }
  }
}

extension SharedValue {
  fileprivate var problem: String? {
    guard case .bytes(let type, let bytes) = self else { return nil }
    return Limits.problem(inName: type) ?? Limits.problem(inBytes: bytes.count)
  }
}

private enum Limits {
  /// What a message takes besides its list.
  private static let rest = 16 << 10

  static func problem(inName name: String) -> String? {
    let bytes = name.utf8.count
    return bytes <= WireLimits.shortText
      ? nil : "a name of \(bytes) bytes, at most \(WireLimits.shortText) are allowed: \(name.prefix(40))…"
  }

  static func problem(inBytes count: Int) -> String? {
    count <= WireLimits.argumentBytes
      ? nil
      : "a value of \(count) bytes, at most \(WireLimits.argumentBytes) are allowed: scatter it and share the future"
  }

  /// - Parameter bytes: What one takes: those that are published are named with their keys to those who look for them.
  static func problem(inTasks count: Int, bytes: Int = 8) -> String? {
    let limit = (WireLimits.messageBytes - rest) / bytes
    return count <= limit ? nil : "\(count) futures, at most \(limit) fit into one request: ask several times"
  }

  static func problem(inNames names: [String]) -> String? {
    var bytes = 0
    for name in names {
      if let problem = problem(inName: name) { return problem }
      bytes += name.utf8.count + 2
    }
    let limit = WireLimits.messageBytes - WireLimits.argumentBytes - rest
    return bytes <= limit ? nil : "\(names.count) names of \(bytes) bytes do not fit into one request"
  }
}
