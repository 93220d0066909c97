import Glibc

/// Why a file of diagnostics could not be written.
public struct DiagnosticsFileError: Error, Sendable, CustomStringConvertible {
  /// The file.
  public let path: String
  /// What the system says.
  public let reason: String

  /// The file and the reason.
  public var description: String { "\(path) cannot be written: \(reason)" }
}

/// A file that is written from beginning to end.
struct TextFile {
  /// Creates or replaces a file. `body` is given a function that takes bytes.
  static func write(_ path: String, _ body: ((UnsafeRawBufferPointer) throws -> Void) throws -> Void) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw failure(path) }
    do {
      try body { bytes in
        var rest = bytes
        while !rest.isEmpty {
          let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
          if count < 0, errno == EINTR { continue }
          guard count > 0 else { throw failure(path) }
          rest = UnsafeRawBufferPointer(rebasing: rest[count...])
        }
      }
    } catch {
      close(descriptor)
      throw error
    }
    // Some file systems tell only now that there is no room.
    guard close(descriptor) == 0 else { throw failure(path) }
  }

  /// Creates or replaces a file.
  static func write(_ path: String, _ text: String) throws {
    try write(path) { put in
      var text = text
      try text.withUTF8 { try put(UnsafeRawBufferPointer($0)) }
    }
  }

  private static func failure(_ path: String) -> DiagnosticsFileError {
    DiagnosticsFileError(path: path, reason: String(cString: strerror(errno)))
  }
}
