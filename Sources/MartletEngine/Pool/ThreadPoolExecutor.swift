public import MartletGraph
import MartletSystem
import Synchronization

/// Computes graphs on the cores of this machine. The thread that calls `run` is one of the threads that work.
///
/// Threads are started when they are first needed, are used again by later runs, and sleep in between. Several runs can
/// go on at once, also from inside tasks: the caller of a run always works on it, so none waits for a thread.
public final class ThreadPoolExecutor: Executor {
  /// The number of threads that work on a run, its caller included.
  public let threads: Int
  private let crew: Crew
  private let dequeCapacity: Int

  /// A pool for all processors that this process may use. It is never closed.
  public static let shared = ThreadPoolExecutor(threads: Int(martlet_available_processors()))

  /// - Parameter threads: The number of threads that work on a run, its caller included; with 1 no thread is started.
  public convenience init(threads: Int) {
    self.init(threads: threads, dequeCapacity: 2048, spinLimit: 1000)
  }

  /// - Parameters:
  ///   - dequeCapacity: A power of two; ready tasks beyond it wait in their thread's backlog.
  ///   - spinLimit: How often a thread looks for work before it sleeps.
  package init(threads: Int, dequeCapacity: Int, spinLimit: Int) {
    self.threads = max(1, min(threads, 1024))
    self.dequeCapacity = dequeCapacity
    crew = Crew(width: self.threads, spinLimit: spinLimit)
  }

  deinit { crew.close() }

  /// Computes `outputs`; see `Executor`.
  public func run(_ graph: TaskGraph, outputs: [AnyNode], options: RunOptions) throws -> RunResults {
    guard let events = options.events else { return try carryOut(graph, outputs, options) }
    return try events.observing(graph, outputs: outputs, threads: threads) { try carryOut(graph, outputs, options) }
  }

  private func carryOut(_ graph: TaskGraph, _ outputs: [AnyNode], _ options: RunOptions) throws -> RunResults {
    let run = RunState(graph, outputs: outputs, options: options, crew: crew, dequeCapacity: dequeCapacity)
    try run.checkResources()
    defer { run.callerLeaves() }
    let obedience = run.obey()
    // Nobody can help with a single task.
    let isShared = threads > 1 && graph.count > 1
    if isShared { crew.add(run) }
    if !run.isComplete {
      run.begin()
      run.workAsCaller(crew)
    }
    if isShared { crew.remove(run) }
    run.disobey(obedience)
    if run.stop.pointee.load(ordering: .relaxed) {
      // Whoever ends the run may be in the middle of it: after this, nothing more is started.
      run.end()
      waitUntilAlone(run)
      run.desk.drop()
      // A run may be cancelled after its last task; then it has its results all the same.
      if !run.isComplete { run.dropResults() }
    }
    return try run.results(outputs)
  }

  /// After a run that ended early: waits until no other thread and no Swift task is inside a task of it.
  private func waitUntilAlone(_ run: RunState) {
    // Acquires what the workers did; pairs with the subtraction in `RunState.leave`. No worker joins after
    // `remove`, and nobody else after `end`.
    let isAlone = { run.inside.pointee.load(ordering: .sequentiallyConsistent) == 0 }
    for _ in 0..<1000 where !isAlone() { martlet_spin_hint() }
    while !isAlone() { run.sleepAsCaller(crew, unless: isAlone) }
  }
}
