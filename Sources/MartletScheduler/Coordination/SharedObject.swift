import MartletProtocol

/// Who takes part in a coordination.
enum Member: Hashable, Sendable {
  case client(ClientID)
  case worker(WorkerID)
}

/// Something that clients and tasks share under a name. It is there while it holds something or somebody waits for it.
struct SharedObject: Sendable {
  /// What it is. Each kind has names of its own.
  enum Kind: UInt8, Hashable, Sendable {
    case queue, variable, event, semaphore, topic
  }

  /// Kind and name.
  struct Name: Hashable, Sendable {
    let kind: Kind
    let text: String
  }

  let name: Name
  /// What a queue holds, or the one value of a variable.
  var values = Fifo<SharedValue>()
  /// Whether an event is set.
  var isSet = false
  /// The places of a semaphore, and how many are taken.
  var places: UInt32 = 0
  var taken: UInt32 = 0
  /// Those who wait to get something, and those who wait to put something, by the numbers of their parts.
  var getting = Fifo<UInt32>()
  var putting = Fifo<UInt32>()
  /// Leases of a semaphore, listeners of a topic, by the numbers of their parts, in the order of their coming.
  var holding: [UInt32] = []

  init(_ name: Name) { self.name = name }

  /// Whether it can be forgotten.
  var isIdle: Bool { values.isEmpty && !isSet && getting.isEmpty && putting.isEmpty && holding.isEmpty }
}

/// The part that somebody has in an object for a while: he waits, holds a lease, or listens.
struct Part: Sendable {
  enum Role: Sendable {
    case getting
    case putting(SharedValue, limit: Int)
    /// So many places, for a lease of so many nanoseconds; 0: as long as he is there.
    case acquiring(places: UInt32, Int64)
    case leasing(places: UInt32, Int64, lease: UInt64)
    case listening
  }

  let object: UInt32
  let member: Member
  /// The request that he is answered by.
  let request: UInt32
  let role: Role
  var asker: Coordination.Asker { Coordination.Asker(member: member, request: request) }
  /// When it is over; `Int64.max`: never.
  var deadline = Int64.max
}
