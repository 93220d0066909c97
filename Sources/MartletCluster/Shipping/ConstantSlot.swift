import MartletGraph
import Synchronization

extension TaskGraph {
  /// What a task without inputs gives that does nothing but that: a constant, or an array of nothing. The caller clears the
  /// slot.
  func constant(_ task: TaskID) throws -> Slot {
    var slot = Slot()
    let never = UnsafeMutablePointer<Atomic<Bool>>.allocate(capacity: 1)
    never.initialize(to: Atomic(false))
    defer { never.deallocate() }
    var state = TaskContextState(stop: never, cancelled: never, threadIndex: 0)
    try withUnsafeMutablePointer(to: &state) { state in
      // Nothing is read from where there are no inputs.
      var nothing = Slot()
      var number: UInt32 = 0
      try withUnsafeMutablePointer(to: &nothing) { nothing in
        try withUnsafePointer(to: &number) { number in
          try cells[task.index].run(
            TaskInputs(slots: nothing, ids: number, count: 0, uses: nil), TaskContext(state), &slot)
        }
      }
    }
    return slot
  }
}
