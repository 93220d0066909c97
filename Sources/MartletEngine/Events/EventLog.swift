package import MartletGraph
import MartletSystem

/// Collects the events of runs, from all threads, into memory that is bounded; progress, traces and profiles read it.
///
/// Give it to runs in their options, and `drain` it while they run or afterwards. When a reader is too slow, the newest
/// events are dropped and counted: a run never waits for its reader. An event costs its thread some 30 ns.
public final class EventLog: @unchecked Sendable {
  // Sendable: `rings` and `free` are used under `lock`; a ring has one writer, because it is handed to one at a time, and
  // one reader, because reading is done under `reading`.

  /// The log of the scope that this code runs in: the default of `RunOptions.events`. Tasks see the log of their run, so runs
  /// that they start are logged with it.
  @TaskLocal public static var current: EventLog?

  private let capacity: Int
  package let observer: (any RunObserver)?
  private let lock = Lock()
  private let reading = Lock()
  private var rings: [EventRing] = []
  private var free: [EventRing] = []
  private var smallFree: [EventRing] = []
  /// What a ring for few events holds.
  private static let smallCapacity = 64
  private var runs = 0

  /// - Parameters:
  ///   - capacityPerThread: How many events a thread can have unread; rounded up to a power of two. An event takes 48 bytes.
  ///   - observer: Is told of the runs that write to this log.
  public init(capacityPerThread: Int = 1 << 14, observer: (any RunObserver)? = nil) {
    self.observer = observer
    var capacity = 2
    while capacity < min(capacityPerThread, 1 << 24) { capacity *= 2 }
    self.capacity = capacity
  }

  /// Hands out the events that are there: those of a thread in their order, one thread after the other.
  public func drain(_ body: (TaskEvent) -> Void) {
    reading.withLock {
      let rings = lock.withLock { self.rings }
      for ring in rings { ring.drain(body) }
    }
  }

  /// The number of events that were dropped because nobody read fast enough.
  public var droppedCount: Int {
    lock.withLock { rings.reduce(0) { $0 + $1.droppedCount } }
  }

  /// Carries out a run that writes to this log: tells the observer, and makes the log that of the scope.
  package func observing<Result>(
    _ graph: TaskGraph, outputs: [AnyNode], threads: Int, _ body: () throws -> Result
  ) throws -> Result {
    try observing(graph, outputs: outputs, threads: threads) { (_: ObservedRun?) in try body() }
  }

  private func observing<Result>(
    _ graph: TaskGraph, outputs: [AnyNode], threads: Int, _ body: (ObservedRun?) throws -> Result
  ) throws -> Result {
    guard let observer else { return try EventLog.$current.withValue(self) { try body(nil) } }
    let number = lock.withLock {
      runs += 1
      return runs
    }
    for output in outputs { graph.check(output) }
    let run = ObservedRun(
      number: number, graph: graph, outputs: outputs.map(\.id), taskCount: NeededTasks(graph, for: outputs).count,
      threads: threads, begin: martlet_monotonic_nanoseconds())
    observer.runBegan(run)
    do {
      let result = try EventLog.$current.withValue(self) { try body(run) }
      observer.runEnded(run, at: martlet_monotonic_nanoseconds(), error: nil)
      return result
    } catch {
      observer.runEnded(run, at: martlet_monotonic_nanoseconds(), error: error)
      throw error
    }
  }

  /// Carries out a run whose tasks run elsewhere: `body` gets what to call, from one thread at a time, when it hears how far
  /// they are; nil when nobody wants to know.
  package func observing<Result>(
    _ graph: TaskGraph, outputs: [AnyNode], threads: Int, _ body: ((@Sendable ([RunAdvance]) -> Void)?) throws -> Result
  ) throws -> Result {
    try observing(graph, outputs: outputs, threads: threads) { (run: ObservedRun?) in
      guard let observer, let run else { return try body(nil) }
      return try body { observer.runAdvanced(run, $0) }
    }
  }

  /// A ring for one writer, until it is given back. Nil when there are 65,535 writers already.
  ///
  /// - Parameter isSmall: The writer is one of very many and has few events.
  func claim(isSmall: Bool = false) -> EventRing? {
    lock.withLock {
      if let ring = isSmall ? smallFree.popLast() : free.popLast() { return ring }
      guard rings.count < Int(UInt16.max) else { return nil }
      let size = isSmall ? min(capacity, EventLog.smallCapacity) : capacity
      let ring = EventRing(thread: UInt16(rings.count), capacity: size, isSmall: isSmall)
      rings.append(ring)
      return ring
    }
  }

  /// Gives a ring back; its events stay for the reader. The lock passes the writer's part on to the next one.
  func release(_ ring: EventRing) {
    lock.withLock { if ring.isSmall { smallFree.append(ring) } else { free.append(ring) } }
  }
}
