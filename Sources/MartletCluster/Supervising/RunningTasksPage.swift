import Glibc
import MartletBytes
package import MartletProtocol
import MartletSystem
import Synchronization

/// Memory that a worker's process shares with its supervisor: which task each of its threads is in, so that a death can be
/// blamed on exactly those, and how the process before it ended.
///
/// The worker writes with plain stores, without a system call; the supervisor reads when the worker is dead and nothing
/// changes any more.
package final class RunningTasksPage: @unchecked Sendable {
  // Sendable: the words are atomic. The report is written by the supervisor while no worker is there.

  /// Threads that can be in a task at one time; those beyond are counted.
  package static let slotCount = 512
  /// The variable that tells a process the descriptor.
  static let variable = "MARTLET_SUPERVISED"

  private static let magic: UInt64 = 0x3150_4c54_5241_4d01
  private static let slotWords = 8
  private static let reportBytes = 16 << 10
  private static let byteCount = 8 * slotWords * (1 + slotCount) + reportBytes

  /// Words of the header, which has the length of a slot.
  private enum Header {
    static let magic = 0, attached = 1, leaving = 2, worker = 3, epoch = 4, uncounted = 5, report = 6
  }
  /// Words of a slot.
  private enum Slot {
    static let isUsed = 0, low = 1, high = 2, task = 3, run = 4
  }

  private let base: UnsafeMutableRawPointer
  private let words: UnsafeMutablePointer<Atomic<UInt64>>
  let descriptor: Int32

  /// New memory; nil where the system has none to share.
  package convenience init?() {
    let descriptor = martlet_open_shared_memory("martlet-tasks", Int64(RunningTasksPage.byteCount))
    guard descriptor >= 0 else { return nil }
    self.init(descriptor)
    words[Header.magic].store(RunningTasksPage.magic, ordering: .relaxed)
  }

  /// Owns the descriptor, also when it fails.
  private init?(_ descriptor: Int32) {
    let base = mmap(nil, RunningTasksPage.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
    guard let base, base != MAP_FAILED else {
      close(descriptor)
      return nil
    }
    self.base = base
    self.descriptor = descriptor
    words = base.bindMemory(
      to: Atomic<UInt64>.self, capacity: RunningTasksPage.slotWords * (1 + RunningTasksPage.slotCount))
  }

  deinit {
    munmap(base, RunningTasksPage.byteCount)
    close(descriptor)
  }

  // MARK: In the worker

  /// The page that this process's supervisor has made; nil when it has none. To be called once: processes that this one
  /// starts do not get it.
  package static func attach() -> RunningTasksPage? {
    guard let text = getenv(variable), let descriptor = Int32(String(cString: text)) else { return nil }
    unsetenv(variable)
    // Whatever the variable says: only memory of this kind is taken.
    guard descriptor > 2, martlet_shared_memory_bytes(descriptor) == byteCount else { return nil }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return RunningTasksPage(taking: descriptor)
  }

  /// The page as the process that takes it sees it.
  func twin() -> RunningTasksPage? { RunningTasksPage(taking: fcntl(descriptor, F_DUPFD_CLOEXEC, 3)) }

  private convenience init?(taking descriptor: Int32) {
    self.init(descriptor)
    guard words[Header.magic].load(ordering: .relaxed) == RunningTasksPage.magic else { return nil }
    words[Header.attached].store(1, ordering: .relaxed)
  }

  /// How the process before this one ended; nil for the first.
  package func lastDeath() -> DeathReport? {
    let count = words[Header.report].load(ordering: .relaxed)
    guard count > 0, count <= RunningTasksPage.reportBytes else { return nil }
    let bytes = UnsafeRawBufferPointer(start: report, count: Int(count))
    return try? DeathReport(portableBytes: Array(bytes))  // what cannot be read is no report
  }

  /// Notes the number that a scheduler has given.
  package func registered(as worker: WorkerID, epoch: UInt64) {
    words[Header.epoch].store(epoch, ordering: .relaxed)
    words[Header.worker].store(UInt64(worker.rawValue) + 1, ordering: .relaxed)
  }

  /// Notes that the process ends because it means to: without this an `exit` inside of a task is a crash, whatever its status.
  package func leaving() { words[Header.leaving].store(1, ordering: .relaxed) }

  /// Notes that a thread begins a task, or a task that waits without a thread begins.
  ///
  /// - Parameter hint: A number that differs between threads, to look first where no other does.
  /// - Returns: What `leave` wants.
  package func enter(_ task: RunningTask, hint: Int) -> Int {
    var slot = Int(UInt(bitPattern: hint) % UInt(RunningTasksPage.slotCount))
    for _ in 0..<RunningTasksPage.slotCount {
      let place = RunningTasksPage.slotWords * (1 + slot)
      // 2: taken, but not filled; who dies now has not begun.
      if words[place + Slot.isUsed].load(ordering: .relaxed) == 0,
        words[place + Slot.isUsed].compareExchange(expected: 0, desired: 2, ordering: .relaxed).exchanged
      {
        words[place + Slot.low].store(task.digest.low, ordering: .relaxed)
        words[place + Slot.high].store(task.digest.high, ordering: .relaxed)
        words[place + Slot.task].store(
          UInt64(task.task.slot) | UInt64(task.task.generation) << 32, ordering: .relaxed)
        words[place + Slot.run].store(UInt64(task.run.rawValue), ordering: .relaxed)
        // Publishes the four words, for a supervisor that reads after this process died between two of them.
        words[place + Slot.isUsed].store(1, ordering: .releasing)
        return slot
      }
      slot = slot + 1 == RunningTasksPage.slotCount ? 0 : slot + 1
    }
    words[Header.uncounted].wrappingAdd(1, ordering: .relaxed)
    return -1
  }

  /// Notes that what `enter` began has ended.
  package func leave(_ slot: Int) {
    if slot < 0 {
      words[Header.uncounted].wrappingSubtract(1, ordering: .relaxed)
      return
    }
    words[RunningTasksPage.slotWords * (1 + slot) + Slot.isUsed].store(0, ordering: .releasing)
  }

  // MARK: In the supervisor

  /// Whether a process has taken the page, and then whether it said that it means to end.
  var saidItLeaves: Bool? {
    guard words[Header.attached].load(ordering: .acquiring) == 1 else { return nil }
    return words[Header.leaving].load(ordering: .relaxed) == 1
  }

  /// Its number and the scheduler's epoch, if it was registered.
  var registration: (worker: WorkerID, epoch: UInt64)? {
    let number = words[Header.worker].load(ordering: .acquiring)
    guard number > 0, let worker = UInt32(exactly: number - 1) else { return nil }
    return (WorkerID(rawValue: worker), words[Header.epoch].load(ordering: .relaxed))
  }

  /// The tasks that have begun and not ended; nil when nobody knows: no process took the page, or more ran than it has room
  /// for.
  func running() -> [RunningTask]? {
    guard words[Header.attached].load(ordering: .acquiring) == 1,
      words[Header.uncounted].load(ordering: .relaxed) == 0
    else { return nil }
    var tasks: [RunningTask] = []
    for slot in 0..<RunningTasksPage.slotCount {
      let place = RunningTasksPage.slotWords * (1 + slot)
      guard words[place + Slot.isUsed].load(ordering: .acquiring) == 1 else { continue }
      let handle = words[place + Slot.task].load(ordering: .relaxed)
      tasks.append(
        RunningTask(
          digest: Digest128(
            low: words[place + Slot.low].load(ordering: .relaxed),
            high: words[place + Slot.high].load(ordering: .relaxed)),
          task: TaskHandle(
            slot: UInt32(truncatingIfNeeded: handle), generation: UInt32(truncatingIfNeeded: handle >> 32)),
          run: RunID(rawValue: UInt32(truncatingIfNeeded: words[place + Slot.run].load(ordering: .relaxed)))))
    }
    return tasks
  }

  /// Makes it ready for the next process, which learns how the last one ended.
  func prepare(_ lastDeath: DeathReport?) {
    for word in 1..<(RunningTasksPage.slotWords * (1 + RunningTasksPage.slotCount)) {
      words[word].store(0, ordering: .relaxed)
    }
    guard var lastDeath else { return }
    // A report without lines is better than none.
    var bytes = lastDeath.portableBytes()
    if bytes.count > RunningTasksPage.reportBytes {
      lastDeath.lastLines = []
      bytes = lastDeath.portableBytes()
    }
    guard bytes.count <= RunningTasksPage.reportBytes else { return }
    report.copyMemory(from: bytes, byteCount: bytes.count)
    words[Header.report].store(UInt64(bytes.count), ordering: .releasing)
  }

  private var report: UnsafeMutableRawPointer {
    base + 8 * RunningTasksPage.slotWords * (1 + RunningTasksPage.slotCount)
  }
}
