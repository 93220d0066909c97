import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// Why a system call failed.
struct SystemFailure {
  let number: Int32

  /// The failure of the call that was made last on this thread.
  static var last: SystemFailure { SystemFailure(number: errno) }

  /// The system's words for it.
  var reason: String { String(cString: strerror(number)) }

  /// `FILE: what: reason (what to do)`.
  func error(_ code: TableError.Code, file: String, _ what: String) -> TableError {
    TableError(code, file: file, "\(what): \(reason)", remedy: remedy)
  }

  private var remedy: String {
    switch number {
    case ENOSPC, EDQUOT: "make room, or write to another disk with --output"
    case EACCES, EPERM, EROFS: "choose a place where you may write"
    case ENOENT, ENOTDIR: "create the directory first"
    case EISDIR: "name a file in it"
    case EFBIG: "raise the limit of ulimit -f"
    default: "check the place where it is written"
    }
  }
}
