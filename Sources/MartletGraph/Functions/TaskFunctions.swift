import Glibc
public import MartletBytes

/// The functions of this process: what a program, and the plug-ins that it loads, make known before they start to work.
///
/// ```swift
/// try TaskFunctions.register(Scale.self, Sum.self)
/// try TaskFunctions.register(value: Trip.self)
/// ```
public enum TaskFunctions {
  /// Adds functions.
  ///
  /// - Throws: `TaskRegistryError` when a name is taken, or the process has started to work with its registry.
  public static func register<each Function: PortableTaskFunction>(
    _ types: repeat (each Function).Type
  ) throws(TaskRegistryError) {
    for type in repeat each types { try shared.change { (all) throws(TaskRegistryError) in try all.register(type) } }
  }

  /// Adds a type of constants or of scattered data.
  ///
  /// - Throws: `TaskRegistryError` when a name is taken, or the process has started to work with its registry.
  public static func register<Value: PortableValue>(value type: Value.Type) throws(TaskRegistryError) {
    try shared.change { (all) throws(TaskRegistryError) in try all.register(value: type) }
  }

  /// All of them; none can be added afterwards.
  package static func locked() -> TaskFunctionRegistry { shared.lock() }

  /// Where they are in memory: another place for each copy of this library in a process.
  static var place: UnsafeRawPointer { UnsafeRawPointer(Unmanaged.passUnretained(shared).toOpaque()) }

  static func change(
    _ body: (inout TaskFunctionRegistry) throws(TaskRegistryError) -> Void
  ) throws(TaskRegistryError) {
    try shared.change(body)
  }

  private static let shared = SharedRegistry()
}

/// A registry that threads add to until somebody works with it.
final class SharedRegistry: @unchecked Sendable {
  // Sendable: the mutex guards both variables. It lives as long as the process and is never moved.
  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private var registry = TaskFunctionRegistry()
  private var isLocked = false

  init() {
    mutex = .allocate(capacity: 1)
    pthread_mutex_init(mutex, nil)
  }

  deinit {
    pthread_mutex_destroy(mutex)
    mutex.deallocate()
  }

  /// Adds to the registry.
  func change(
    _ body: (inout TaskFunctionRegistry) throws(TaskRegistryError) -> Void
  ) throws(TaskRegistryError) {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if isLocked {
      throw TaskRegistryError(
        .locked, "",
        "task functions cannot be registered any more: register them before the client, worker or cluster starts")
    }
    try body(&registry)
  }

  /// The registry as it will be from now on.
  func lock() -> TaskFunctionRegistry {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    isLocked = true
    return registry
  }
}
