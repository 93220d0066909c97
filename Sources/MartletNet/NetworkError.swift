/// Why something with the network failed: what, where, and what to do about it.
package struct NetworkError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kind of failure, for programs.
  package enum Code: Sendable {
    /// A name that nobody knows, or that could not be looked up.
    case unknownHost
    /// An address that cannot be one: an empty host, a port out of range.
    case invalidAddress
    /// Nobody listens there.
    case refused
    /// No answer in the time given.
    case timedOut
    /// No way to that machine.
    case unreachable
    /// The other end, or something between, ended the connection without saying so in order.
    case reset
    /// The other end stopped reading: what was queued could not be sent.
    case broken
    /// Another socket has this address.
    case addressInUse
    /// This machine does not have this address.
    case addressNotAvailable
    /// The system does not allow it.
    case notPermitted
    /// No descriptor was left.
    case tooManyDescriptors
    /// A message is longer than the limit of partial input.
    case inputTooLong
    /// A file was shorter than what was promised of it.
    case truncatedFile
    /// The event loop was shut down.
    case stopped
    /// Another error of the system; `systemError` has it.
    case system
  }

  /// The kind of this failure.
  package let code: Code
  /// What failed and where.
  package let message: String
  /// What to do about it: one imperative sentence.
  package let remedy: String
  /// The system's number of the error below this one, or 0.
  package let systemError: Int32

  package init(_ code: Code, _ message: String, remedy: String, systemError: Int32 = 0) {
    self.code = code
    self.message = message
    self.remedy = remedy
    self.systemError = systemError
  }

  /// The message, then the remedy.
  package var description: String { "\(message). \(remedy)." }
}
