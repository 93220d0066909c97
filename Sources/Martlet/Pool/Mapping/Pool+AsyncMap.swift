import Synchronization

extension Pool {
  /// What the asynchronous `body` gives for each element, in the order of the elements.
  ///
  /// Bodies run on the threads of the pool and hold none while they wait, so many more of them can be under way than
  /// the pool is wide: for downloads, timers, other services.
  ///
  /// - Parameters:
  ///   - elements: What `body` is called on.
  ///   - concurrency: How many bodies are under way at the same time, at least 1.
  ///   - body: The first that throws ends the call: the others are cancelled, the rest is not done.
  /// - Throws: That error; `CancellationError` when the Swift task is cancelled or the pool closed meanwhile; `PoolError`
  ///   (`.closed`). When it has thrown, nothing of it is running.
  /// - Complexity: Some 0.5 µs an element and what the body's own suspensions take.
  public func map<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, concurrency: Int = 64, _ body: @escaping @Sendable (Elements.Element) async throws -> Value
  ) async throws -> [Value] {
    let future = await submit { try await Pool.gather(elements, concurrency, body) }
    return try await withTaskCancellationHandler {
      try await future.value
    } onCancel: {
      future.cancel()
    }
  }

  /// What the asynchronous `body` gives for each element, in the order of the elements; blocks the calling thread.
  ///
  /// Bodies run on the threads of the pool and hold none while they wait; see the asynchronous `map`.
  @available(*, noasync, message: "use await map")
  public func map<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, concurrency: Int = 64, _ body: @escaping @Sendable (Elements.Element) async throws -> Value
  ) throws -> [Value] {
    try submit { try await Pool.gather(elements, concurrency, body) }.result()
  }

  /// What the asynchronous `body` gives for each element or throws, in the order of the elements: no error ends the call.
  public func mapResults<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, concurrency: Int = 64, _ body: @escaping @Sendable (Elements.Element) async throws -> Value
  ) async throws -> [Result<Value, any Error>] {
    try await map(elements, concurrency: concurrency) { element -> Result<Value, any Error> in
      do { return .success(try await body(element)) } catch { return .failure(error) }
    }
  }

  /// Calls the asynchronous `body` for each element, in no particular order; see `map`.
  public func forEach<Elements: Collection & Sendable>(
    _ elements: Elements, concurrency: Int = 64, _ body: @escaping @Sendable (Elements.Element) async throws -> Void
  ) async throws {
    _ = try await map(elements, concurrency: concurrency) { element in try await body(element) }
  }

  /// A few Swift tasks that take one element after the other.
  private static func gather<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, _ concurrency: Int, _ body: @escaping @Sendable (Elements.Element) async throws -> Value
  ) async throws -> [Value] {
    let elements = PositionedElements(elements)
    let claims = Claims(count: elements.count)
    return try await withThrowingTaskGroup(of: [IndexedResult<Value>].self) { group in
      for _ in 0..<min(max(1, concurrency), elements.count) {
        group.addTask {
          var results: [IndexedResult<Value>] = []
          while let position = claims.next() {
            try Task.checkCancellation()
            results.append(IndexedResult(index: position, value: try await body(elements[position])))
          }
          return results
        }
      }
      var values = [Value?](repeating: nil, count: elements.count)
      // The first error leaves the group, which cancels the others and waits for them.
      for try await results in group {
        for result in results { values[result.index] = result.value }
      }
      return values.compactMap { $0 }
    }
  }
}

/// Hands positions out, each once.
private final class Claims: Sendable {
  private let count: Int
  private let cursor = Atomic<Int>(0)

  init(count: Int) { self.count = count }

  func next() -> Int? {
    let position = cursor.wrappingAdd(1, ordering: .relaxed).oldValue
    return position < count ? position : nil
  }
}
