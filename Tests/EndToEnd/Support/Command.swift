import TestSupport
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// What a command left behind.
struct Outcome {
  /// The exit status; 1000 and the number of the signal when one ended the process.
  let status: Int32
  let output: String
  let errors: String

  /// The lines on standard error.
  var complaints: [String] { errors.split(separator: "\n").map(String.init) }
}

/// A process of the real binary, started in a sandbox.
final class Command {
  /// What standard input is connected to.
  enum Input {
    case nothing
    case text(String)
    /// A pipe whose other end is `inputEnd`.
    case pipe
  }

  /// What standard output is connected to.
  enum Output {
    case captured
    case file(String)
    /// A pipe whose other end is `outputEnd`.
    case pipe
  }

  let process: pid_t
  let inputEnd: Int32?
  let outputEnd: Int32?
  /// Kept until the command is forgotten: the directory goes with it.
  private let sandbox: Sandbox
  private let outputFile: String
  private let errorFile: String

  /// The binary under test: beside the test bundle, where SwiftPM builds it.
  static let binary: String = {
    var buffer = [UInt8](repeating: 0, count: 4096)
    let count = buffer.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    let bundle = String(decoding: buffer[..<max(0, count)], as: UTF8.self)
    return bundle.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/martlet-csv"
  }()

  /// Starts `martlet-csv` with these words.
  ///
  /// - Parameter shell: When given, a line of `sh` that runs before and may set limits.
  init(
    _ words: [String], in sandbox: Sandbox, input: Input = .nothing, output: Output = .captured, shell: String? = nil
  ) {
    self.sandbox = sandbox
    defaultEndingSignals()
    let logs = Sandbox.logs()
    outputFile = logs + ".out"
    errorFile = logs + ".err"
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    var inputPipe: [Int32] = [-1, -1]
    var outputPipe: [Int32] = [-1, -1]
    switch input {
    case .nothing:
      posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    case .text(let text):
      let file = open(outputFile + ".in", O_CREAT | O_TRUNC | O_WRONLY, 0o600)
      precondition(Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) } == text.utf8.count)
      close(file)
      posix_spawn_file_actions_addopen(&actions, 0, outputFile + ".in", O_RDONLY, 0)
    case .pipe:
      Self.makePipe(&inputPipe)
      posix_spawn_file_actions_adddup2(&actions, inputPipe[0], 0)
    }
    switch output {
    case .captured:
      posix_spawn_file_actions_addopen(&actions, 1, outputFile, O_CREAT | O_TRUNC | O_WRONLY, 0o600)
    case .file(let name):
      posix_spawn_file_actions_addopen(&actions, 1, name, O_WRONLY, 0)
    case .pipe:
      Self.makePipe(&outputPipe)
      posix_spawn_file_actions_adddup2(&actions, outputPipe[1], 1)
    }
    posix_spawn_file_actions_addopen(&actions, 2, errorFile, O_CREAT | O_TRUNC | O_WRONLY, 0o600)
    let line = "cd '\(sandbox.path)' && \(shell ?? ":") && exec \"$0\" \"$@\""
    var arguments: [UnsafeMutablePointer<CChar>?] = ["sh", "-c", line, Self.binary].map { (word: String) in strdup(word)
    }
    arguments += words.map { strdup($0) }
    arguments.append(nil)
    var process = pid_t()
    let failure = posix_spawn(&process, "/bin/sh", &actions, nil, arguments, environ)
    for argument in arguments { free(argument) }
    precondition(failure == 0, "cannot start \(Self.binary): \(String(cString: strerror(failure)))")
    self.process = process
    if inputPipe[0] >= 0 { close(inputPipe[0]) }
    if outputPipe[1] >= 0 { close(outputPipe[1]) }
    inputEnd = inputPipe[1] >= 0 ? inputPipe[1] : nil
    outputEnd = outputPipe[0] >= 0 ? outputPipe[0] : nil
  }

  /// Waits for the end.
  func outcome() -> Outcome {
    var status: Int32 = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    let output = Sandbox.contents(outputFile) ?? []
    let errors = Sandbox.contents(errorFile) ?? []
    for file in [outputFile, errorFile, outputFile + ".in"] { unlink(file) }
    let complaint = String(decoding: errors, as: UTF8.self)
    // A sanitizer's report is never what a test expects, and says more than the status does.
    if complaint.contains("Sanitizer: ") { Issue.record("\(complaint)") }
    return Outcome(
      status: status & 0x7F == 0 ? (status >> 8) & 0xFF : 1000 + (status & 0x7F),
      output: String(decoding: output, as: UTF8.self), errors: complaint)
  }

  /// Whether there is something on standard error already.
  var hasComplained: Bool {
    var status = stat()
    return stat(errorFile, &status) == 0 && status.st_size > 0
  }

  /// Bytes that the process has handed to `write` so far; nil when it is gone.
  var writtenBytes: Int? {
    guard let text = Sandbox.contents("/proc/\(process)/io") else { return nil }
    let line = String(decoding: text, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("wchar:") }
    return line.flatMap { Int($0.dropFirst("wchar: ".count)) }
  }

  /// The ends that belong to this process are not to be inherited by another test's command.
  private static func makePipe(_ ends: inout [Int32]) {
    signal(SIGPIPE, SIG_IGN)  // a command that ends early is a failure of its test, not of all tests
    precondition(pipe(&ends) == 0)
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
  }
}

/// Runs `martlet-csv` to its end.
func martlet(
  _ words: String..., in sandbox: Sandbox = Sandbox(), input: Command.Input = .nothing,
  output: Command.Output = .captured, shell: String? = nil
) -> Outcome {
  Command(words, in: sandbox, input: input, output: output, shell: shell).outcome()
}

extension Sandbox {
  /// A new name beside the sandboxes, for what a process writes.
  fileprivate static func logs() -> String {
    var generator = SystemRandomNumberGenerator()
    return "/tmp/martlet-log-" + String(generator.next() as UInt64, radix: 36)
  }
}
