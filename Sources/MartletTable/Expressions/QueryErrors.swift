extension TableError {
  /// A mistake in the query. Names and texts of the query in it are shown on one line.
  static func query(_ message: String, remedy: String) -> TableError {
    TableError(.invalidQuery, oneLine(message), remedy: oneLine(remedy))
  }

  /// A whole number that does not fit.
  static func beyond64Bits(_ source: Expression, _ values: String) -> TableError {
    TableError(
      .malformedData, oneLine("\(Binder.short(source)) goes beyond 64 bits: \(values)"),
      remedy: "compute with doubles: CAST(x AS double)")
  }

  /// The text with blanks in place of control characters.
  static func oneLine(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) { return text }
    return String(String.UnicodeScalarView(text.unicodeScalars.map { DisplayWidth.isControl($0) ? " " : $0 }))
  }
}
