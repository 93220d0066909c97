import Glibc
import MartletGraph
import Synchronization

/// A program that is at once client and worker: its functions are on the workers because the workers are the same program.
///
/// ```swift
/// @main struct Simulation: MartletProgram {
///   static func register() throws { try TaskFunctions.register(Step.self) }
///   static func run() throws { let cluster = try LocalCluster(workers: 4); … }
/// }
/// ```
///
/// `PROGRAM worker ADDRESS [flags]` takes the arguments of `martlet-worker`, `PROGRAM scheduler [flags]` those of
/// `martlet-scheduler`; with any others, or none, it runs what `run` says. A `LocalCluster` inside of it starts this program, too,
/// so that one file is all that is needed.
public protocol MartletProgram {
  /// Makes functions and types known, in each of its processes, before anything else happens.
  static func register() throws
  /// What it does when it is neither worker nor scheduler. Errors are written to standard error, and end it with status 1.
  static func run() async throws
}

extension MartletProgram {
  /// Looks at the command line, and is one of the three.
  public static func main() async {
    do {
      try register()
    } catch {
      complain(error)
      exit(1)
    }
    let words = Array(CommandLine.arguments.dropFirst())
    if let status = SameProgram.serve(words) { exit(status) }
    do {
      try await run()
    } catch {
      complain(error)
      exit(1)
    }
  }

  private static func complain(_ error: any Error) {
    let name = CommandLine.arguments.first?.split(separator: "/").last.map(String.init) ?? "program"
    OutputText.write("\(name): \(error)\n", to: STDERR_FILENO)
  }
}

/// What is known of a program that is its own worker.
enum SameProgram {
  static let workerWord = "worker"
  static let schedulerWord = "scheduler"

  private static let isActive = Atomic<Bool>(false)

  /// The path of this program, if it can be started as a worker.
  static var current: String? { isActive.load(ordering: .relaxed) ? ChildProcess.ownProgram : nil }

  /// Is a worker or a scheduler until it ends, and gives its status; nil: it is neither.
  static func serve(_ words: [String]) -> Int32? {
    isActive.store(true, ordering: .relaxed)
    switch words.first {
    case workerWord: return WorkerProgram.run(Array(words.dropFirst()))
    case schedulerWord: return SchedulerProgram.run(Array(words.dropFirst()))
    default: return nil
    }
  }
}
