import MartletProtocol

/// What was given to workers and has not ended: a record each, in a list of the worker's.
struct Assignments: ~Copyable {
  /// What a task takes of its worker.
  enum Load: UInt8, BitwiseCopyable {
    /// A thread of those that compute.
    case computing
    /// A thread of its own.
    case blocking
    /// No thread: its body waits.
    case suspended
  }

  /// A task on a worker.
  struct Assignment: BitwiseCopyable {
    let task: UInt32
    fileprivate var next: UInt32
    fileprivate var previous: UInt32
    /// What the worker was booked with.
    var nanoseconds: Int64
    var bytes: Int64
    /// When it was given.
    var since: Timestamp
    fileprivate(set) var load: Load
  }

  /// No assignment.
  static let none = UInt32.max

  private var records = Table<Assignment>()
  private var free = Assignments.none
  /// By worker: the newest.
  private var firsts = Table<UInt32>()
  private(set) var count = 0
  /// Those whose bodies wait.
  private(set) var suspendedCount = 0

  subscript(place: UInt32) -> Assignment {
    @inline(__always) get { records[Int(place)] }
  }

  /// Asks for the memory of an assignment that is looked at soon.
  @inline(__always)
  func foresee(_ place: UInt32) { records.foresee(Int(place)) }

  /// The newest of a worker's, or `none`.
  func first(of worker: UInt32) -> UInt32 {
    Int(worker) < firsts.count ? firsts[Int(worker)] : Assignments.none
  }

  /// The one that was given to the same worker before.
  func next(_ place: UInt32) -> UInt32 { records[Int(place)].next }

  /// Notes a task that a worker is given; its place is kept in the task's record.
  mutating func add(
    _ task: UInt32, to worker: UInt32, nanoseconds: Int64, bytes: Int64, since: Timestamp, load: Load
  ) -> UInt32 {
    while firsts.count <= Int(worker) { firsts.append(Assignments.none) }
    let next = firsts[Int(worker)]
    let new = Assignment(
      task: task, next: next, previous: Assignments.none, nanoseconds: nanoseconds, bytes: bytes, since: since,
      load: load)
    let place: UInt32
    if free == Assignments.none {
      place = UInt32(records.count)
      records.append(new)
    } else {
      place = free
      free = records[Int(place)].next
      records[Int(place)] = new
    }
    if next != Assignments.none { records[Int(next)].previous = place }
    firsts[Int(worker)] = place
    count += 1
    return place
  }

  /// Its body waits from now on, or goes on.
  mutating func change(_ place: UInt32, to load: Load) {
    suspendedCount += (load == .suspended ? 1 : 0) - (records[Int(place)].load == .suspended ? 1 : 0)
    records[Int(place)].load = load
  }

  mutating func remove(_ place: UInt32, of worker: UInt32) {
    let old = records[Int(place)]
    if old.load == .suspended { suspendedCount -= 1 }
    if old.previous == Assignments.none {
      firsts[Int(worker)] = old.next
    } else {
      records[Int(old.previous)].next = old.next
    }
    if old.next != Assignments.none { records[Int(old.next)].previous = old.previous }
    records[Int(place)].next = free
    free = place
    count -= 1
  }

  /// The tasks of a worker, the newest first.
  func tasks(of worker: UInt32) -> [UInt32] {
    var found: [UInt32] = []
    var place = first(of: worker)
    while place != Assignments.none {
      found.append(records[Int(place)].task)
      place = records[Int(place)].next
    }
    return found
  }
}
