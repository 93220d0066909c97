/// The workers that are looked at for one task. Kept from task to task, so that a look allocates nothing.
struct Placing: Sendable {
  struct Candidate: BitwiseCopyable, Sendable {
    var worker: UInt32
    /// Bytes of the inputs that it holds.
    var heldBytes: Int64
  }

  var candidates: [Candidate] = []
  /// By worker: the look in which it was found last, and its place among the candidates of that.
  private var marks: [(look: UInt32, place: UInt32)] = []
  private var look: UInt32 = 0

  /// Begins to look.
  mutating func begin(workers: Int) {
    candidates.removeAll(keepingCapacity: true)
    while marks.count < workers { marks.append((0, 0)) }
    look &+= 1
    if look == 0 {
      for worker in marks.indices { marks[worker].look = 0 }
      look = 1
    }
  }

  /// Adds a candidate; one that is known stays as it is.
  mutating func add(_ worker: UInt32) {
    if marks[Int(worker)].look == look { return }
    marks[Int(worker)] = (look, UInt32(candidates.count))
    candidates.append(Candidate(worker: worker, heldBytes: 0))
  }

  /// A worker holds an input; only of interest when it is a candidate.
  mutating func credit(_ worker: UInt32, _ bytes: Int64) {
    if marks[Int(worker)].look == look { candidates[Int(marks[Int(worker)].place)].heldBytes &+= bytes }
  }
}
