import Glibc
import MartletSystem

/// A process that this one has started, until somebody has waited for it. Not to be used by two threads at once.
struct ChildProcess {
  /// What is started, and how.
  struct Plan {
    /// A path.
    var program: String
    /// The first is the name that it is called by.
    var arguments: [String]
    /// `NAME=value`.
    var environment: [String] = ChildProcess.environment()
    /// Descriptors; below 0: this process's.
    var input: Int32 = -1
    var output: Int32 = -1
    var errors: Int32 = -1
    /// One more, which keeps its number.
    var inherited: Int32 = -1
    /// What it gets when the thread that starts it ends.
    var deathSignal: Int32 = SIGKILL
    /// Out of reach of the terminal's keys.
    var ownGroup = true

    init(program: String, arguments: [String]) {
      self.program = program
      self.arguments = arguments
    }
  }

  /// How a process has ended.
  enum End: Equatable, Sendable {
    case exited(Int32)
    case signalled(Int32)
  }

  /// Its number.
  let process: pid_t
  /// Once it was waited for, its number may be another's.
  private(set) var end: End?
  /// Its largest memory, once it has ended.
  private(set) var peakBytes: Int64 = 0

  /// Starts a process. It dies with the calling thread.
  /// - Throws: Why it could not be started, in one line.
  init(_ plan: Plan) throws(ChildProcessError) {
    let status = withCStrings(plan.arguments) { arguments in
      withCStrings(plan.environment) { environment in
        plan.program.withCString { program in
          var request = martlet_process_plan(
            program: program, arguments: arguments, environment: environment, input: plan.input, output: plan.output,
            errors: plan.errors, inherited: plan.inherited, death_signal: plan.deathSignal,
            own_group: plan.ownGroup ? 1 : 0)
          return martlet_start_process(&request)
        }
      }
    }
    guard status > 0 else { throw ChildProcessError(program: plan.program, code: -status) }
    process = status
  }

  /// Whether it has ended: 1, 0, or less where nobody knows, because something else in this process waits for all children.
  var hasEnded: Bool {
    guard end == nil else { return true }
    return martlet_process_has_ended(process) != 0
  }

  /// Looks whether it has ended, or waits for it.
  mutating func wait(blocks: Bool) -> End? {
    if let end { return end }
    var status: Int32 = 0
    let result = martlet_wait_for_process(process, blocks ? 1 : 0, &status, &peakBytes)
    if result == 0 { return nil }
    // Somebody else has waited for it: how it ended is lost.
    if result < 0 { status = 0 }
    end = status & 0x7F == 0 ? .exited((status >> 8) & 0xFF) : .signalled(status & 0x7F)
    return end
  }

  /// Sends a signal, unless it was waited for.
  func send(_ signal: Int32) {
    if end == nil { kill(process, signal) }
  }

  /// Ends what it has started and is in its group, with KILL. Only before it is waited for, and with a group of its own.
  func killGroup() {
    if end == nil { kill(-process, SIGKILL) }
  }

  /// Bytes that it holds in memory; nil when it has none.
  var residentBytes: Int64? {
    guard end == nil else { return nil }
    let bytes = martlet_resident_bytes_of(process)
    return bytes < 0 ? nil : bytes
  }

  /// This process's variables.
  static func environment() -> [String] {
    var variables: [String] = []
    var place = environ
    while let text = place.pointee {
      variables.append(String(cString: text))
      place += 1
    }
    return variables
  }

  /// The file of the program that runs; nil when the system does not tell.
  static var ownProgram: String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return count > 0 && count < buffer.count ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }
}

/// A process that could not be started.
struct ChildProcessError: Error, CustomStringConvertible {
  let program: String
  /// An errno.
  let code: Int32

  var description: String { "cannot start '\(program)': \(String(cString: strerror(code)))" }
}

/// Calls `body` with texts as C has them, NULL at the end.
private func withCStrings<Result>(
  _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) }
  defer { for pointer in pointers { free(pointer) } }
  pointers.append(nil)
  return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
}
