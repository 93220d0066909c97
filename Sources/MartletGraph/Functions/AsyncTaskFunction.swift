/// A task function that waits without holding a thread: its body is `async`.
///
/// ```swift
/// struct Fetch: PortableTaskFunction, AsyncTaskFunction, Codable {
///   static let name = "pages.fetch"
///   static let version = 1
///   var page: String
///   func run(_ inputs: TaskValues) async throws -> String { try await download(page) }
/// }
/// ```
///
/// It is called, registered and sent as any other. The body runs in a Swift task, which is cancelled when nobody wants the
/// result any more. On threads of this process that is an ordinary one; on a worker of a cluster the body, with all child
/// tasks that it has, takes one of the worker's threads while it computes, and none while it waits.
public protocol AsyncTaskFunction: TaskFunction {
  // Said again, so that it is inferred from the function below.
  /// What the work gives.
  associatedtype Result
  /// Does the work. `inputs` may be kept for as long as it is needed.
  func run(_ inputs: TaskValues) async throws -> Result
}

extension AsyncTaskFunction {
  /// True.
  public static var isAsynchronous: Bool { true }

  /// Begins the work; executors call it.
  public func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Result {
    let values = try TaskValues(inputs)
    throw context.suspended { [self] in try await run(values) }
  }
}

extension TaskFunction {
  /// False.
  public static var isAsynchronous: Bool { false }
}

/// The results that an asynchronous task works on, in the order in which its inputs were named. They are kept as long as this.
public final class TaskValues: @unchecked Sendable {
  // Sendable: the slots are filled before anybody else sees them and then only read.
  private let slots: UnsafeMutablePointer<Slot>
  /// The number of inputs.
  public let count: Int

  init(_ inputs: borrowing TaskInputs) throws {
    count = inputs.count
    slots = .allocate(capacity: max(1, count))
    slots.initialize(repeating: Slot(), count: max(1, count))
    for index in 0..<count { try inputs.share(index, into: slots + index) }
  }

  deinit {
    for index in 0..<count { slots[index].clear() }
    slots.deallocate()
  }

  /// The input at `index`.
  ///
  /// - Throws: `TaskInputError` when there is no such input or it is of another type.
  public func value<Value: Sendable>(_ index: Int, as type: Value.Type = Value.self) throws -> Value {
    guard index >= 0, index < count else { throw TaskInputError(index: index, expected: "\(type)", found: nil) }
    guard let value = slots[index].value(as: type) else {
      throw TaskInputError(index: index, expected: "\(type)", found: slots[index].typeName)
    }
    return value
  }

  /// All inputs.
  ///
  /// - Throws: `TaskInputError` when one of them is of another type.
  public func values<Value: Sendable>(as type: Value.Type = Value.self) throws -> [Value] {
    try (0..<count).map { try value($0, as: type) }
  }
}
