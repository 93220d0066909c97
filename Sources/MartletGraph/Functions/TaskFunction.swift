public import MartletBytes

/// Work that can run in another process: a value that *is* the arguments, with a name that stays the same.
///
/// Only data belongs into it. Two functions of one name and version whose arguments hash alike, with the same inputs,
/// are the same work and are done once.
public protocol TaskFunction: Sendable {
  /// What the work gives.
  associatedtype Result: Sendable

  /// Names the work in every process and version, for instance `martlet.csv.scan`.
  static var name: String { get }
  /// Raised when the same arguments begin to give another result.
  static var version: Int { get }
  /// Whether it waits without a thread: true of every `AsyncTaskFunction`, of others false.
  static var isAsynchronous: Bool { get }
  /// Combines the content of the arguments.
  func hash(into hasher: inout StableHasher)
  /// Does the work. Runs on a thread of the executor, on which it may block; long work asks `context` now and then
  /// whether to go on.
  func run(_ inputs: borrowing TaskInputs, _ context: borrowing TaskContext) throws -> Result
}
