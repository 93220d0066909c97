public import MartletBytes

/// The functions that a process can run when it is told their names, and the types of values that it can read.
///
/// A function is registered with the type of its result. Types of constants that are no function's result are registered by
/// themselves; numbers, texts and arrays of them are there from the start. For each type, arrays of it are known too.
public struct TaskFunctionRegistry: Sendable {
  private struct Name: Hashable, Sendable {
    let name: String
    let version: Int
  }

  private var functions: [RegisteredFunction] = []
  private var values: [PortableValueType] = []
  // For looking up, never walked: their order is another one in each process.
  private var functionsByName: [Name: RegisteredFunction] = [:]
  private var functionsByType: [ObjectIdentifier: RegisteredFunction] = [:]
  private var valuesByName: [String: PortableValueType] = [:]
  private var valuesByIdentity: [UInt: PortableValueType] = [:]
  private var registeredValues: Set<UInt> = []

  /// A registry without functions.
  public init() {
    add(VoidType())
    add(PortableValueTypeOf<Bool>())
    add(PortableValueTypeOf<Int>())
    add(PortableValueTypeOf<Int8>())
    add(PortableValueTypeOf<Int16>())
    add(PortableValueTypeOf<Int32>())
    add(PortableValueTypeOf<Int64>())
    add(PortableValueTypeOf<UInt>())
    add(PortableValueTypeOf<UInt8>())
    add(PortableValueTypeOf<UInt16>())
    add(PortableValueTypeOf<UInt32>())
    add(PortableValueTypeOf<UInt64>())
    add(PortableValueTypeOf<Float>())
    add(PortableValueTypeOf<Double>())
    add(PortableValueTypeOf<String>())
    add(PortableValueTypeOf<Digest128>())
  }

  /// The number of functions.
  public var count: Int { functions.count }

  /// Adds a function and the type of its result.
  ///
  /// - Throws: `TaskRegistryError` when another type has its name and version, or its result's name. The same type may be
  ///   added again.
  public mutating func register<Function: PortableTaskFunction>(_ type: Function.Type) throws(TaskRegistryError) {
    let name = Name(name: Function.name, version: Function.version)
    if let known = functionsByName[name] {
      if known.type == type { return }
      throw TaskRegistryError(
        .duplicate, name.name,
        "two task functions, \(known.type) and \(type), are called \(name.name) version \(name.version): give one of them "
          + "another name")
    }
    try check(name.name, "\(type)")
    let function = RegisteredFunctionOf<Function>(result: try value(Function.Result.self))
    functions.append(function)
    functionsByName[name] = function
    functionsByType[ObjectIdentifier(type)] = function
  }

  /// Adds a type of values: of constants, and of data that is scattered.
  ///
  /// - Throws: `TaskRegistryError` when another type has its name. The same type may be added again.
  public mutating func register<Value: PortableValue>(value type: Value.Type) throws(TaskRegistryError) {
    _ = try value(type)
  }

  private mutating func value<Value: PortableValue>(
    _ type: Value.Type
  ) throws(TaskRegistryError) -> PortableValueType {
    if let known = valuesByIdentity[Slot.identity(of: type)] {
      // Known only as the arrays of another type until now: the order of registering must not show in the digest.
      if registeredValues.insert(known.identity).inserted { values.append(known) }
      return known
    }
    let value = PortableValueTypeOf<Value>()
    try check(value.name, "\(type)")
    guard valuesByName[value.name] == nil else {
      throw TaskRegistryError(
        .duplicate, value.name,
        "two types of values, one of them \(type), are called \(value.name): give one of them another portableTypeName")
    }
    add(value)
    return value
  }

  private mutating func add(_ value: PortableValueType) {
    values.append(value)
    registeredValues.insert(value.identity)
    put(value)
    if let array = value.array { put(array) }
  }

  /// Arrays that were found for their elements first are not added again.
  private mutating func put(_ value: PortableValueType) {
    if valuesByIdentity[value.identity] != nil { return }
    valuesByIdentity[value.identity] = value
    valuesByName[value.name] = value
  }

  private func check(_ name: String, _ type: String) throws(TaskRegistryError) {
    guard !name.isEmpty, name.utf8.count <= TaskFunctionRegistry.longestName else {
      throw TaskRegistryError(
        .badName, name,
        "\(type) has a name of \(name.utf8.count) bytes: give it one of 1 to \(TaskFunctionRegistry.longestName)")
    }
  }

  /// Bytes of a name: what messages carry.
  static let longestName = 2048

  /// The function of this name and version.
  package func function(named name: String, version: Int) -> RegisteredFunction? {
    functionsByName[Name(name: name, version: version)]
  }

  /// The function of this type.
  package func function(of type: any TaskFunction.Type) -> RegisteredFunction? {
    functionsByType[ObjectIdentifier(type)]
  }

  /// The names and versions of all functions, in the order of the names.
  package var functionNames: [(name: String, version: Int)] {
    functions.map { ($0.name, $0.version) }.sorted {
      $0.0 == $1.0 ? $0.1 < $1.1 : $0.0.utf8.lexicographicallyPrecedes($1.0.utf8)
    }
  }

  /// The type of this name: one that was registered, or arrays of arrays of it.
  package func valueType(named name: String) -> PortableValueType? {
    if let known = valuesByName[name] { return known }
    // `[[[Name]]]`, not without end: the name may come from anywhere, and types are never given back.
    var element = Substring(name)
    var depth = 0
    while element.hasPrefix("["), element.hasSuffix("]"), depth < 8 {
      element = element.dropFirst().dropLast()
      depth += 1
      guard var type = valuesByName[String(element)] else { continue }
      for _ in 0..<depth {
        guard let array = type.array else { return nil }
        type = array
      }
      return type
    }
    return nil
  }

  /// The type of the value in `slot`.
  package func valueType(of slot: Slot) -> PortableValueType? {
    if let known = valuesByIdentity[slot.typeIdentity] { return known }
    // Arrays of arrays are found by their name.
    guard let type = slot.valueType as? any PortableValue.Type, let found = valueType(named: type.portableTypeName)
    else {
      return nil
    }
    return found.identity == slot.typeIdentity ? found : nil
  }

  /// Stands for the functions with the types of their results, and for the types of values: two processes with equal digests
  /// understand each other. The order in which they were registered plays no part.
  package var digest: Digest128 {
    var hasher = StableHasher()
    hasher.combine("martlet.registry")
    hasher.combine(functions.count)
    for (name, version) in functionNames {
      hasher.combine(name)
      hasher.combine(version)
      hasher.combine(function(named: name, version: version)?.result.name ?? "")
    }
    hasher.combine(values.count)
    for name in values.map(\.name).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) }) { hasher.combine(name) }
    return hasher.digest()
  }
}

/// A function or a type cannot be registered.
public struct TaskRegistryError: Error, Sendable, CustomStringConvertible {
  /// The kind of mistake.
  public enum Code: Sendable {
    /// Another one has the name.
    case duplicate
    /// It has no name, or too long a one.
    case badName
    /// The process works with the registry already.
    case locked
  }

  /// The kind of mistake.
  public let code: Code
  /// The name in question.
  public let name: String
  /// What is wrong, and what to do about it.
  public let description: String

  init(_ code: Code, _ name: String, _ description: String) {
    self.code = code
    self.name = name
    self.description = description
  }
}
