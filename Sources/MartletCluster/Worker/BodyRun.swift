import MartletBytes
import MartletEngine
import MartletGraph
import MartletProtocol
import MartletSystem
import MartletWorker
import Synchronization

/// A body that is run: what it works on, and what it gave. One object for each number of an execution, used again and again.
final class BodyRun: @unchecked Sendable {
  // Sendable: belongs to the loop's thread, then to the thread that runs it, then to the loop's again; a lock lies between.
  // `cancelled` is atomic.

  let execution: ExecutionID
  let cancelled: UnsafeMutablePointer<Atomic<Bool>>

  // What to do.
  private(set) var task: ComputeTask?
  private(set) var isBlocking = false
  /// Other workers wait for its result.
  private(set) var isAwaited = false
  private var inputs: UnsafeMutablePointer<Slot>
  private var inputCount = 0
  private var inputCapacity = 4
  private var firstType: PortableValueType?
  private var problem: String?

  // What came of it. The slot is filled while there is a result that nobody has taken.
  private let slot: UnsafeMutablePointer<Slot>
  private(set) var type: PortableValueType?
  private(set) var byteCount: Int64 = 0
  private(set) var inline: [UInt8]?
  private(set) var failure: FailureRecord?
  private(set) var nanoseconds: Int64 = 0

  // While it waits.
  let place = BodyPlace()
  let inside: InsideCluster?
  /// Its asynchronous part. Set and cleared by its thread, used by others that cancel.
  private let asyncBody = Guarded<AsyncBody?>(nil)
  private let limits: Limits
  /// What it is noted as among those that run; when it began to compute.
  private var noted: Int?
  private var began: UInt64 = 0
  private var threadNumber = 0

  init(_ execution: ExecutionID, _ limits: Limits, _ inside: InsideCluster?) {
    self.execution = execution
    self.limits = limits
    self.inside = inside
    cancelled = .allocate(capacity: 1)
    cancelled.initialize(to: Atomic(false))
    inputs = .allocate(capacity: inputCapacity)
    slot = .allocate(capacity: 1)
    slot.initialize(to: Slot())
  }

  deinit {
    clearInputs()
    slot.pointee.clear()
    slot.deallocate()
    inputs.deallocate()
    cancelled.deinitialize(count: 1)
    cancelled.deallocate()
  }

  /// Makes it a run of `task` with `inputCount` inputs, which `add` adds.
  func prepare(_ task: ComputeTask, inputCount count: Int, isAwaited: Bool) {
    slot.pointee.clear()
    inline = nil
    failure = nil
    type = nil
    problem = nil
    firstType = nil
    self.task = task
    isBlocking = task.isBlocking
    self.isAwaited = isAwaited
    nanoseconds = 0
    place.reset()
    cancelled.pointee.store(false, ordering: .relaxed)
    if count > inputCapacity {
      inputs.deallocate()
      inputCapacity = max(count, 2 * inputCapacity)
      inputs = .allocate(capacity: inputCapacity)
    }
  }

  /// Shares a value of the table.
  func add(_ value: HeldValue) {
    if inputCount == 0 { firstType = value.type }
    if let problem = value.problem, self.problem == nil { self.problem = "its input \(inputCount): \(problem)" }
    var copy = Slot()
    copy.fill(from: value.slot)
    (inputs + inputCount).initialize(to: copy)
    inputCount += 1
  }

  private func clearInputs() {
    for place in 0..<inputCount { inputs[place].clear() }
    inputCount = 0
  }

  /// The result, for the table; its slot is the caller's.
  func take() -> HeldValue {
    var value = HeldValue()
    value.slot = slot.pointee
    value.type = type
    value.byteCount = byteCount
    slot.pointee = Slot()
    return value
  }

  /// It was not begun, and will not be.
  func abandon() {
    clearInputs()
    task = nil
  }

  /// Drops the result.
  func discard() { slot.pointee.clear() }

  // MARK: On the thread of a body

  /// What bounds results, and who watches.
  struct Limits: Sendable {
    /// As bytes: so small ones travel inside of messages.
    var inlineBytes: Int
    var maximumBytes: Int64
    /// Where it is noted which task runs.
    var page: RunningTasksPage?
  }

  /// Values that take more in memory than this cannot be small as bytes.
  private static let inlineCandidateBytes = 8 << 10

  /// Runs the body from its beginning.
  ///
  /// - Parameter stop: Set when nobody wants any results any more.
  /// - Returns: Whether it has ended. Otherwise it waits, and may be with another thread already.
  func begin(_ registry: TaskFunctionRegistry, stop: UnsafePointer<Atomic<Bool>>, on seat: BodySeat) -> Bool {
    guard let task else { return false }
    threadNumber = seat.number
    began = martlet_monotonic_nanoseconds()
    do throws(WorkFailure) {
      if let problem { throw .undecodable(problem) }
      // It waited for its thread, and nobody waits for it any more.
      if cancelled.pointee.load(ordering: .relaxed) { throw .threw(CancellationError()) }
      let body = try WorkBody(task.work, registry, last: &seat.lastFunction)
      guard let type = body.resultType(first: firstType, registry) else {
        throw .cannotRun("the type of its result is not registered on this worker")
      }
      self.type = type
      var state = TaskContextState(stop: stop, cancelled: cancelled, threadIndex: seat.number)
      enterPage()
      do throws(WorkFailure) {
        try withUnsafeMutablePointer(to: &state) { (state) throws(WorkFailure) in
          try body.run(inputs, count: inputCount, TaskContext(state), into: slot)
        }
      } catch {
        guard case .threw(let thrown) = error, thrown is TaskSuspended, let work = state.work else { throw error }
        clearInputs()
        return wait(work, seat)
      }
      failure = measure(type, task, seat)
    } catch {
      failure = error.record(key: task.digest, label: task.label)
    }
    clearInputs()
    if failure != nil { slot.pointee.clear() }
    ceasesToCompute()
    self.task = nil
    return true
  }

  /// Goes on with the body after it has waited without a thread. When everything ends, two threads may be asked to: nothing of
  /// the run but its asynchronous part is looked at before that has said whose turn it is.
  ///
  /// - Returns: Whether it has ended, on this thread.
  func goOn(on seat: BodySeat) -> Bool {
    guard let body = asyncBody.withLock({ $0 }) else { return false }
    let outcome = body.turn(
      isFirst: false,
      goOn: {
        threadNumber = seat.number
        beginsToCompute()
      }, pause: { ceasesToCompute() })
    return finish(outcome, seat)
  }

  /// The rest of the body is asynchronous: begins it.
  private func wait(_ work: AsyncWork, _ seat: BodySeat) -> Bool {
    let body = AsyncBody(self, seat.threads)
    asyncBody.withLock { $0 = body }
    body.start(work, inside)
    // Who cancelled before looked in vain.
    if isCancelled { body.cancel() }
    return finish(body.turn(isFirst: true, goOn: {}, pause: { ceasesToCompute() }), seat)
  }

  /// - Parameter outcome: What the asynchronous part gave; nil when it is not over, or not on this thread.
  private func finish(_ outcome: Result<Slot, any Error>?, _ seat: BodySeat) -> Bool {
    guard let outcome, let task else { return false }
    asyncBody.withLock { $0 = nil }
    switch outcome {
    case .success(let value):
      slot.pointee = value
      if let type { failure = measure(type, task, seat) }
      if failure != nil { slot.pointee.clear() }
    case .failure(let error): failure = WorkFailure.threw(error).record(key: task.digest, label: task.label)
    }
    ceasesToCompute()
    self.task = nil
    return true
  }

  // MARK: While it waits

  private func enterPage() {
    guard let page = limits.page, let task else { return }
    noted = page.enter(RunningTask(digest: task.digest, task: task.task, run: task.run), hint: threadNumber)
  }

  /// It does not run (any more), as far as its time and the supervisor are concerned.
  private func ceasesToCompute() {
    nanoseconds += Int64(martlet_monotonic_nanoseconds() - began)
    if let noted { limits.page?.leave(noted) }
    noted = nil
  }

  private func beginsToCompute() {
    began = martlet_monotonic_nanoseconds()
    enterPage()
  }

  /// Its thread begins to sleep.
  func rests(_ wake: @escaping @Sendable () -> Void) {
    ceasesToCompute()
    place.enter(wake, isCancelled: { isCancelled })
  }

  /// Its thread goes on.
  func restIsOver() { beginsToCompute() }

  // MARK: For other threads

  /// Whether nobody wants its result.
  var isCancelled: Bool { cancelled.pointee.load(ordering: .sequentiallyConsistent) }

  /// Nobody wants its result: it hears so when it asks, and where it waits.
  func cancel() {
    cancelled.pointee.store(true, ordering: .sequentiallyConsistent)
    place.cancel()
    asyncBody.withLock { $0 }?.cancel()
  }

  /// Whether it waits to go on without a thread.
  var isAsyncAwake: Bool { asyncBody.withLock { $0 }?.isAwake ?? false }

  /// Finds out what the result takes, and its bytes if they are few. Why it is none, if it is none.
  private func measure(_ type: PortableValueType, _ task: ComputeTask, _ seat: BodySeat) -> FailureRecord? {
    let resident = type.residentBytes(of: slot.pointee)
    byteCount = Int64(resident)
    let knowsSize = type.knowsSize
    if resident <= BodyRun.inlineCandidateBytes || !knowsSize {
      // Long arrays are not copied for that.
      do throws(ByteError) {
        if knowsSize {
          try type.write(slot.pointee, by: &seat.writer)
          if seat.writer.byteCount <= limits.inlineBytes { inline = seat.writer.takeBytes() }
          seat.writer.cut(to: 0)
        } else {
          let written = try type.writtenBytes(of: slot.pointee)
          byteCount = max(byteCount, Int64(written.byteCount))
          if written.byteCount <= limits.inlineBytes { inline = written.bytes }
        }
      } catch {
        return FailureRecord(
          .unsendable, key: task.digest, label: task.label, message: "its result cannot be written: \(error.message)")
      }
    }
    guard byteCount > limits.maximumBytes else { return nil }
    return FailureRecord(
      .unsendable, key: task.digest, label: task.label,
      message: "its result takes \(byteCount) bytes, \(limits.maximumBytes) are allowed: divide it")
  }
}
