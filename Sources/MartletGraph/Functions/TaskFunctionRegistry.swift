package import MartletBytes

/// The functions that this process can run, by name and version.
package struct TaskFunctionRegistry: Sendable {
  /// A name and version were given to two types.
  package struct Duplicate: Error, CustomStringConvertible {
    /// The name both have.
    package let name: String
    /// The version both have.
    package let version: Int
    /// What to do about it.
    package var description: String {
      "two task functions are called \(name) version \(version): give one of them another name"
    }
  }

  private struct Entry: Sendable {
    let name: String
    let version: Int
    let type: any TaskFunction.Type
  }

  private var entries: [Entry] = []

  /// A registry without functions.
  package init() {}

  /// The number of functions.
  package var count: Int { entries.count }

  /// Adds a function.
  ///
  /// - Throws: `Duplicate` when another type has its name and version. The same type may be added again.
  package mutating func register<Function: TaskFunction>(_ type: Function.Type) throws {
    let place = place(of: type.name, type.version)
    if place < entries.count, entries[place].name == type.name, entries[place].version == type.version {
      guard entries[place].type == type else { throw Duplicate(name: type.name, version: type.version) }
      return
    }
    entries.insert(Entry(name: type.name, version: type.version, type: type), at: place)
  }

  /// The function of this name and version.
  package func type(named name: String, version: Int) -> (any TaskFunction.Type)? {
    let place = place(of: name, version)
    guard place < entries.count, entries[place].name == name, entries[place].version == version else { return nil }
    return entries[place].type
  }

  /// Stands for the names and versions: two processes with equal digests know the same functions. The order in which
  /// they were registered plays no part.
  package var digest: Digest128 {
    var hasher = StableHasher()
    hasher.combine(entries.count)
    for entry in entries {
      hasher.combine(entry.name)
      hasher.combine(entry.version)
    }
    return hasher.digest()
  }

  /// Where the function is or would be: entries are ordered by the UTF-8 of the name, then by version.
  private func place(of name: String, _ version: Int) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let entry = entries[middle]
      let isBefore =
        entry.name == name ? entry.version < version : entry.name.utf8.lexicographicallyPrecedes(name.utf8)
      if isBefore { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
