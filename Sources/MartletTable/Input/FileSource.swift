#if canImport(Glibc)
  import Glibc
#endif

/// A regular file: opened once, read with `pread`, so that any number of threads share it.
///
/// The file has to stay as it was when it was opened: a change of its size or of its time of modification is an
/// error at the next read, since half of the result would come from the old bytes and half from the new ones.
package final class FileSource: ByteSource {
  package let name: String
  /// The file as it was when it was opened.
  package let version: FileVersion
  private let descriptor: Int32
  private let bytes: Int
  private let modified: timespec

  /// Opens the file at `path`; messages call it `name`, or the path.
  ///
  /// - Throws: `.unreadable` when it is missing, is no regular file, or may not be read.
  package init(path: String, name: String? = nil) throws(TableError) {
    self.name = name ?? path
    let file = open(path.systemName, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
    guard file >= 0 else { throw .cannotOpen(path, errno) }
    var status = stat()
    guard fstat(file, &status) == 0 else {
      let code = errno
      close(file)
      throw .cannotOpen(path, code)
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      throw status.st_mode & S_IFMT == S_IFDIR ? .isDirectory(path) : .isNoFile(path)
    }
    descriptor = file
    bytes = Int(status.st_size)
    modified = status.st_mtim
    version = FileVersion(
      name: self.name, path: absolutePath(of: path), byteCount: bytes, modifiedSeconds: Int64(modified.tv_sec),
      modifiedNanoseconds: Int64(modified.tv_nsec))
  }

  deinit { close(descriptor) }

  package var byteCount: Int? { bytes }

  package func read(at offset: Int, into buffer: UnsafeMutableRawBufferPointer) throws(TableError) -> Int {
    guard offset < bytes, buffer.count > 0 else { return 0 }
    let wanted = min(buffer.count, bytes - offset)
    var got: Int
    repeat { got = pread(descriptor, buffer.baseAddress!, wanted, offset) } while got < 0 && errno == EINTR
    guard got >= 0 else { throw .cannotRead(name, errno) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .cannotRead(name, errno) }
    let size = Int(status.st_size)
    guard size == bytes, got > 0 else { throw .changedSize(name, from: bytes, to: size) }
    guard status.st_mtim.tv_sec == modified.tv_sec, status.st_mtim.tv_nsec == modified.tv_nsec else {
      throw .changed(name)
    }
    return got
  }
}

/// The path without links, from the root on: what other processes of the machine, and machines with the same files, find it
/// under.
private func absolutePath(of path: String) -> String {
  guard let resolved = realpath(path.systemName, nil) else { return path }
  defer { free(resolved) }
  return FileName.text(resolved)
}
