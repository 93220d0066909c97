/// Tasks in the order in which they came, linked through themselves: any of them is taken out in a few instructions. Owns
/// them. Used under the lock of their pool.
struct TaskQueue {
  private var first: Unmanaged<AnyFuture>?
  private var last: Unmanaged<AnyFuture>?

  /// The first of them.
  var head: AnyFuture? { first?.takeUnretainedValue() }

  @inline(__always)
  mutating func append(_ task: AnyFuture) {
    let new = Unmanaged.passRetained(task)
    task.previous = last
    if let last { last._withUnsafeGuaranteedRef { $0.next = new } } else { first = new }
    last = new
  }

  @inline(__always)
  mutating func popFirst() -> AnyFuture? {
    guard let first else { return nil }
    let task = first.takeRetainedValue()
    self.first = task.next
    if let next = task.next { next._withUnsafeGuaranteedRef { $0.previous = nil } } else { last = nil }
    task.next = nil
    return task
  }

  mutating func remove(_ task: AnyFuture) {
    let (before, after) = (task.previous, task.next)
    if let before { before._withUnsafeGuaranteedRef { $0.next = after } } else { first = after }
    if let after { after._withUnsafeGuaranteedRef { $0.previous = before } } else { last = before }
    task.next = nil
    task.previous = nil
    Unmanaged.passUnretained(task).release()
  }
}
