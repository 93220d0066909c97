import Glibc

/// How much a line of a log matters.
package enum LogLevel: String, CaseIterable, Comparable, Sendable {
  case debug, info, warning, error

  /// Orders by weight.
  package static func < (left: LogLevel, right: LogLevel) -> Bool {
    LogLevel.allCases.firstIndex(of: left)! < LogLevel.allCases.firstIndex(of: right)!
  }
}

/// How a log is written.
package enum LogFormat: String, CaseIterable, Sendable {
  /// `2026-01-31T12:00:00.123Z info  text name=value`
  case text
  /// `{"time":"…","level":"info","message":"text","name":"value"}`
  case json
}

/// Lines for an operator: one line an event, whatever is in the event.
package struct Log: Sendable {
  private let level: LogLevel
  private let put: @Sendable (LogLevel, String, [(String, String)]) -> Void

  /// A log that gives lines of `level` and above to `put`.
  package init(level: LogLevel, _ put: @escaping @Sendable (LogLevel, String, [(String, String)]) -> Void) {
    self.level = level
    self.put = put
  }

  /// A log that writes lines to a descriptor, each with one system call.
  package init(level: LogLevel, format: LogFormat, descriptor: Int32 = STDERR_FILENO) {
    self.init(level: level) { level, message, fields in
      let line = Log.line(level, message, fields, format: format, at: Log.time())
      OutputText.write(line + "\n", to: descriptor)
    }
  }

  /// A log that nobody reads.
  package static let silent = Log(level: .error) { _, _, _ in }

  package func debug(_ message: @autoclosure () -> String, _ fields: (String, String)...) {
    if level <= .debug { put(.debug, message(), fields) }
  }
  package func info(_ message: @autoclosure () -> String, _ fields: (String, String)...) {
    if level <= .info { put(.info, message(), fields) }
  }
  package func warning(_ message: @autoclosure () -> String, _ fields: (String, String)...) {
    if level <= .warning { put(.warning, message(), fields) }
  }
  package func error(_ message: @autoclosure () -> String, _ fields: (String, String)...) {
    put(.error, message(), fields)
  }

  static func line(
    _ level: LogLevel, _ message: String, _ fields: [(String, String)], format: LogFormat, at time: String
  ) -> String {
    switch format {
    case .text:
      var line = time + " " + level.rawValue + String(repeating: " ", count: 8 - level.rawValue.count)
      line += OutputText.oneLine(message)
      for (name, value) in fields {
        let isPlain = !value.isEmpty && value.unicodeScalars.allSatisfy { $0 != " " && $0 != "\"" && $0 != "=" }
        line += " \(name)=" + (isPlain ? OutputText.oneLine(value) : JSONWriter.quoted(value))
      }
      return line
    case .json:
      var json = JSONWriter()
      json.object { json in
        json.field("time", time)
        json.field("level", level.rawValue)
        json.field("message", message)
        for (name, value) in fields { json.field(name, value) }
      }
      return json.text
    }
  }

  /// Now, in UTC, with milliseconds.
  static func time() -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    var parts = tm()
    gmtime_r(&now.tv_sec, &parts)
    func digits(_ number: Int, _ width: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    let date = "\(Int(parts.tm_year) + 1900)-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
    let clock = "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
    return "\(date)T\(clock).\(digits(now.tv_nsec / 1_000_000, 3))Z"
  }
}
