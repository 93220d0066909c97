#if canImport(Glibc)
  import Glibc
#endif

/// Opens what a user names: a file, `-` for standard input, or a named pipe (`<(command)` in a shell is one).
///
/// Standard input that was redirected from a file is read as that file, from its beginning.
///
/// - Throws: `.unreadable` when it is missing, is a directory, or may not be read.
package func openSource(path: String) throws(TableError) -> any ByteSource {
  var status = stat()
  if path == "-" {
    if fstat(0, &status) == 0, status.st_mode & S_IFMT == S_IFREG, lseek(0, 0, SEEK_CUR) == 0 {
      return try FileSource(path: "/dev/stdin", name: "-")
    }
    guard status.st_mode & S_IFMT != S_IFDIR else { throw .isDirectory(path) }
    return PipeSource(descriptor: 0)
  }
  if stat(path.systemName, &status) == 0, [S_IFIFO, S_IFCHR, S_IFSOCK].contains(status.st_mode & S_IFMT) {
    let file = open(path.systemName, O_RDONLY | O_CLOEXEC | O_NOCTTY)
    guard file >= 0 else { throw .cannotOpen(path, errno) }
    return PipeSource(descriptor: file, name: path, closesDescriptor: true)
  }
  return try FileSource(path: path)
}
