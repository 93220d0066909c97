import MartletEngine
import MartletSystem
import Synchronization

/// The work behind a `ResultStream`: lanes compute results until as many wait as there is room for, then leave; who takes
/// results calls one back when half of the room is free. See `../README.md`, section "Streams".
final class StreamRun<Value: Sendable>: SharedCall, @unchecked Sendable {
  // Sendable: `state` is used under `lock`; the rest is constant or atomic.
  private let core: PoolCore
  private let count: Int
  /// Whether how many results may wait was given, or follows from what they cost.
  private let isFixed: Bool
  private let order: ResultOrder
  private let body: @Sendable (Int) throws -> Value
  /// The task that made it, with which it ends.
  private let parent: AnyFuture?
  private let lock = ShortLock()
  private var state: State
  /// Positions from here on are not wanted.
  private let limit: Atomic<Int>
  /// Counts what may be news for who waits for results.
  private let news = Atomic<Int>(0)

  private struct State {
    /// The next position that nobody has claimed.
    var cursor = 0
    /// Ranges before it that were given back; the lowest is last.
    var returned: [Range<Int>] = []
    /// Positions that are being worked on.
    var claimed = 0
    var ready: ReadyResults<Value>
    var sizer = ChunkSizer(fixed: nil)
    /// Lanes that have not left, and those of them that have not begun.
    var lanesInside = 0
    var lanes: [LaneTask] = []
    var error: (any Error)?
    var waiters = Waiters()
  }

  init(
    core: PoolCore, count: Int, order: ResultOrder, capacity: Int?, parent: AnyFuture?,
    _ body: @escaping @Sendable (Int) throws -> Value
  ) {
    self.core = core
    self.count = count
    self.order = order
    isFixed = capacity != nil
    self.body = body
    self.parent = parent
    let most = min(max(1, capacity ?? max(4096, 4 * core.width)), max(1, count))
    state = State(ready: ReadyResults(order: order, capacity: most))
    limit = Atomic(count)
    super.init()
    if count > 0 { addLane() }
  }

  deinit { lock.destroy() }

  // MARK: Taking results

  /// What there is for who asks.
  private enum Answer {
    case result(IndexedResult<Value>)
    case end
    case failure(any Error)
    case wait
  }

  func next() throws -> IndexedResult<Value>? {
    var parker: Parker?
    while true {
      let seen = news.load(ordering: .acquiring)
      let answer = answer { waiters in
        let new = parker ?? Parker()
        parker = new
        waiters.add(new)
      }
      switch answer {
      case .result(let result): return result
      case .end: return nil
      case .failure(let error): throw error
      case .wait:
        // Sleeping and waking up takes longer than cheap results do.
        for _ in 0..<core.spinLimit where news.load(ordering: .relaxed) == seen { martlet_spin_hint() }
        if let parker, news.load(ordering: .acquiring) == seen { Waiting.sleep(on: parker, until: nil) }
      }
    }
  }

  func next() async throws -> IndexedResult<Value>? {
    while true {
      let gate = ContinuationGate()
      switch answer({ $0.add(gate) }) {
      case .result(let result): return result
      case .end: return nil
      case .failure(let error): throw error
      case .wait:
        await withTaskCancellationHandler {
          await withUnsafeContinuation { gate.suspend($0) }
        } onCancel: {
          cancel()
        }
      }
    }
  }

  /// The next result, or the end, or `wait` after `add` was called.
  private func answer(_ add: (inout Waiters) -> Void) -> Answer {
    lock.lock()
    if let result = state.ready.popFirst() {
      let isWanted = needsLane
      lock.unlock()
      if isWanted { addLane() }
      return .result(result)
    }
    if state.lanesInside > 0 {
      add(&state.waiters)
      lock.unlock()
      return .wait
    }
    // Also after a failure, where the order is wanted: what comes before it.
    if hasWork() {
      lock.unlock()
      addLane()
      return answer(add)
    }
    let error = state.error
    lock.unlock()
    return error.map { .failure($0) } ?? .end
  }

  /// Nobody wants the rest.
  func cancel() {
    abort(CancellationError())
    withdrawLanes()
  }

  // MARK: Lanes

  /// Whether there are positions to claim, room or not. Under the lock.
  private func hasWork(below bound: Int = .max) -> Bool {
    let end = min(limit.load(ordering: .relaxed), bound)
    return state.cursor < end || state.returned.last.map { $0.lowerBound < end } ?? false
  }

  /// Whether nobody works although there is room again for a good part of what there is room for. Under the lock.
  private var needsLane: Bool {
    state.lanesInside == 0 && hasWork(below: windowEnd) && room >= max(1, capacity / 2)
  }

  /// How many results may wait or be in the making: as was said, or what takes some 5 ms to make, so that the pool is not
  /// woken for every few of them, and at least four for each thread. Under the lock.
  private var capacity: Int {
    let most = state.ready.capacity
    if isFixed || state.sizer.cost == 0 { return most }
    return min(most, max(4 * core.width, Int(min(5_000_000 / state.sizer.cost, 1e9))))
  }

  /// How many more may be begun. Under the lock.
  ///
  /// In order only the window counts: what is missing before results that wait must be done, however many these are (they
  /// may be more than `capacity`, which falls when elements turn out to be dear).
  private var room: Int {
    if order == .asCompleted { return capacity - state.claimed - state.ready.count }
    let end = windowEnd
    let returned = state.returned.last.map { $0.lowerBound < end ? $0.count : 0 } ?? 0
    return max(0, end - state.cursor) + returned
  }

  /// The first position that has no room yet, whoever works on what. Under the lock.
  private var windowEnd: Int { order == .ofElements ? state.ready.taken + capacity : .max }

  private func addLane() {
    do { try core.beginCall() } catch {
      // No lane, no results: who waits for some has to know.
      abort(error)
      return tellAll()
    }
    let lane = LaneTask(self, core: core)
    lock.lock()
    state.lanes.append(lane)
    state.lanesInside += 1
    lock.unlock()
    core.enqueue(uncounted: lane)
  }

  private func withdrawLanes() {
    lock.lock()
    let lanes = state.lanes
    state.lanes = []
    lock.unlock()
    for lane in lanes where core.claim(lane) { leave() }
  }

  private func tellAll() {
    let told = lock.withLock { state.waiters.takeAll() }
    for tell in told { tell() }
  }

  override func leave() {
    lock.lock()
    state.lanesInside -= 1
    news.wrappingAdd(1, ordering: .releasing)
    if state.lanesInside == 0 { state.lanes = [] }
    // Room that came after the lane had looked.
    let isWanted = needsLane
    let told = state.waiters.takeAll()
    lock.unlock()
    if isWanted { addLane() }
    for tell in told { tell() }
    core.endCall()
  }

  override func abort(_ error: any Error) {
    lock.lock()
    limit.store(0, ordering: .relaxed)
    if state.error == nil { state.error = error }
    state.ready.removeAll()
    lock.unlock()
  }

  override func isUnwanted(from position: Int) -> Bool {
    position >= limit.load(ordering: .relaxed) || core.isStopping.load(ordering: .relaxed) || parent?.wantsStop == true
  }

  override func work(in lane: LaneTask) {
    lock.withLock { state.lanes.removeAll { $0 === lane } }
    var results: [IndexedResult<Value>] = []
    var claimed = 0..<0
    var at = 0
    var nanoseconds = 0
    while true {
      if core.isStopping.load(ordering: .relaxed) || parent?.wantsStop == true { abort(CancellationError()) }
      guard let range = exchange(&results, claimed, at, nanoseconds) else { break }
      claimed = range
      at = range.lowerBound
      let start = martlet_monotonic_nanoseconds()
      nanoseconds = 0
      while at < range.upperBound {
        if isUnwanted(from: at) { break }
        lane.start.store(at, ordering: .relaxed)
        do {
          results.append(IndexedResult(index: at, value: try body(at)))
          at += 1
        } catch {
          fail(at, error)
          break
        }
        nanoseconds = Int(martlet_monotonic_nanoseconds() &- start)
        // Slower than expected: what is there is wanted now, and others may do the rest.
        if Double(nanoseconds) > 2 * ChunkSizer.nanoseconds { break }
      }
    }
    // There is nothing to do, or no room: those that nobody has started would only be waited for.
    withdrawLanes()
    leave()
  }

  /// Hands results over and claims the next range.
  ///
  /// - Parameters:
  ///   - claimed: The range that was claimed before, done up to `at`.
  /// - Returns: Nil when there is nothing to do, or no room for results.
  private func exchange(
    _ results: inout [IndexedResult<Value>], _ claimed: Range<Int>, _ at: Int, _ nanoseconds: Int
  ) -> Range<Int>? {
    lock.lock()
    state.claimed -= claimed.count
    if at < claimed.upperBound { giveBack(at..<claimed.upperBound) }
    state.sizer.record(results.count, nanoseconds: nanoseconds)
    var told: [@Sendable () -> Void] = []
    if !results.isEmpty {
      // Results beyond a failure are of no use to who wants the order, and cancelled ones to nobody.
      let end = order == .ofElements || state.error is CancellationError ? limit.load(ordering: .relaxed) : .max
      for result in results where result.index < end { state.ready.append(result) }
      told = state.waiters.takeAll()
      news.wrappingAdd(1, ordering: .releasing)
    }
    let range = claim()
    let wantsHelp = range != nil && state.lanesInside < core.width && isWorthHelp
    lock.unlock()
    results.removeAll(keepingCapacity: true)
    for tell in told { tell() }
    if wantsHelp { addLane() }
    return range
  }

  private func claim() -> Range<Int>? {
    let room = room
    let end = min(limit.load(ordering: .relaxed), windowEnd)
    guard room > 0 else { return nil }
    let range: Range<Int>
    if let returned = state.returned.last, returned.lowerBound < end {
      let size = min(room, state.sizer.next(remaining: returned.count, lanes: core.width))
      let middle = min(returned.upperBound, returned.lowerBound + size, end)
      range = returned.lowerBound..<middle
      state.returned.removeLast()
      if middle < returned.upperBound { state.returned.append(middle..<returned.upperBound) }
    } else {
      guard state.cursor < end else { return nil }
      let left = min(end - state.cursor, room)
      range = state.cursor..<(state.cursor + min(left, state.sizer.next(remaining: left, lanes: core.width)))
      state.cursor = range.upperBound
    }
    state.claimed += range.count
    return range
  }

  private var isWorthHelp: Bool {
    let end = min(limit.load(ordering: .relaxed), windowEnd)
    let left = min(end - state.cursor + (state.returned.last?.count ?? 0), room)
    return left > 0 && (state.sizer.cost == 0 || Double(left) * state.sizer.cost > 20_000)
  }

  private func giveBack(_ range: Range<Int>) {
    let place = state.returned.firstIndex { $0.lowerBound < range.lowerBound } ?? state.returned.count
    state.returned.insert(range, at: place)
  }

  private func fail(_ position: Int, _ error: any Error) {
    lock.lock()
    defer { lock.unlock() }
    // In order: only what comes before it is still of interest. As completed: nothing more is begun.
    let new = order == .ofElements ? position : 0
    guard order == .ofElements ? position < limit.load(ordering: .relaxed) : state.error == nil else { return }
    limit.store(new, ordering: .relaxed)
    state.error = error
  }
}
