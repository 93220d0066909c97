import Glibc

/// The messages, in one place.
extension NetworkError {
  /// `error` is an errno that came while `doing` ("connect to", "listen on", …) `place`.
  static func system(_ error: Int32, _ doing: String, _ place: String) -> NetworkError {
    let (code, remedy) = explanation(of: error)
    let reason = String(cString: strerror(error))
    return NetworkError(code, "cannot \(doing) \(place): \(reason)", remedy: remedy, systemError: error)
  }

  private static func explanation(of error: Int32) -> (Code, String) {
    switch error {
    case ECONNREFUSED: (.refused, "Check that the program there runs and that the port is right")
    case ETIMEDOUT: (.timedOut, "Check the network and any firewall between the two machines")
    case EHOSTUNREACH, ENETUNREACH, ENETDOWN, EHOSTDOWN: (.unreachable, "Check the address and the network")
    case ECONNRESET, ECONNABORTED: (.reset, "Look into the log of the other end for the reason")
    case EPIPE: (.broken, "Look into the log of the other end for the reason")
    case EADDRINUSE: (.addressInUse, "Choose another port, or 0 for a free one")
    case EADDRNOTAVAIL: (.addressNotAvailable, "Choose an address of this machine")
    case EACCES, EPERM: (.notPermitted, "Choose a port of 1024 or more, or ask for the permission")
    case EMFILE, ENFILE: (.tooManyDescriptors, "Raise the limit of open files (ulimit -n)")
    default: (.system, "See errno \(error) in the system's manual")
    }
  }

  static func unknownHost(_ host: String, reason: String) -> NetworkError {
    NetworkError(
      .unknownHost, "cannot look up \"\(host)\": \(reason)", remedy: "Check the name, or give an address in numbers")
  }

  static func notNumeric(_ host: String) -> NetworkError {
    NetworkError(
      .invalidAddress, "\"\(host)\" is not an address in numbers", remedy: "Look the name up before, on another thread")
  }

  static func invalidPort(_ port: Int) -> NetworkError {
    NetworkError(.invalidAddress, "\(port) is not a port", remedy: "Give a port between 0 and 65535")
  }

  static func connectTimedOut(_ place: String, _ limit: Duration) -> NetworkError {
    NetworkError(
      .timedOut, "cannot connect to \(place): no answer within \(limit)",
      remedy: "Check the address, the network and any firewall between the two machines", systemError: ETIMEDOUT)
  }

  static func inputTooLong(_ place: String, limitBytes: Int) -> NetworkError {
    NetworkError(
      .inputTooLong, "\(place) sent a message of more than \(limitBytes) bytes",
      remedy: "Check that it speaks this program's protocol, or raise the limit")
  }

  static func truncatedFile(_ place: String, missingBytes: Int) -> NetworkError {
    NetworkError(
      .truncatedFile, "a file for \(place) ended \(missingBytes) bytes too early",
      remedy: "Leave the file alone while it is being sent")
  }

  static func stopped(_ loop: String) -> NetworkError {
    NetworkError(.stopped, "the event loop \"\(loop)\" was shut down", remedy: "Make a new one")
  }

  static func noThread(_ name: String, _ error: Int32) -> NetworkError {
    NetworkError(
      .system, "the system refuses a thread for \(name): \(String(cString: strerror(error)))",
      remedy: "Raise the limit of processes (ulimit -u)", systemError: error)
  }
}
