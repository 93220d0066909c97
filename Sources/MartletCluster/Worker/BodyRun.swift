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

  init(_ execution: ExecutionID) {
    self.execution = execution
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
  func prepare(_ task: ComputeTask, inputCount count: Int) {
    slot.pointee.clear()
    inline = nil
    failure = nil
    type = nil
    problem = nil
    firstType = nil
    self.task = task
    isBlocking = task.isBlocking
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

  /// Runs the body.
  /// - Parameter stop: Set when nobody wants any results any more.
  func run(
    _ registry: TaskFunctionRegistry, stop: UnsafePointer<Atomic<Bool>>, thread: Int, limits: Limits
  ) {
    let began = martlet_monotonic_nanoseconds()
    guard let task else { return }
    do throws(WorkFailure) {
      if let problem { throw .undecodable(problem) }
      // It waited for its thread, and nobody waits for it any more.
      if cancelled.pointee.load(ordering: .relaxed) { throw .threw(CancellationError()) }
      let body = try WorkBody(task.work, registry)
      var state = TaskContextState(stop: stop, cancelled: cancelled, threadIndex: thread)
      let noted = limits.page?.enter(
        RunningTask(digest: task.digest, task: task.task, run: task.run), hint: thread)
      defer { if let noted { limits.page?.leave(noted) } }
      try withUnsafeMutablePointer(to: &state) { (state) throws(WorkFailure) in
        try body.run(inputs, count: inputCount, TaskContext(state), into: slot)
      }
      guard let type = body.resultType(first: firstType, registry) else {
        throw .cannotRun("the type of its result is not registered on this worker")
      }
      self.type = type
      failure = measure(type, task, limits)
    } catch {
      failure = error.record(key: task.digest, label: task.label)
    }
    clearInputs()
    if failure != nil { slot.pointee.clear() }
    nanoseconds = Int64(martlet_monotonic_nanoseconds() - began)
    self.task = nil
  }

  /// Finds out what the result takes, and its bytes if they are few. Why it is none, if it is none.
  private func measure(_ type: PortableValueType, _ task: ComputeTask, _ limits: Limits) -> FailureRecord? {
    let resident = type.residentBytes(of: slot.pointee)
    byteCount = Int64(resident)
    let knowsSize = type.knowsSize
    if resident <= BodyRun.inlineCandidateBytes || !knowsSize {
      var writer = ByteWriter()
      type.write(slot.pointee, to: &writer)
      if let failure = writer.failure {
        return FailureRecord(
          .unsendable, key: task.digest, label: task.label, message: "its result cannot be written: \(failure.message)")
      }
      let bytes = writer.bytes
      if !knowsSize { byteCount = max(byteCount, Int64(bytes.count)) }
      if bytes.count <= limits.inlineBytes { inline = bytes }
    }
    guard byteCount > limits.maximumBytes else { return nil }
    return FailureRecord(
      .unsendable, key: task.digest, label: task.label,
      message: "its result takes \(byteCount) bytes, \(limits.maximumBytes) are allowed: divide it")
  }
}
