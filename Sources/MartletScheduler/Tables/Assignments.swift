import MartletProtocol

/// What was given to workers and has not ended: a record each, in a list of the worker's.
struct Assignments: ~Copyable {
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
  }

  /// No assignment.
  static let none = UInt32.max

  private var records = Table<Assignment>()
  private var free = Assignments.none
  /// By worker: the newest.
  private var firsts = Table<UInt32>()
  private(set) var count = 0

  subscript(place: UInt32) -> Assignment {
    @inline(__always) get { records[Int(place)] }
  }

  /// The newest of a worker's, or `none`.
  func first(of worker: UInt32) -> UInt32 {
    Int(worker) < firsts.count ? firsts[Int(worker)] : Assignments.none
  }

  /// The one that was given to the same worker before.
  func next(_ place: UInt32) -> UInt32 { records[Int(place)].next }

  /// Notes a task that a worker is given; its place is kept in the task's record.
  mutating func add(
    _ task: UInt32, to worker: UInt32, nanoseconds: Int64, bytes: Int64, since: Timestamp
  ) -> UInt32 {
    while firsts.count <= Int(worker) { firsts.append(Assignments.none) }
    let next = firsts[Int(worker)]
    let new = Assignment(
      task: task, next: next, previous: Assignments.none, nanoseconds: nanoseconds, bytes: bytes, since: since)
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

  mutating func remove(_ place: UInt32, of worker: UInt32) {
    let old = records[Int(place)]
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
