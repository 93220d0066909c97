#if canImport(Glibc)
  import Glibc
#endif

/// The errors of reading bytes, in the words that users see.
extension TableError {
  /// The system's text for `code`, for instance `No such file or directory`.
  package static func systemText(_ code: Int32) -> String {
    withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
      buffer.initialize(repeating: 0)
      guard strerror_r(code, buffer.baseAddress!, buffer.count - 1) == 0 else { return "error \(code)" }
      return String(cString: buffer.baseAddress!)
    }
  }

  static func cannotOpen(_ path: String, _ code: Int32) -> TableError {
    switch code {
    case ENOENT, ENOTDIR: TableError(.unreadable, file: path, "no such file", remedy: "check the path")
    case EACCES, EPERM:
      TableError(.unreadable, file: path, "no permission to read it", remedy: "change its permissions or the user")
    default: TableError(.unreadable, file: path, "cannot open it: \(systemText(code))", remedy: "check the path")
    }
  }

  static func isDirectory(_ path: String) -> TableError {
    TableError(.unreadable, file: path, "is a directory", remedy: "name its files, for instance '\(path)/*.csv'")
  }

  static func isNoFile(_ path: String) -> TableError {
    TableError(.unreadable, file: path, "is no regular file", remedy: "pass - and send it to standard input")
  }

  static func cannotRead(_ name: String, _ code: Int32) -> TableError {
    TableError(.unreadable, file: name, "cannot read it: \(systemText(code))", remedy: "check the disk and run again")
  }

  static func changedSize(_ name: String, from old: Int, to new: Int) -> TableError {
    TableError(
      .unreadable, file: name,
      "the file \(new < old ? "shrank" : "grew") from \(old) to \(new) bytes while it was read",
      remedy: "run again when nothing writes it")
  }

  static func changed(_ name: String) -> TableError {
    TableError(
      .unreadable, file: name, "the file changed while it was read", remedy: "run again when nothing writes it")
  }

  static func cannotSpool(_ name: String, _ directory: String, _ code: Int32) -> TableError {
    TableError(
      .unreadable, file: name, "cannot keep the input in \(directory): \(systemText(code))",
      remedy: "set TMPDIR to a directory with room for the whole input, or pass the input as a file")
  }
}

/// What this machine calls itself.
func machineName() -> String {
  withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
    buffer.initialize(repeating: 0)
    guard gethostname(buffer.baseAddress!, buffer.count - 1) == 0 else { return "this machine" }
    return String(cString: buffer.baseAddress!)
  }
}
