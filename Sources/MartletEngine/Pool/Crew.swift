import Glibc
import MartletGraph
import MartletSystem
import Synchronization

/// The threads of a pool, and the runs they work on. Threads are started with the first run that has use for them, and
/// stay until the pool is gone. See `README.md`, section "Parking".
final class Crew: @unchecked Sendable {
  // Sendable: `runs`, `started` and `isClosed` are used under `lock`, the rest is atomic.

  /// Threads that work on one run: its caller, and `width - 1` workers.
  let width: Int
  /// How often a thread looks for work before it sleeps: some 30 µs, about what sleeping and waking cost.
  let spinLimit: Int
  /// Workers that sleep or are about to.
  let sleepers: UnsafeMutablePointer<Atomic<Int>>
  /// Changes with each wake-up; workers sleep on it.
  private let signal: UnsafeMutablePointer<Atomic<UInt32>>
  /// Whether a wake-up is on its way: at most one at a time, the woken thread passes it on.
  private let isWaking: UnsafeMutablePointer<Atomic<Bool>>
  /// Counts runs as they come; awake workers look at it.
  private let arrivals: UnsafeMutablePointer<Atomic<Int>>
  /// Whether `pushed()` can leave the barrier to who wants to sleep.
  let isAsymmetric = martlet_register_process_barrier() != 0
  private let lines = CacheLines(4)
  private let lock = Lock()
  private var runs: [RunState] = []
  private var started = 0
  private var isClosed = false
  /// The memory of the last run, for the next one.
  private var spare: (memory: UnsafeMutableRawPointer, bytes: Int)?
  /// What a pool holds at most while it does nothing: enough for runs of some 170,000 tasks.
  private static let spareLimit = 4 << 20

  init(width: Int, spinLimit: Int) {
    self.width = width
    self.spinLimit = spinLimit
    sleepers = lines.atomic(0, 0)
    signal = lines.atomic(1, 0)
    isWaking = lines.atomic(2, false)
    arrivals = lines.atomic(3, 0)
  }

  deinit {
    if let spare { free(spare.memory) }
  }

  /// Memory for a run; that of an earlier one where it fits. Fresh pages cost more than all of a small task.
  func takeMemory(bytes: Int) -> UnsafeMutableRawPointer {
    let found = lock.withLock { () -> UnsafeMutableRawPointer? in
      guard let spare, spare.bytes >= bytes else { return nil }
      self.spare = nil
      return spare.memory
    }
    if let found { return found }
    guard let memory = malloc(max(16, bytes)) else { invariantFailure("no memory for a run of \(bytes) bytes") }
    return memory
  }

  /// Gives the memory of a run back. The larger piece is kept.
  func giveMemory(_ memory: UnsafeMutableRawPointer, bytes: Int) {
    let unwanted = lock.withLock { () -> UnsafeMutableRawPointer? in
      if bytes > Crew.spareLimit || bytes <= spare?.bytes ?? -1 { return memory }
      defer { spare = (memory, bytes) }
      return spare?.memory
    }
    free(unwanted)
  }

  /// Offers a run to the workers.
  func add(_ run: RunState) {
    let missing = lock.withLock {
      runs.append(run)
      defer { started = width - 1 }
      return started..<(width - 1)
    }
    arrivals.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    for worker in missing {
      startThread(named: "martlet-\(worker + 1)") { [self] in work(lane: worker + 1) }
    }
    // One root is the caller's; when it makes more tasks ready, that wakes workers.
    if run.rootCount > 1 || run.gate != nil, sleepers.pointee.load(ordering: .sequentiallyConsistent) > 0 { wakeOne() }
  }

  /// No more workers come to the run.
  func remove(_ run: RunState) {
    lock.withLock {
      if let place = runs.lastIndex(where: { $0 === run }) { runs.remove(at: place) }
    }
  }

  /// Lets the workers end, each when it has nothing to do.
  func close() {
    lock.withLock { isClosed = true }
    signal.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    martlet_futex_wake(signal, Int32.max)
  }

  /// Orders what a thread has made visible before its look at who sleeps; pairs with `barrier()`.
  @inline(__always)
  func orderPushes() {
    if isAsymmetric { martlet_compiler_barrier() } else { atomicMemoryFence(ordering: .sequentiallyConsistent) }
  }

  /// Orders a thread's wish to sleep before its last look for work, on this thread and, where `orderPushes` does not, on
  /// those that push.
  func barrier() {
    atomicMemoryFence(ordering: .sequentiallyConsistent)
    if isAsymmetric { martlet_process_barrier() }
  }

  /// Wakes a worker, unless one is being woken.
  func wakeOne() {
    if isWaking.pointee.exchange(true, ordering: .acquiringAndReleasing) { return }
    signal.pointee.wrappingAdd(1, ordering: .releasing)
    martlet_futex_wake(signal, 1)
  }

  private func work(lane: Int) {
    while true {
      if let run = join() {
        if let events = run.options.events {
          EventLog.$current.withValue(events) { run.work(lane: lane, crew: self) }
        } else {
          run.work(lane: lane, crew: self)
        }
        run.leave()
      } else if waitForRun() {
        return
      }
    }
  }

  /// The newest run with something to do, entered: nested runs before those that wait for them.
  private func join() -> RunState? {
    lock.withLock {
      for run in runs.reversed() where run.hasVisibleWork() {
        run.inside.pointee.wrappingAdd(1, ordering: .relaxed)  // under the lock, as `remove`
        return run
      }
      return nil
    }
  }

  /// Looks out for a run with work, and sleeps when none comes.
  ///
  /// - Returns: Whether the thread has to end.
  private func waitForRun() -> Bool {
    let seen = arrivals.pointee.load(ordering: .relaxed)
    for _ in 0..<spinLimit {
      if arrivals.pointee.load(ordering: .relaxed) != seen { return false }
      martlet_spin_hint()
    }
    let word = signal.pointee.load(ordering: .acquiring)
    sleepers.pointee.wrappingAdd(1, ordering: .sequentiallyConsistent)
    // Acquires the pushes of who found a wake-up on its way and left it at that.
    _ = isWaking.pointee.exchange(false, ordering: .sequentiallyConsistent)
    barrier()
    let (hasWork, isOver) = lock.withLock { (runs.contains { $0.hasVisibleWork() }, isClosed) }
    if !hasWork, !isOver { martlet_futex_wait(signal, word) }
    sleepers.pointee.wrappingSubtract(1, ordering: .sequentiallyConsistent)
    _ = isWaking.pointee.exchange(false, ordering: .sequentiallyConsistent)
    return isOver
  }
}
