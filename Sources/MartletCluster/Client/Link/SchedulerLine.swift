import MartletBytes
import MartletClient
import MartletNet
import MartletProtocol

/// The connection to the scheduler.
final class SchedulerLine: SessionOwner, @unchecked Sendable {
  // Sendable: the loop's thread alone uses it.
  private unowned let shell: ClientShell
  private var session: Session?

  init(_ shell: ClientShell) { self.shell = shell }

  func connect(_ address: HostAndPort, _ settings: SessionSettings) throws(NetworkError) {
    session = try Session.connect(
      host: address.host, port: address.port, on: shell.loop, settings: settings, owner: self)
  }

  func tell(_ message: ClientToScheduler) throws(MessageTooLarge) { try session?.send(message) }

  /// Bytes that went to the scheduler.
  var sentBytes: Int { session?.sentBytes ?? 0 }

  func finish() {
    session?.finish()
    session = nil
  }

  func agreed(_ session: Session, _ agreement: Handshake.Agreement) {
    // A scheduler's process is a cluster of its own: its number tells whether handles still hold.
    shell.schedulerConnected(self, epoch: agreement.peer.cluster.low)
  }

  func received(_ session: Session, head: [UInt8]) throws(ByteError) {
    var reader = ByteReader(head)
    while reader.remaining > 0, session.isOpen {
      shell.feed(.schedulerSaid(try SchedulerToClient(from: &reader)))
    }
  }

  func outputPressureChanged(_ session: Session, isHigh: Bool) { shell.pressureChanged(isHigh: isHigh) }

  func ended(_ session: Session, _ end: SessionEnd) {
    self.session = nil
    shell.schedulerEnded(self, end)
  }
}
