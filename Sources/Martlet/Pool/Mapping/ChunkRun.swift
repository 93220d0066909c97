import MartletEngine
import MartletSystem
import Synchronization

/// A call that does something for each position of `0..<count`, on several threads. See `../README.md`, section "Calls".
@usableFromInline
final class ChunkRun: SharedCall, @unchecked Sendable {
  // Sendable: `state` is used under `lock`; the rest is constant or atomic.

  /// Does the work for some positions in ascending order. `position` says, when it throws, for which it did.
  @usableFromInline typealias Work = @Sendable (_ positions: Range<Int>, _ position: inout Int) throws -> Void

  private let core: PoolCore
  private let count: Int
  private let work: Work
  /// Threads that work on it, the caller included.
  private let width: Int
  /// The task that makes the call, whose end is asked for with it.
  private let parent: AnyFuture?
  /// Whether positions that were done are remembered, so that their results can be dropped after a failure.
  private let keepsDone: Bool
  private let isMeasured: Bool
  private let lock = ShortLock()
  private var state: State
  /// Positions from here on are not wanted: `count`, or that of the first failure, or 0.
  private let limit: Atomic<Int>
  private let isCancelled = Atomic<Bool>(false)
  /// Lanes that have not left.
  private let lanesInside = Atomic<Int>(0)

  private struct State {
    /// The next position that nobody has claimed.
    var cursor = 0
    /// Ranges before it that were given back; the lowest is last.
    var returned: [Range<Int>] = []
    var sizer: ChunkSizer
    var lanes: [LaneTask] = []
    /// Ranges that were done.
    var done: [Range<Int>] = []
    var error: (any Error)?
    /// Called when the last lane leaves.
    var onEnd: (@Sendable () -> Void)?
  }

  init(
    core: PoolCore, count: Int, chunk: Int?, width: Int, parent: AnyFuture?, keepsDone: Bool, _ work: @escaping Work
  ) {
    self.core = core
    self.count = count
    self.work = work
    self.width = width
    self.parent = parent
    self.keepsDone = keepsDone
    isMeasured = chunk == nil
    state = State(sizer: ChunkSizer(fixed: chunk))
    limit = Atomic(count)
  }

  deinit { lock.destroy() }

  // MARK: The call

  /// Runs all of it; the calling thread works too, where it may.
  func run() throws {
    let lane = LaneTask(self, core: core)
    if core.initializer == nil || PoolThread.current?.core === core {
      lanesInside.store(1, ordering: .relaxed)
      let thread = PoolThread.current ?? PoolThread(core: nil, index: 0)
      thread.enter {
        let below = thread.task
        thread.task = lane
        work(in: lane)
        thread.task = below
      }
    } else {
      addLane()
    }
    waitForLanes()
    try end()
  }

  /// The same, with the threads of the pool alone.
  func run() async throws {
    await withTaskCancellationHandler {
      await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
        state.onEnd = { continuation.resume() }
        addLane()
      }
    } onCancel: {
      cancel()
    }
    try end()
  }

  /// The ranges whose work was done, after a failure.
  @usableFromInline var doneRanges: [Range<Int>] { state.done }

  private func end() throws {
    // Locked for the thread sanitizer, which does not see that what resumes a Swift task happens before what the task does then.
    lock.lock()
    // They refer to the call.
    let lanes = state.lanes
    state.lanes = []
    let error = state.error
    lock.unlock()
    // Dropped without the lock.
    _ = consume lanes
    if let error { throw error }
    if limit.load(ordering: .acquiring) < count { throw CancellationError() }
  }

  private func cancel() {
    isCancelled.store(true, ordering: .relaxed)
    limit.store(0, ordering: .relaxed)
    withdrawLanes()
  }

  private func waitForLanes() {
    for _ in 0..<core.spinLimit where lanesInside.load(ordering: .acquiring) > 0 { martlet_spin_hint() }
    if lanesInside.load(ordering: .acquiring) == 0 { return }
    let parker = Parker()
    lock.lock()
    let isOver = lanesInside.load(ordering: .acquiring) == 0
    if !isOver { state.onEnd = { parker.set() } }
    lock.unlock()
    if isOver { return }
    Waiting.sleep(on: parker, until: nil)
  }

  // MARK: Lanes

  private func addLane() {
    let lane = LaneTask(self, core: core)
    lock.lock()
    state.lanes.append(lane)
    lanesInside.wrappingAdd(1, ordering: .relaxed)
    lock.unlock()
    core.enqueue(uncounted: lane)
  }

  /// Takes those lanes back that nobody has started.
  private func withdrawLanes() {
    lock.lock()
    let lanes = state.lanes
    lock.unlock()
    for lane in lanes where core.claim(lane) { leave() }
  }

  override func leave() {
    lock.lock()
    // Publishes what the lane did.
    let isLast = lanesInside.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == 0
    let onEnd = isLast ? state.onEnd : nil
    if isLast { state.onEnd = nil }
    lock.unlock()
    onEnd?()
  }

  /// Ends the call with an error that is no element's.
  override func abort(_ error: any Error) {
    lock.lock()
    limit.store(0, ordering: .relaxed)
    state.error = error
    lock.unlock()
  }

  override func isUnwanted(from position: Int) -> Bool {
    position >= limit.load(ordering: .relaxed) || isStopped
  }

  private var isStopped: Bool {
    if isCancelled.load(ordering: .relaxed) { return true }
    guard core.isStopping.load(ordering: .relaxed) || parent?.wantsStop == true else { return false }
    limit.store(0, ordering: .relaxed)
    return true
  }

  override func work(in lane: LaneTask) {
    var done = 0..<0
    var nanoseconds = 0
    while true {
      guard let (range, wantsHelp) = next(after: done, nanoseconds) else { break }
      if wantsHelp { addLane() }
      let start = martlet_monotonic_nanoseconds()
      done = process(range, lane, start)
      nanoseconds = Int(martlet_monotonic_nanoseconds() &- start)
    }
    // Nothing is left to claim: those that nobody has started would only be waited for.
    withdrawLanes()
    leave()
  }

  /// Does a claimed range, or the first part of it: what is left is given back when it takes much longer than expected.
  ///
  /// - Returns: The part that was done.
  private func process(_ range: Range<Int>, _ lane: LaneTask, _ start: UInt64) -> Range<Int> {
    let step = max(1, range.count / 16)
    var at = range.lowerBound
    while at < range.upperBound {
      if isUnwanted(from: at) { break }
      lane.start.store(at, ordering: .relaxed)
      let end = min(at &+ step, range.upperBound)
      var position = at
      do {
        try work(at..<end, &position)
        at = end
      } catch {
        fail(position, error)
        at = position
        break
      }
      if at < range.upperBound, isMeasured,
        Double(martlet_monotonic_nanoseconds() &- start) > 2 * ChunkSizer.nanoseconds
      {
        giveBack(at..<range.upperBound)
        break
      }
    }
    return range.lowerBound..<at
  }

  /// The next range, and whether another lane would be of use.
  private func next(after done: Range<Int>, _ nanoseconds: Int) -> (Range<Int>, Bool)? {
    lock.lock()
    defer { lock.unlock() }
    if !done.isEmpty {
      state.sizer.record(done.count, nanoseconds: nanoseconds)
      if keepsDone {
        if let last = state.done.last, last.upperBound == done.lowerBound {
          state.done[state.done.count - 1] = last.lowerBound..<done.upperBound
        } else {
          state.done.append(done)
        }
      }
    }
    let end = min(count, limit.load(ordering: .relaxed))
    let range: Range<Int>
    if let returned = state.returned.last, returned.lowerBound < end {
      let size = state.sizer.next(remaining: returned.count, lanes: width)
      let middle = min(returned.upperBound, returned.lowerBound + size)
      range = returned.lowerBound..<middle
      state.returned.removeLast()
      if middle < returned.upperBound { state.returned.append(middle..<returned.upperBound) }
    } else {
      guard state.cursor < end else { return nil }
      let size = state.sizer.next(remaining: end - state.cursor, lanes: width)
      range = state.cursor..<(state.cursor + min(size, end - state.cursor))
      state.cursor = range.upperBound
    }
    let left = Double(end - state.cursor + (state.returned.last?.count ?? 0))
    let isWorthIt = state.sizer.cost == 0 ? left > 0 : left * state.sizer.cost > 20_000
    return (range, isWorthIt && lanesInside.load(ordering: .relaxed) < width)
  }

  private func giveBack(_ range: Range<Int>) {
    lock.lock()
    defer { lock.unlock() }
    let place = state.returned.firstIndex { $0.lowerBound < range.lowerBound } ?? state.returned.count
    state.returned.insert(range, at: place)
  }

  private func fail(_ position: Int, _ error: any Error) {
    lock.lock()
    defer { lock.unlock() }
    if position < limit.load(ordering: .relaxed) {
      limit.store(position, ordering: .relaxed)
      state.error = error
    }
  }
}
