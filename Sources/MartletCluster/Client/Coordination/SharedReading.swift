import MartletBytes
import MartletClient

/// What answers about shared things mean.
enum SharedReading {
  /// As messages have it: nil waits for ever.
  static func nanoseconds(_ timeout: Duration?) -> Int64 {
    timeout.map { Int64(clamping: ThreadWaiter.nanoseconds($0)) } ?? .max
  }

  static func isDone(_ answer: ReplyAnswer) -> Bool {
    if case .answer(.timedOut) = answer { return false }
    return true
  }

  /// - Throws: `ClusterError` when it is another type, or a future.
  static func value<Value: PortableValue>(_ answer: ReplyAnswer) throws -> Value? {
    switch answer {
    case .answer(.value(let type, let bytes)):
      let expected = Value.portableTypeName
      if type != expected { throw ClusterError.wrongType(type, expected: expected) }
      return try Value(sharedBytes: bytes)
    case .answer(.timedOut): return nil
    case .futures: throw ClusterError.wrongType("a future", expected: "\(Value.self)")
    case .answer, .failed, .holders, .onWorkers, .lease: throw ClusterError.denied("a shared value", "\(answer)")
    }
  }

  /// - Throws: `ClusterError` when it is no future.
  static func future<Value: PortableValue>(_ answer: ReplyAnswer) throws -> ClusterFuture<Value>? {
    switch answer {
    case .futures(let tokens): return tokens.first.map { ClusterFuture($0) }
    case .answer(.timedOut): return nil
    case .answer(.value(let type, _)): throw ClusterError.wrongType(type, expected: "a future")
    case .answer, .failed, .holders, .onWorkers, .lease: throw ClusterError.denied("a shared future", "\(answer)")
    }
  }
}
