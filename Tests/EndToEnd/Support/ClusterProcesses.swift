import TestSupport

#if canImport(Glibc)
  import Glibc
#endif

/// A scheduler and workers of the real binaries, ended with their owner.
final class ClusterProcesses {
  /// `tcp://HOST:PORT` of the scheduler.
  let address: String
  private let sandbox = Sandbox()
  private var processes: [pid_t] = []

  init(workers: Int, secretFile: String? = nil) {
    let secret = secretFile.map { ["--secret-file", $0] } ?? []
    let ready = sandbox.path + "/scheduler"
    let first = Self.start("martlet-scheduler", ["--port", "0", "--http-port", "none", "--ready-file", ready] + secret)
    processes = [first]
    address = Self.firstLine(of: ready)
    for number in 0..<workers {
      let ready = sandbox.path + "/worker\(number)"
      processes.append(
        Self.start(
          "martlet-worker",
          [address, "--threads", "1", "--local-directory", sandbox.path, "--ready-file", ready] + secret))
      _ = Self.firstLine(of: ready)
    }
  }

  deinit {
    for process in processes.reversed() {
      kill(process, SIGKILL)
      var status: Int32 = 0
      while waitpid(process, &status, 0) < 0, errno == EINTR {}
    }
  }

  private static func start(_ program: String, _ words: [String]) -> pid_t {
    let path = Command.binary.split(separator: "/").dropLast().map { "/" + $0 }.joined() + "/" + program
    defaultEndingSignals()
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var arguments: [UnsafeMutablePointer<CChar>?] = ([path] + words).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var process = pid_t()
    let failure = posix_spawn(&process, path, &actions, nil, &arguments, environ)
    precondition(failure == 0, "cannot start \(path): \(String(cString: strerror(failure)))")
    return process
  }

  /// Waits until there is one.
  private static func firstLine(of file: String) -> String {
    for _ in 0..<6000 {
      if let bytes = Sandbox.contents(file), let end = bytes.firstIndex(of: 10) {
        return String(decoding: bytes[..<end], as: UTF8.self)
      }
      usleep(10_000)
    }
    fatalError("\(file) does not come: a process of the cluster has not started")
  }
}
