import Glibc

/// The file with what both sides of a cluster must know.
package enum Secret {
  /// The least bytes: fewer can be guessed.
  package static let leastBytes = 8

  /// The bytes of a file without white space at its ends.
  /// - Throws: What is wrong with the file.
  package static func read(_ path: String) throws(UsageError) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw UsageError(
        "cannot open the secret file '\(path)': \(String(cString: strerror(errno)))",
        remedy: "make one: head -c 32 /dev/urandom | base64 > FILE; chmod 600 FILE")
    }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT != S_IFDIR else {
      throw UsageError("the secret file '\(path)' is a directory", remedy: "name a file")
    }
    // A pipe, such as <(pass show cluster), has no permissions that mean anything.
    if status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0 {
      throw UsageError("others may read the secret file '\(path)'", remedy: "chmod 600 '\(path)'")
    }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4096)
    while bytes.count <= 4096 {
      let got = Glibc.read(descriptor, &piece, piece.count)
      if got < 0, errno == EINTR { continue }
      if got < 0 {
        throw UsageError(
          "cannot read the secret file '\(path)': \(String(cString: strerror(errno)))", remedy: "look at the file")
      }
      if got == 0 { break }
      bytes += piece[..<got]
    }
    let isSpace: (UInt8) -> Bool = { $0 == 32 || (9...13).contains($0) }
    bytes = Array(bytes.drop(while: isSpace))
    while let last = bytes.last, isSpace(last) { bytes.removeLast() }
    guard (leastBytes...4096).contains(bytes.count) else {
      throw UsageError(
        "the secret in '\(path)' has \(bytes.count) bytes, \(leastBytes) to 4096 are good",
        remedy: "make one: head -c 32 /dev/urandom | base64 > FILE")
    }
    return bytes
  }
}
