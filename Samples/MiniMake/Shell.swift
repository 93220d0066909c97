import Glibc

/// Runs commands as make does: each in a shell of its own, the first that fails ends the rule.
enum Shell {
  /// - Throws: `MakeError` with the command and its exit status or signal.
  static func run(_ commands: [String], for target: String) throws {
    for command in commands {
      print("  \(target): \(command)")
      var process = pid_t()
      var arguments: [UnsafeMutablePointer<CChar>?] = ["sh", "-c", command].map { (text: String) in strdup(text) }
      arguments.append(nil)
      defer { for argument in arguments { free(argument) } }
      let refusal = posix_spawn(&process, "/bin/sh", nil, nil, &arguments, environ)
      guard refusal == 0 else { throw MakeError("\(target): no shell: \(String(cString: strerror(refusal)))") }
      var status: Int32 = 0
      while waitpid(process, &status, 0) < 0, errno == EINTR {}
      // The layout of a wait status: the low seven bits are the signal, the next byte is the exit status.
      if status & 0x7f != 0 { throw MakeError("\(target): `\(command)` was ended by signal \(status & 0x7f)") }
      if status != 0 { throw MakeError("\(target): `\(command)` gave exit status \(status >> 8 & 0xff)") }
    }
  }

  /// When the file was written, in nanoseconds; nil when there is none.
  static func modified(_ path: String) -> Int? {
    var entry = stat()
    return stat(path, &entry) == 0 ? entry.st_mtim.tv_sec * 1_000_000_000 + entry.st_mtim.tv_nsec : nil
  }

  /// The text of a file.
  static func text(of path: String) throws -> String {
    guard let file = fopen(path, "r") else { throw MakeError("\(path): \(String(cString: strerror(errno)))") }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: 1 << 14)
    while case let count = fread(&block, 1, block.count, file), count > 0 { bytes += block[..<count] }
    return String(decoding: bytes, as: UTF8.self)
  }
}
