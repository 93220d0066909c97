import MartletEngine

/// The thread that starts processes: they die with the thread that has started them, so it has to be one that lives as long as
/// this process.
enum ProcessThread {
  private final class State: @unchecked Sendable {
    // Sendable: `monitor` guards the rest.
    let monitor = Monitor()
    var requests: [() -> Void] = []
    var isStarted = false
  }

  private static let state = State()

  /// Runs `body` there, and waits for it.
  static func run<Value>(_ body: @escaping () throws -> Value) throws -> Value {
    let answer = Answer<Value>()
    state.monitor.withLock {
      state.requests.append { answer.set(Result { try body() }) }
      if !state.isStarted {
        state.isStarted = true
        startThread(named: "processes") { work() }
      }
      state.monitor.signal()
    }
    return try answer.get()
  }

  private static func work() {
    while true {
      let request = state.monitor.withLock {
        while state.requests.isEmpty { state.monitor.wait() }
        return state.requests.removeFirst()
      }
      request()
    }
  }

  private final class Answer<Value> {
    private let monitor = Monitor()
    private var result: Result<Value, any Error>?

    func set(_ value: Result<Value, any Error>) {
      monitor.withLock {
        result = value
        monitor.signal()
      }
    }

    func get() throws -> Value {
      try monitor.withLock {
        while true {
          if let result { return result }
          monitor.wait()
        }
      }.get()
    }
  }
}
