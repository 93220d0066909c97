import MartletGraph

extension Delayed {
  /// The result of `body` on this result.
  @inlinable
  public func map<Result: Sendable>(
    _ label: String = "map", fileID: StaticString = #fileID, line: UInt = #line,
    _ body: @escaping @Sendable (Value) throws -> Result
  ) -> Delayed<Result> {
    delayed(label, self, fileID: fileID, line: line, body)
  }

  /// What the result has at `path`: `person.name` of a `Delayed<Person>` is a `Delayed<String>`.
  public subscript<Part: Sendable>(dynamicMember path: any KeyPath<Value, Part> & Sendable) -> Delayed<Part> {
    makeDelayed("\(path)".projectionLabel, CompactLocation(), node) { inputs, _, slot in
      slot.pointee.fill(inputs.checked(0, Value.self)[keyPath: path])
    }
  }

  /// The elements of a pair, each delayed.
  public func unpacked<A, B>() -> (Delayed<A>, Delayed<B>) where Value == (A, B) {
    (map("first") { $0.0 }, map("second") { $0.1 })
  }

  /// The elements of a triple, each delayed.
  public func unpacked<A, B, C>() -> (Delayed<A>, Delayed<B>, Delayed<C>) where Value == (A, B, C) {
    (map("first") { $0.0 }, map("second") { $0.1 }, map("third") { $0.2 })
  }

  /// The elements of a tuple of four, each delayed.
  public func unpacked<A, B, C, D>() -> (Delayed<A>, Delayed<B>, Delayed<C>, Delayed<D>)
  where Value == (A, B, C, D) {
    (map("first") { $0.0 }, map("second") { $0.1 }, map("third") { $0.2 }, map("fourth") { $0.3 })
  }
}

extension Delayed where Value: RandomAccessCollection, Value.Index: Sendable, Value.Element: Sendable {
  /// The element at `index`. A task that asks for an index which is not there throws `DelayedIndexError`.
  public subscript(index: Value.Index, fileID: StaticString = #fileID, line: UInt = #line) -> Delayed<Value.Element> {
    map("element", fileID: fileID, line: line) { values in
      guard index >= values.startIndex, index < values.endIndex else {
        throw DelayedIndexError(index: "\(index)", count: values.count)
      }
      return values[index]
    }
  }
}

/// An element was asked for that the result does not have.
public struct DelayedIndexError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The index that was asked for.
  public let index: String
  /// How many elements there are.
  public let count: Int

  /// What was asked for and what is there.
  public var description: String { "there is no element at \(index): there are \(count)" }
}

extension String {
  /// `\Person.name` as `.name`.
  fileprivate var projectionLabel: String {
    guard let dot = firstIndex(of: ".") else { return self }
    return String(self[dot...])
  }
}
