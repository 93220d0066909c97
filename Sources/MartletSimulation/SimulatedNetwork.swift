import MartletProtocol

/// Somebody in a simulated cluster. A worker that is started again is another one.
enum Place: Hashable, Sendable {
  case scheduler
  case worker(Int)
  case client(Int)
  case plainClient(Int)
}

/// What is said on a connection.
enum Said: Sendable {
  case toScheduler(ClientToScheduler)
  case fromClientsScheduler(SchedulerToClient)
  case workerToScheduler(WorkerToScheduler)
  case schedulerToWorker(SchedulerToWorker)
  case request(PeerRequest)
  /// A worker's answer; with `data` comes the value. A client gets it later, as the frame's body.
  case reply(PeerReply, SimulatedValue?)
  case body(SimulatedValue)
  /// The frame of a value that a client puts onto a worker.
  case put(request: UInt32, PutValue, SimulatedValue)
}

/// A result as it lies on a worker.
struct SimulatedValue: Equatable, Sendable {
  var number: UInt64
  var bytes: Int64
}

/// A connection of two places: what is said in one direction comes in that order, whatever happens elsewhere.
struct Connection: Sendable {
  let opener: Place
  let accepter: Place
  /// The number of the scheduler's life that it leads to, or from.
  let epoch: UInt64
  /// Which of the two ends still believe that it is there.
  var isOpen = (opener: true, accepter: true)
  /// It swallows everything.
  var isSilent = false
  /// When the last message of each direction comes.
  var lastTime: (toAccepter: Int64, toOpener: Int64) = (0, 0)

  init(opener: Place, accepter: Place, epoch: UInt64) {
    self.opener = opener
    self.accepter = accepter
    self.epoch = epoch
  }

  func end(of place: Place) -> any WritableKeyPath<Connection, Bool> & Sendable {
    place == opener ? \.isOpen.opener : \.isOpen.accepter
  }

  func other(_ place: Place) -> Place { place == opener ? accepter : opener }
}
