public import MartletGraph

/// What can be chosen about a cluster on this machine.
public struct LocalClusterOptions: Sendable {
  /// Where scheduler and workers run.
  public enum Mode: Sendable, Hashable {
    /// In processes of their own, each worker under a supervisor that starts it again when it crashes. Workers know the
    /// functions of their program: see `workerProgram`.
    case processes
    /// On threads of this process, with all its functions: for tests and tools, where a task that crashes may end all.
    case inProcess
  }

  /// Where scheduler and workers run.
  public var mode = Mode.processes
  /// The port of the scheduler on this machine; 0: a free one.
  public var port = 0
  /// Bytes that each worker may hold in memory, results and all; 0: its share of the machine's.
  public var memoryLimit = 0
  /// What tasks may need of a worker beside threads.
  public var resources: [String: Double] = [:]
  /// Where a directory is made for what the processes need and spill. Nil: where `TMPDIR` says, or `/tmp`.
  public var directory: String?
  /// Where `martlet-scheduler` and `martlet-worker` lie. Nil: where the variable `MARTLET_BIN` says, or else beside the program
  /// that runs.
  public var binaries: String?
  /// Another program to run as worker, by its path. It is called with `workerArguments`, then the arguments of `martlet-worker`.
  /// Nil: this program, if it is a `MartletProgram`, or else `martlet-worker`.
  public var workerProgram: String?
  /// What a `workerProgram` needs before the arguments of `martlet-worker`.
  public var workerArguments: [String] = []
  /// The functions of workers in this process; nil: those of `TaskFunctions`, to which nothing can be added then.
  public var registry: TaskFunctionRegistry?
  /// How long the start may take.
  public var startTimeout: Duration = .seconds(30)
  /// How long processes may take to end when they are told to; then they are killed.
  public var closeTimeout: Duration = .seconds(3)
  /// How long workers that are taken away may take to hand over what only they hold; then they are ended, and what is left is
  /// computed again when it is needed.
  public var retireTimeout: Duration = .seconds(60)
  /// Whether the processes' logs go to standard error of this one. Otherwise errors at the start show their last lines.
  public var showsLogs = false
  /// Further arguments of `martlet-scheduler`, such as `--worker-ttl`.
  public var schedulerFlags: [String] = []
  /// Further arguments of each worker.
  public var workerFlags: [String] = []

  /// What suits most programs.
  public init() {}
}
