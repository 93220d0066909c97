import MartletEngine
import MartletSystem

/// Reads what is told of watched runs. Calls come one at a time.
protocol RunReader: AnyObject, Sendable {
  /// A run has begun; no event of it was told before, unless another run of its graph goes on.
  func runBegan(_ run: ObservedRun)
  /// Things that happened to tasks, those of one thread in their order.
  func tasks(_ events: [TaskEvent])
  /// How far the tasks of a run are that run in other processes.
  func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance])
  /// A run has ended; all its events were told.
  func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?)
  /// Everything up to now was told. Comes every 10 ms.
  func tick(at nanoseconds: UInt64)
}

extension RunReader {
  func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance]) {}
}

/// An event log with a thread that reads it, and tells readers. The thread lives while there are readers.
///
/// There is one watch for all that goes on in a scope: who wants to read inside the scope of a watch joins it.
final class RunWatch: @unchecked Sendable {
  // Sendable: `readers` and all below it are used under `reading`, `thread` under `starting`.

  let log: EventLog
  private let feed: Feed
  private let reading = Lock()
  private var readers: [any RunReader] = []
  /// How many runs of each graph have begun and not ended, as far as was told.
  private var going: [UInt32: Int] = [:]
  /// Runs that ended after the round of reading had begun: the next one tells of them, when their events are told.
  private var ended: [Feed.Notice] = []
  private let starting = Lock()
  private var thread: TickThread?

  static let tickMilliseconds: Int32 = 10
  /// On two processors, threads that do 6 million tasks a second fill this in a tick. At most some 50 MB in all.
  private static let eventsPerThread = min(1 << 17, max(1 << 13, (1 << 20) / Int(martlet_available_processors())))

  init() {
    feed = Feed()
    log = EventLog(capacityPerThread: Self.eventsPerThread, observer: feed)
    feed.watch = self
  }

  /// The watch whose scope this code runs in.
  static var current: RunWatch? { (EventLog.current?.observer as? Feed)?.watch }

  /// Tells a reader of what happens from now on.
  func attach(_ reader: any RunReader) {
    read()
    reading.withLock {
      readers.append(reader)
      feed.open(true)
    }
    starting.withLock {
      guard thread == nil else { return }
      let thread = TickThread()
      thread.start(name: "martlet-watch", afterMilliseconds: Self.tickMilliseconds) { [self] in
        // Where so much is written, the next look comes at once.
        read() > Self.eventsPerThread / 8 ? 1 : Self.tickMilliseconds
      }
      self.thread = thread
    }
  }

  /// Tells a reader what has happened up to now, and nothing more.
  func detach(_ reader: any RunReader) {
    read()
    reading.withLock {
      if let place = readers.firstIndex(where: { $0 === reader }) { readers.remove(at: place) }
      if readers.isEmpty { feed.open(false) }
    }
    let idle = starting.withLock { () -> TickThread? in
      guard reading.withLock({ readers.isEmpty }) else { return nil }
      defer { thread = nil }
      return thread
    }
    // Not under the lock that the thread takes.
    idle?.stop()
  }

  /// The first reader of a kind.
  func reader<Reader: RunReader>(_ kind: Reader.Type) -> Reader? {
    reading.withLock { readers.lazy.compactMap { $0 as? Reader }.first }
  }

  /// Tells all that has happened up to now.
  ///
  /// - Returns: The number of events.
  @discardableResult
  func read() -> Int {
    reading.withLock {
      var count = 0
      var over = ended
      ended = []
      over += takeNotices()
      var batch: [TaskEvent] = []
      var stamp: UInt32?
      log.drain { event in
        if event.graph != stamp {
          stamp = event.graph
          // Its run began after the notices were taken.
          if going[event.graph] == nil {
            tell(&batch)
            ended += takeNotices()
          }
        }
        batch.append(event)
        count += 1
        if batch.count == 4096 { tell(&batch) }
      }
      tell(&batch)
      for case .ended(let run, let nanoseconds, let error) in over {
        for reader in readers { reader.runEnded(run, at: nanoseconds, error: error) }
        let left = going[run.graph.stamp, default: 1] - 1
        going[run.graph.stamp] = left > 0 ? left : nil
      }
      let now = martlet_monotonic_nanoseconds()
      for reader in readers { reader.tick(at: now) }
      return count
    }
  }

  private func tell(_ batch: inout [TaskEvent]) {
    if batch.isEmpty { return }
    for reader in readers { reader.tasks(batch) }
    batch.removeAll(keepingCapacity: true)
  }

  /// Tells of runs that began; gives those that ended.
  private func takeNotices() -> [Feed.Notice] {
    var over: [Feed.Notice] = []
    for notice in feed.take() {
      switch notice {
      case .began(let run):
        going[run.graph.stamp, default: 0] += 1
        for reader in readers { reader.runBegan(run) }
      case .advanced(let run, let labels): for reader in readers { reader.runAdvanced(run, labels) }
      case .ended: over.append(notice)
      }
    }
    return over
  }

  /// Keeps what runs tell until it is read: the log holds this, and this does not hold the log.
  private final class Feed: RunObserver, @unchecked Sendable {
    // Sendable: `watch` is set before anybody else has this; `notices` is used under `lock`.
    enum Notice {
      case began(ObservedRun)
      case advanced(ObservedRun, [RunAdvance])
      case ended(ObservedRun, UInt64, (any Error)?)
    }

    weak var watch: RunWatch?
    private let lock = Lock()
    private var notices: [Notice] = []
    /// Whether somebody reads; nothing is kept for nobody.
    private var isOpen = false

    func runBegan(_ run: ObservedRun) { keep(.began(run)) }

    func runAdvanced(_ run: ObservedRun, _ labels: [RunAdvance]) {
      lock.withLock {
        guard isOpen else { return }
        // All that is known, each time: what was not read yet is out of date.
        if case .advanced(let last, _)? = notices.last, last.number == run.number { notices.removeLast() }
        notices.append(.advanced(run, labels))
      }
    }

    func runEnded(_ run: ObservedRun, at nanoseconds: UInt64, error: (any Error)?) {
      keep(.ended(run, nanoseconds, error))
    }

    private func keep(_ notice: Notice) { lock.withLock { if isOpen { notices.append(notice) } } }

    func open(_ isOpen: Bool) {
      lock.withLock {
        self.isOpen = isOpen
        if !isOpen { notices = [] }
      }
    }

    func take() -> [Notice] {
      lock.withLock {
        defer { notices = [] }
        return notices
      }
    }
  }
}
