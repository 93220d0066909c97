/// What the lanes of a `reduce` have combined so far: a value for each stretch of positions.
@usableFromInline
final class Partials<Value: Sendable>: @unchecked Sendable {
  // Sendable: the stretches are used under the lock.
  private let lock = ShortLock()
  /// By their end.
  private var stretches: [Int: Stretch] = [:]
  /// Positions in a piece, when that was given: then pieces are joined only at the end, in their order, so that results do
  /// not depend on which thread was faster.
  private let chunk: Int?

  private struct Stretch {
    var start: Int
    var value: Value
  }

  @usableFromInline
  init(chunk: Int?) { self.chunk = chunk }

  deinit { lock.destroy() }

  /// Takes out the value of the stretch that ends at this position, to go on with.
  @usableFromInline
  func take(endingAt position: Int) -> (start: Int, value: Value)? {
    if let chunk, position.isMultiple(of: chunk) { return nil }
    lock.lock()
    defer { lock.unlock() }
    guard let stretch = stretches.removeValue(forKey: position) else { return nil }
    return (stretch.start, stretch.value)
  }

  @usableFromInline
  func put(_ value: Value, _ positions: Range<Int>) {
    lock.lock()
    stretches[positions.upperBound] = Stretch(start: positions.lowerBound, value: value)
    lock.unlock()
  }

  /// All stretches, in their order; nobody works any more.
  @usableFromInline
  func takeAll() -> [Value] {
    defer { stretches = [:] }
    return stretches.values.sorted { $0.start < $1.start }.map(\.value)
  }
}
