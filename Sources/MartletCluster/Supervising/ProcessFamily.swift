import Glibc
import MartletSystem

/// Some processes that live and end together: TERM, INT and HUP are passed on to all, and they die with this one, however that
/// ends.
struct ProcessFamily {
  /// The path of what is started.
  let program: String
  /// Of each process, without its name.
  let arguments: [[String]]

  /// Runs until the last has ended. Blocks; to be called before another thread is started, on the first, because signals are
  /// held back from it.
  /// - Returns: The exit status of the first that did not end well, 0 when there is none.
  /// - Throws: Why one could not be started; then the others are ended.
  func run() throws(ChildProcessError) -> Int32 {
    martlet_ignore_write_signals()
    let signals = martlet_open_signals()
    guard signals >= 0 else { throw ChildProcessError(program: program, code: -signals) }
    defer { close(signals) }
    var members: [ChildProcess] = []
    for words in arguments {
      var plan = ChildProcess.Plan(program: program, arguments: [CommandLine.arguments.first ?? program] + words)
      plan.ownGroup = true
      do throws(ChildProcessError) {
        members.append(try ChildProcess(plan))
      } catch {
        for member in members { member.send(SIGINT) }
        for place in members.indices { _ = members[place].wait(blocks: true) }
        throw error
      }
    }
    return watch(&members, signals)
  }

  private func watch(_ members: inout [ChildProcess], _ signals: Int32) -> Int32 {
    var status: Int32 = 0
    var heard = 0
    while true {
      for place in members.indices where members[place].end == nil {
        guard let end = members[place].wait(blocks: false), status == 0 else { continue }
        switch end {
        case .exited(let code): status = code
        case .signalled(let number): status = 128 + number
        }
      }
      if members.allSatisfy({ $0.end != nil }) { return status }
      // A second at most: the end of a process may be seen late, never missed.
      var event = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
      poll(&event, 1, 1000)
      while case let signal = martlet_next_signal(signals), signal != 0 {
        if signal == SIGCHLD { continue }
        heard += 1
        for member in members { member.send(heard < 3 ? signal : SIGKILL) }
      }
    }
  }
}
