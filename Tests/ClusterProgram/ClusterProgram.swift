import ClusterFunctions
import Glibc
import MartletCluster
import MartletGraph

/// What tests run as processes of their own.
@main
struct ClusterProgram {
  static func main() async {
    let words = Array(CommandLine.arguments.dropFirst())
    switch words.first {
    // On the first thread, before there are others.
    case "supervise"?: exit(SupervisingMode.supervise(Array(words.dropFirst())))
    case "supervised"?: SupervisingMode.supervised(Array(words.dropFirst()))
    default: await Cluster.main()
    }
  }
}

/// The same program as client, worker and scheduler.
struct Cluster: MartletProgram {
  static func register() throws {
    try TaskFunctions.register(Slow.self, Plus.self, End.self, Allocate.self)
    try TaskFunctions.register(
      HalvedSum.self, AsyncHalvedSum.self, Fibonacci.self, WaitForEvent.self, AsyncWaitForEvent.self, Answer.self,
      Ask.self, BeInside.self, Nap.self, AskInVain.self, Refuse.self, AskForNever.self)
    try TaskFunctions.register(
      Slow.self, Plus.self, End.self, Allocate.self, Numbers.self, Mix.self, LimitFiles.self)
  }

  /// Modes of an owner of a cluster, in a process that tests can end in any way.
  static func run() async throws {
    let words = Array(CommandLine.arguments.dropFirst())
    switch words.first {
    case "own"?: try own(workers: Int(words[1]) ?? 1)
    default: throw UsageError("there is no such mode", remedy: "look at the tests")
    }
  }

  /// Has a cluster of this program, says where it is, and waits for a line.
  private static func own(workers: Int) throws {
    let cluster = try LocalCluster(workers: workers)
    let processes = cluster.processes
    let numbers = (processes.map { [$0.schedulerProcess] + $0.supervisorProcesses } ?? []).map(String.init)
    print("\(processes?.path ?? "") \(numbers.joined(separator: " "))")
    fflush(nil)
    _ = readLine()
    print("closing")
    fflush(nil)
    cluster.close()
  }
}
