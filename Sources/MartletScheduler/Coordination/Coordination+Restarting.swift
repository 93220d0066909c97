import MartletProtocol

extension Coordination {
  /// Takes away all tasks that are shared, or wait to be: from queues and variables, which else stay as they are.
  mutating func dropTasks(_ outcomes: inout [Outcome]) {
    let reason = CoordinationReply.denied(reason: "the cluster was restarted, and its task with it")
    for number in objects.indices where numbers[objects[number].name] == UInt32(number) {
      let dropped = objects[number].values.all.filter(\.isTask)
      objects[number].values.removeAll(where: \.isTask)
      for value in dropped { release(value) }
      for part in Array(objects[number].putting.all) where parts[Int(part)]?.role.putsTask == true {
        end(part, reason, &outcomes)
      }
      // Who waited for room has it now.
      admit(UInt32(number), &outcomes)
      forgetIfIdle(UInt32(number))
    }
  }
}

extension SharedValue {
  fileprivate var isTask: Bool { if case .task = self { true } else { false } }
}

extension Part.Role {
  fileprivate var putsTask: Bool { if case .putting(let value, _) = self { value.isTask } else { false } }
}
