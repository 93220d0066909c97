extension Pool {
  /// Adds all elements to values of its own for pieces of them, and combines these, in the order of the elements.
  ///
  ///     let words = try pool.reduce(files, into: Counts()) { $0.add(wordsOf: $1) } combine: { $0.merge($1) }
  ///
  /// The calling thread works too (unless the pool has an initialiser). `combine` has to be associative; it need not be
  /// commutative.
  ///
  /// - Parameters:
  ///   - elements: What is reduced.
  ///   - initial: What each piece starts with, and the result for no elements: combining with it changes nothing.
  ///   - chunk: Elements in a piece; nil: chosen from their measured cost. With a given one the result is the same each
  ///     time, also for sums of rounded numbers, which are not quite associative; each piece's value is then kept until
  ///     the end.
  ///   - add: Adds an element; runs on several threads at the same time.
  ///   - combine: Adds to a value that of the elements after its own; runs at the end, on the calling thread.
  /// - Throws: As `map`.
  @inlinable
  @available(*, noasync, message: "use await reduce")
  public func reduce<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, into initial: Value, chunk: Int? = nil,
    _ add: @escaping @Sendable (inout Value, Elements.Element) throws -> Void,
    combine: (inout Value, Value) throws -> Void
  ) throws -> Value {
    let elements = PositionedElements(elements)
    let partials = Partials<Value>(chunk: chunk.map { max(1, $0) })
    try run(call(elements.count, chunk, keepsDone: false, Pool.work(elements, initial, partials, add)))
    return try Pool.combined(partials.takeAll(), initial, combine)
  }

  /// Adds all elements to values of its own for pieces of them, on the threads of the pool, and combines these, in the
  /// order of the elements; see the blocking `reduce`.
  @inlinable
  public func reduce<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: Elements, into initial: Value, chunk: Int? = nil,
    _ add: @escaping @Sendable (inout Value, Elements.Element) throws -> Void,
    combine: (inout Value, Value) throws -> Void
  ) async throws -> Value {
    let elements = PositionedElements(elements)
    let partials = Partials<Value>(chunk: chunk.map { max(1, $0) })
    try await run(call(elements.count, chunk, keepsDone: false, Pool.work(elements, initial, partials, add)))
    return try Pool.combined(partials.takeAll(), initial, combine)
  }

  /// Combines all elements, as the sequence's own `reduce`, on several threads.
  ///
  /// - Parameters:
  ///   - elements: What is reduced.
  ///   - initial: The result for no elements: combining with it changes nothing, so 0 for sums.
  ///   - chunk: As in `reduce(_:into:)`.
  ///   - combine: Associative; its first argument stands for elements before those of its second.
  /// - Throws: As `map`.
  @inlinable
  @available(*, noasync, message: "use await reduce")
  public func reduce<Elements: Collection & Sendable>(
    _ elements: Elements, _ initial: Elements.Element, chunk: Int? = nil,
    _ combine: @escaping @Sendable (Elements.Element, Elements.Element) throws -> Elements.Element
  ) throws -> Elements.Element where Elements.Element: Sendable {
    try reduce(
      elements, into: initial, chunk: chunk, { $0 = try combine($0, $1) }, combine: { $0 = try combine($0, $1) })
  }

  /// Combines all elements on the threads of the pool; see the blocking `reduce`.
  @inlinable
  public func reduce<Elements: Collection & Sendable>(
    _ elements: Elements, _ initial: Elements.Element, chunk: Int? = nil,
    _ combine: @escaping @Sendable (Elements.Element, Elements.Element) throws -> Elements.Element
  ) async throws -> Elements.Element where Elements.Element: Sendable {
    try await reduce(
      elements, into: initial, chunk: chunk, { $0 = try combine($0, $1) }, combine: { $0 = try combine($0, $1) })
  }

  @inlinable
  static func work<Elements: Collection & Sendable, Value: Sendable>(
    _ elements: PositionedElements<Elements>, _ initial: Value, _ partials: Partials<Value>,
    _ add: @escaping @Sendable (inout Value, Elements.Element) throws -> Void
  ) -> ChunkRun.Work {
    { positions, position in
      var (start, value) = partials.take(endingAt: positions.lowerBound) ?? (positions.lowerBound, initial)
      try elements.visit(positions, &position) { _, element in try add(&value, element) }
      partials.put(value, start..<positions.upperBound)
    }
  }

  @inlinable
  static func combined<Value>(
    _ parts: [Value], _ initial: Value, _ combine: (inout Value, Value) throws -> Void
  ) rethrows -> Value {
    guard var result = parts.first else { return initial }
    for part in parts.dropFirst() { try combine(&result, part) }
    return result
  }
}
