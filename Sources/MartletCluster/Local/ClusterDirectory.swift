import Glibc
import MartletSystem

/// A directory that only this user can look into, and that goes with its owner, however that ends: a shell waits for its
/// end and then removes what is left.
final class ClusterDirectory {
  let path: String
  private var keeper: ChildProcess?
  private var keeperInput: Int32 = -1
  private var isRemoved = false

  /// - Parameter place: Where it is made; nil: where the system has short-lived files.
  /// - Throws: Why it cannot be made, in one line.
  init(in place: String?) throws(ClusterDirectoryError) {
    let place = place ?? getenv("TMPDIR").map { String(cString: $0) } ?? ""
    var template = Array("\(place.isEmpty ? "/tmp" : place)/martlet-cluster-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw ClusterDirectoryError(
        "cannot make a directory '\(text(template))': \(String(cString: strerror(errno)))")
    }
    path = text(template)
    startKeeper()
  }

  deinit { remove() }

  /// Waits for the end of standard input: a line is a farewell, and its end without one that of the owner. Others may still be
  /// writing for a moment then.
  private static let script = """
    trap '' INT TERM HUP QUIT; read -r word && exit 0
    tries=0; until rm -rf -- "$0" || [ $tries -ge 50 ]; do tries=$((tries + 1)); sleep 0.1; done
    """

  private func startKeeper() {
    var ends: [Int32] = [-1, -1]
    guard martlet_open_pipe(&ends) == 0 else { return }
    let nowhere = open("/dev/null", O_RDWR | O_CLOEXEC)
    var plan = ChildProcess.Plan(program: "/bin/sh", arguments: ["sh", "-c", ClusterDirectory.script, path])
    plan.input = ends[0]
    plan.output = nowhere
    plan.errors = nowhere
    plan.deathSignal = 0
    keeper = try? ProcessThread.run { try ChildProcess(plan) }  // without a shell an owner that is killed leaves files
    close(ends[0])
    if nowhere >= 0 { close(nowhere) }
    if keeper == nil { close(ends[1]) } else { keeperInput = ends[1] }
  }

  /// Writes a file that only this user can read.
  func write(_ name: String, _ bytes: [UInt8]) throws(ClusterDirectoryError) -> String {
    let file = "\(path)/\(name)"
    let descriptor = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw ClusterDirectoryError("cannot write '\(file)': \(String(cString: strerror(errno)))")
    }
    defer { close(descriptor) }
    guard bytes.withUnsafeBytes({ Glibc.write(descriptor, $0.baseAddress, $0.count) }) == bytes.count else {
      throw ClusterDirectoryError("cannot write '\(file)': \(String(cString: strerror(errno)))")
    }
    return file
  }

  /// Opens a file to add to it, such as a log; -1 when it cannot.
  func openForAppending(_ name: String) -> Int32 {
    open("\(path)/\(name)", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
  }

  /// The lines of a file; nil when there is none, or when its last line has not ended.
  func lines(_ name: String) -> [String]? {
    guard let bytes = ClusterDirectory.read("\(path)/\(name)", atMost: 64 << 10), bytes.last == 10 else { return nil }
    return String(decoding: bytes, as: UTF8.self).split(separator: "\n").map(String.init)
  }

  /// The last lines of a log.
  func lastLines(_ name: String) -> [String] {
    var last = LastLines()
    last.append(ClusterDirectory.read("\(path)/\(name)", atMost: 1 << 20) ?? [])
    return last.lines
  }

  private static func read(_ file: String, atMost limit: Int) -> [UInt8]? {
    let descriptor = open(file, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let size = lseek(descriptor, 0, SEEK_END)
    lseek(descriptor, max(0, size - limit), SEEK_SET)
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 16 << 10)
    while bytes.count < limit {
      let got = Glibc.read(descriptor, &piece, piece.count)
      if got < 0, errno == EINTR { continue }
      if got <= 0 { break }
      bytes += piece[..<got]
    }
    return bytes
  }

  /// Removes it with all that is in it. Whoever writes into it has to have ended.
  func remove() {
    if isRemoved { return }
    isRemoved = true
    ClusterDirectory.removeTree(path)
    guard var keeper else { return }
    _ = Glibc.write(keeperInput, "\n", 1)
    close(keeperInput)
    _ = keeper.wait(blocks: true)
    self.keeper = nil
  }

  /// What is in a directory, at most a few levels deep, and it.
  private static func removeTree(_ path: String, depth: Int = 0) {
    if depth < 8, let directory = opendir(path) {
      while let entry = readdir(directory) {
        let name = withUnsafeBytes(of: &entry.pointee.d_name) { text($0.prefix { $0 != 0 }) }
        if name == "." || name == ".." { continue }
        let inside = "\(path)/\(name)"
        if unlink(inside) != 0 { removeTree(inside, depth: depth + 1) }
      }
      closedir(directory)
    }
    rmdir(path)
  }
}

/// Why a directory or a file in it cannot be made.
struct ClusterDirectoryError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

private func text(_ template: [CChar]) -> String {
  String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

private func text(_ bytes: some Sequence<UInt8>) -> String { String(decoding: Array(bytes), as: UTF8.self) }
