import MartletGraph

extension Array {
  /// The results of delayed computations as one array, in their order.
  public func gathered<Value>(
    _ label: String = "gather", fileID: StaticString = #fileID, line: UInt = #line
  ) -> Delayed<[Value]> where Element == Delayed<Value> {
    makeDelayed(label, CompactLocation(fileID, line), on: map { $0.node }, kind: .gather) { inputs, _, slot in
      slot.pointee.fill(try inputs.values(as: Value.self))
    }
  }
}

extension Dictionary {
  /// The results of delayed computations as one dictionary with the same keys.
  public func gathered<Result>(
    _ label: String = "gather", fileID: StaticString = #fileID, line: UInt = #line
  ) -> Delayed<[Key: Result]> where Value == Delayed<Result>, Key: Sendable {
    let keys = Array(keys)
    return makeDelayed(label, CompactLocation(fileID, line), on: values.map { $0.node }) { inputs, _, slot in
      let values = try inputs.values(as: Result.self)
      slot.pointee.fill([Key: Result](uniqueKeysWithValues: Swift.zip(keys, values)))
    }
  }
}

extension Optional {
  /// The result of a delayed computation where there is one, otherwise nil.
  public func gathered<Value>(
    _ label: String = "gather", fileID: StaticString = #fileID, line: UInt = #line
  ) -> Delayed<Value?> where Wrapped == Delayed<Value> {
    guard let input = self else { return Delayed<Value?>(nil, fileID: fileID, line: line) }
    return input.map(label, fileID: fileID, line: line) { (value: Value) -> Value? in value }
  }
}

extension Delayed {
  /// This result and others as one tuple.
  public func zip<each Other>(
    _ others: repeat Delayed<each Other>, fileID: StaticString = #fileID, line: UInt = #line
  ) -> Delayed<(Value, repeat each Other)> {
    makeDelayed("zip", CompactLocation(fileID, line), on: [node] + nodes(of: repeat each others)) { inputs, _, slot in
      var index = 1
      slot.pointee.fill((inputs.checked(0, Value.self), repeat inputs.next(&index, (each Other).self)))
    }
  }
}
