package import MartletNet
import MartletProtocol
package import MartletWorker

/// What can be chosen about a worker's process.
package struct WorkerServerSettings: Sendable {
  /// The scheduler: `host:port`, with or without `tcp://` in front.
  package var scheduler: String
  /// What it is called; empty: its address.
  package var name = ""
  /// Where it listens for peers and clients; port 0 picks a free one.
  package var host = "127.0.0.1"
  package var port = 0
  /// Where others reach it, as `host:port` or a host; empty: where it listens, or, where that is every address, the address
  /// that the scheduler sees.
  package var advertise = ""
  /// Bodies that run at one time.
  package var threads = 1
  /// Bytes of results and of the process; 0: no limit, and nothing is spilled.
  package var memoryLimit: Int64 = 0
  /// Whether what the process takes counts against the limit, not only results: false where it has other work as well.
  package var measuresProcess = true
  /// What tasks may need of it beside threads.
  package var resources: [String: Double] = [:]
  /// Where results are spilled: a directory of its own is made in there. Empty: that of the system for short-lived files.
  package var localDirectory = ""
  /// What the scheduler, peers and clients must know; empty: nothing.
  package var secret: [UInt8] = []
  /// Whether a network may reach it without a secret.
  package var isInsecure = false
  /// Where operators reach it on this machine, 0 for a free port; nil: nowhere.
  package var httpPort: Int?
  package var httpHost = "127.0.0.1"
  /// For how long it looks for its scheduler, at the start and whenever it is lost.
  package var reconnectSeconds = 60.0
  /// How long bodies that run may take to end when it is stopped. Threads that take longer are left alone.
  package var stopPatience: Duration = .seconds(5)
  /// How long it may take to hand over what it holds when it retires; then it is stopped. Nil: as long as it takes.
  package var retirePatience: Duration?
  /// How long others may take to hear that it ends.
  package var farewell: Duration = .milliseconds(500)
  /// A peer that owes data and sends nothing for so long is given up, and so is one that does not read what it asked for.
  package var transferSilence: Duration = .seconds(30)
  /// How long others may take to greet.
  package var handshakeLimit: Duration = .seconds(10)
  /// Connections of peers and clients at one time.
  package var maximumRequesters = 4096
  /// A larger result is a failure of its task.
  package var maximumResultBytes = WireLimits.resultBytes
  /// Decisions; `threads` and `memoryLimit` above count.
  package var core = WorkerSettings()
  /// Options of the loop.
  package var loop = LoopSettings()
  package var log = Log.silent
  /// Where a supervisor reads which tasks run; nil: there is none.
  package var page: RunningTasksPage?

  package init(scheduler: String = "") { self.scheduler = scheduler }
}

/// How a worker ended.
package enum WorkerEnd: Equatable, Sendable {
  /// All that it held is elsewhere.
  case retired
  /// It was told to.
  case stopped
  /// Its process shall be started anew.
  case restarted
  /// The scheduler does not want it, and would not the next time.
  case refused(String)
  /// No scheduler was found for too long.
  case gaveUp(String)
}
