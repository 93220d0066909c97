extension Pool {
  /// What `body` gives for each element, in the order of the elements.
  ///
  /// The calling thread works too (unless the pool has an initialiser). Elements are handed out in pieces of some 100 µs,
  /// as measured on the way, beginning with one element; a piece that takes much longer is shared again. Collections
  /// without random access are copied into an array first.
  ///
  /// - Parameters:
  ///   - elements: What `body` is called on.
  ///   - chunk: Elements in a piece; nil: chosen from their measured cost.
  ///   - body: Runs on several threads at the same time.
  /// - Throws: What `body` threw for the first element, in their order, for which it throws; elements after it may have
  ///   been done or not. `CancellationError` when this is called inside a task that is asked to stop; `PoolError`
  ///   (`.closed`). When it has thrown, nothing of it is running.
  @inlinable
  @available(*, noasync, message: "use await map")
  public func map<Elements: Collection & Sendable, Value>(
    _ elements: Elements, chunk: Int? = nil, _ body: @escaping @Sendable (Elements.Element) throws -> Value
  ) throws -> [Value] {
    let elements = PositionedElements(elements)
    let count = elements.count
    return try [Value](unsafeUninitializedCapacity: count) { buffer, filled in
      guard let base = buffer.baseAddress, count > 0 else { return }
      let output = MapOutput(base)
      let call = call(count, chunk, keepsDone: !_isPOD(Value.self), Pool.work(elements, output, body))
      do { try run(call) } catch {
        output.drop(call.doneRanges)
        throw error
      }
      filled = count
    }
  }

  /// What `body` gives for each element, in the order of the elements; the threads of the pool do it.
  ///
  /// Elements are handed out in pieces of some 100 µs, as measured on the way; a piece that takes much longer is shared
  /// again. When the Swift task that waits is cancelled, the rest is not done.
  ///
  /// - Parameters:
  ///   - elements: What `body` is called on.
  ///   - chunk: Elements in a piece; nil: chosen from their measured cost.
  ///   - body: Runs on several threads at the same time.
  /// - Throws: What `body` threw for the first element, in their order, for which it throws; elements after it may have
  ///   been done or not. `CancellationError` when the Swift task is cancelled; `PoolError` (`.closed`). When it has
  ///   thrown, nothing of it is running.
  @inlinable
  public func map<Elements: Collection & Sendable, Value>(
    _ elements: Elements, chunk: Int? = nil, _ body: @escaping @Sendable (Elements.Element) throws -> Value
  ) async throws -> [Value] {
    let elements = PositionedElements(elements)
    let count = elements.count
    let output = MapOutput(UnsafeMutablePointer<Value>.allocate(capacity: count))
    let call = call(count, chunk, keepsDone: !_isPOD(Value.self), Pool.work(elements, output, body))
    do { try await run(call) } catch {
      output.drop(call.doneRanges)
      output.base.deallocate()
      throw error
    }
    return output.take(count)
  }

  /// Calls `body` for each element, on several threads, in no particular order; see `map`.
  @inlinable
  @available(*, noasync, message: "use await forEach")
  public func forEach<Elements: Collection & Sendable>(
    _ elements: Elements, chunk: Int? = nil, _ body: @escaping @Sendable (Elements.Element) throws -> Void
  ) throws {
    let elements = PositionedElements(elements)
    try run(call(elements.count, chunk, keepsDone: false, Pool.work(elements, body)))
  }

  /// Calls `body` for each element, on the threads of the pool, in no particular order; see `map`.
  @inlinable
  public func forEach<Elements: Collection & Sendable>(
    _ elements: Elements, chunk: Int? = nil, _ body: @escaping @Sendable (Elements.Element) throws -> Void
  ) async throws {
    let elements = PositionedElements(elements)
    try await run(call(elements.count, chunk, keepsDone: false, Pool.work(elements, body)))
  }

  /// What `body` gives for each element or throws, in the order of the elements: no error ends the call. See `map`.
  @inlinable
  @available(*, noasync, message: "use await mapResults")
  public func mapResults<Elements: Collection & Sendable, Value>(
    _ elements: Elements, chunk: Int? = nil, _ body: @escaping @Sendable (Elements.Element) throws -> Value
  ) throws -> [Result<Value, any Error>] {
    try map(elements, chunk: chunk) { element in Result { try body(element) } }
  }

  /// What `body` gives for each element or throws, in the order of the elements: no error ends the call. See `map`.
  @inlinable
  public func mapResults<Elements: Collection & Sendable, Value>(
    _ elements: Elements, chunk: Int? = nil, _ body: @escaping @Sendable (Elements.Element) throws -> Value
  ) async throws -> [Result<Value, any Error>] {
    try await map(elements, chunk: chunk) { element in Result { try body(element) } }
  }

  // MARK: Pieces of these

  @inlinable
  static func work<Elements: Collection & Sendable, Value>(
    _ elements: PositionedElements<Elements>, _ output: MapOutput<Value>,
    _ body: @escaping @Sendable (Elements.Element) throws -> Value
  ) -> ChunkRun.Work {
    { positions, position in
      try elements.visit(positions, &position) { at, element in (output.base + at).initialize(to: try body(element)) }
    }
  }

  @inlinable
  static func work<Elements: Collection & Sendable>(
    _ elements: PositionedElements<Elements>, _ body: @escaping @Sendable (Elements.Element) throws -> Void
  ) -> ChunkRun.Work {
    { positions, position in try elements.visit(positions, &position) { _, element in try body(element) } }
  }

  @usableFromInline
  func call(_ count: Int, _ chunk: Int?, keepsDone: Bool, _ work: @escaping ChunkRun.Work) -> ChunkRun {
    ChunkRun(
      core: core, count: count, chunk: chunk, width: width, parent: Pool.currentTask, keepsDone: keepsDone, work)
  }

  @usableFromInline
  func run(_ call: ChunkRun) throws {
    try core.beginCall()
    defer { core.endCall() }
    try call.run()
  }

  @usableFromInline
  func run(_ call: ChunkRun) async throws {
    try core.beginCall()
    defer { core.endCall() }
    try await call.run()
  }

  /// The task of some pool that the caller is part of.
  static var currentTask: AnyFuture? { PoolThread.current?.task ?? AsyncTask.current }
}
