import Glibc
import MartletSystem

/// A program that is run to its end and measured from outside.
struct Child {
  /// The exit status, or 128 and the signal's number.
  let status: Int
  /// From before the start to after the end.
  let seconds: Double
  /// The largest resident set.
  let peakKilobytes: Int

  /// Runs `program` with its standard output in the file `output`; nil: where this one's goes.
  static func run(_ program: String, _ arguments: [String], output: String?) throws -> Child {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    if let output { posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o644) }
    fflush(nil)
    var argv: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
    defer { for argument in argv { free(argument) } }
    let start = Double(martlet_monotonic_nanoseconds()) * 1e-9
    var process: pid_t = 0
    let failure = posix_spawn(&process, program, &actions, nil, &argv, environ)
    guard failure == 0 else {
      throw BenchError("cannot start \(program): \(String(cString: strerror(failure)))")
    }
    var status: Int32 = 0
    var usage = rusage()
    while wait4(process, &status, 0, &usage) < 0 && errno == EINTR {}
    let elapsed = Double(martlet_monotonic_nanoseconds()) * 1e-9 - start
    let signal = Int(status & 0x7f)
    return Child(
      status: signal == 0 ? Int(status >> 8) & 0xff : 128 + signal, seconds: elapsed,
      peakKilobytes: Int(usage.ru_maxrss))
  }
}

/// A reason why a benchmark cannot be run.
struct BenchError: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Seconds of a clock that only moves forward.
func seconds() -> Double { Double(martlet_monotonic_nanoseconds()) * 1e-9 }

/// The path of this program.
func programPath() -> String {
  var buffer = [UInt8](repeating: 0, count: 4096)
  let length = buffer.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
  return String(decoding: buffer[0..<max(0, length)], as: UTF8.self)
}

/// The `martlet-csv` that was built together with this program.
func martletCSV() -> String {
  programPath().split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
    + "/martlet-csv"
}

/// A new empty folder under TMPDIR.
func scratchFolder() throws -> String {
  let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
  var template = Array("\(parent)/martlet-bench-XXXXXX".utf8CString)
  guard mkdtemp(&template) != nil else { throw BenchError("cannot make a folder in \(parent)") }
  return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// Removes the files of the CSV suite and their folder.
func removeScratch(_ folder: String) {
  for name in ["groupby.csv", "stations.csv", "result"] { unlink("\(folder)/\(name)") }
  rmdir(folder)
}

func fileBytes(_ path: String) -> Int {
  var status = stat()
  return stat(path, &status) == 0 ? Int(status.st_size) : 0
}

/// FNV-1a over the bytes of a file, in hexadecimal.
func fileChecksum(_ path: String) throws -> String {
  var hash: UInt64 = 0xcbf2_9ce4_8422_2325
  try forEachBlock(of: path) { block in
    for byte in block { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3 }
  }
  return String(hash, radix: 16)
}

/// The seconds that one thread needs to read a file through, the best of three.
func readFloor(_ path: String) -> Double {
  (0..<3).map { _ in
    let start = Double(martlet_monotonic_nanoseconds()) * 1e-9
    try? forEachBlock(of: path) { _ in }  // A file that cannot be read fails in the suite proper.
    return seconds() - start
  }.min()!
}

private func forEachBlock(of path: String, _ body: (UnsafeRawBufferPointer) -> Void) throws {
  let file = open(path, O_RDONLY)
  guard file >= 0 else { throw BenchError("cannot read \(path)") }
  defer { close(file) }
  let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 64)
  defer { block.deallocate() }
  while true {
    let count = read(file, block.baseAddress!, block.count)
    guard count > 0 else { return }
    body(UnsafeRawBufferPointer(rebasing: block[0..<count]))
  }
}

/// `text`, left-aligned in `width` columns.
func leading(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}
