/// Why a cache could not be made.
public struct CacheError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs.
  public enum Code: Sendable, Hashable {
    /// The directory is not there and cannot be made, is none, or cannot be read.
    case directoryUnusable
  }

  /// The kind of this failure.
  public let code: Code
  /// What failed and where, with the system's reason.
  public let message: String
  /// What to do about it.
  public let remedy: String
  /// The error below this one, if any.
  public let cause: (any Error)?

  /// The message and the remedy.
  public var description: String { "\(message). \(remedy)" }

  static func unusable(_ directory: String, _ reason: String) -> CacheError {
    CacheError(
      code: .directoryUnusable, message: "\(directory) cannot hold cached results: \(reason)",
      remedy: "Name a directory that this program may read and write.", cause: nil)
  }
}
