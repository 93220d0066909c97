/// The results of a `Pool.stream`, taken one by one: `for try await result in stream`, or `next()` in a plain program.
///
/// The pool works ahead until as many results wait as the stream has room for, then rests until half of them were taken.
/// When nobody refers to the stream any more, the rest is not done; leaving the loop over `pool.stream(…)` does that.
/// Several threads or tasks may take from one stream; each result goes to one of them.
public final class ResultStream<Value: Sendable>: AsyncSequence, Sendable {
  let run: StreamRun<Value>

  init(_ run: StreamRun<Value>) { self.run = run }

  deinit { run.cancel() }

  /// The next result; blocks the calling thread until there is one. Nil after the last.
  ///
  /// - Throws: What the body threw, when the results before it (in order) or those that were there (as completed) have
  ///   been taken; `CancellationError` after `cancel()`; `PoolError` (`.closed`). Nothing of the stream is running then.
  @available(*, noasync, message: "use for try await")
  public func next() throws -> IndexedResult<Value>? { try run.next() }

  /// Drops the results that wait and does not do the rest. Bodies that run are asked to stop.
  public func cancel() { run.cancel() }

  /// Takes results from a stream.
  public struct Iterator: AsyncIteratorProtocol {
    let stream: ResultStream

    /// The next result; suspends until there is one. Nil after the last. Throws as the stream's own `next()`; cancelling
    /// the Swift task that waits cancels the stream.
    public func next() async throws -> IndexedResult<Value>? { try await stream.run.next() }
  }

  /// An iterator over the results that nobody has taken.
  public func makeAsyncIterator() -> Iterator { Iterator(stream: self) }
}

extension Pool {
  /// What `body` gives for each element, to be taken one by one while the rest is being done.
  ///
  ///     for try await result in pool.stream(files, { try summary(of: $0) }) { print(files[result.index], result.value) }
  ///
  /// - Parameters:
  ///   - elements: What `body` is called on.
  ///   - order: Whether results come as they are completed, or in the order of the elements.
  ///   - buffer: How many results may wait to be taken or be in the making, at least 1: what the pool works ahead. Nil: what
  ///     takes some 5 ms to make, at least four for each thread and at most 4096.
  ///   - body: Runs on several threads of the pool at the same time. The first error ends the stream.
  /// - Complexity: Less than 1 µs an element: for bodies that take longer than that.
  public func stream<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, order: ResultOrder = .asCompleted, buffer: Int? = nil,
    _ body: @escaping @Sendable (Elements.Element) throws -> Value
  ) -> ResultStream<Value> {
    let elements = PositionedElements(elements)
    return ResultStream(
      StreamRun(
        core: core, count: elements.count, order: order, capacity: buffer, parent: Pool.currentTask,
        { try body(elements[$0]) }))
  }

  /// What `body` gives for each element or throws, to be taken one by one while the rest is being done: no error ends the
  /// stream. See `stream`.
  public func streamResults<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, order: ResultOrder = .asCompleted, buffer: Int? = nil,
    _ body: @escaping @Sendable (Elements.Element) throws -> Value
  ) -> ResultStream<Result<Value, any Error>> {
    stream(elements, order: order, buffer: buffer) { element in Result { try body(element) } }
  }
}
