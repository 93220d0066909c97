/// Text that may be written to a terminal.
enum TerminalText {
  /// The text with blanks for what would break the line or steer the terminal.
  static func plain(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var plain = ""
    for scalar in text.unicodeScalars { plain.unicodeScalars.append(isControl(scalar) ? " " : scalar) }
    return plain
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
  }

  /// How many columns text takes: none for marks that stand on the character before, two for ideographs and pictures.
  static func columns(of text: some StringProtocol) -> Int {
    text.unicodeScalars.reduce(0) { $0 + columns(of: $1) }
  }

  private static func columns(of scalar: Unicode.Scalar) -> Int {
    if scalar.value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    switch scalar.value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE4F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x1F300...0x1F64F, 0x1F680...0x1FAFF, 0x20000...0x3FFFD:
      return 2
    default: return 1
    }
  }

  /// The text, or its beginning and `…`, so that it takes at most `limit` columns.
  static func shortened(_ text: String, to limit: Int) -> String {
    if columns(of: text) <= limit { return text }
    var kept = ""
    var left = limit - 1
    for character in text {
      left -= columns(of: String(character))
      if left < 0 { break }
      kept.append(character)
    }
    return limit > 0 ? kept + "…" : ""
  }

  /// As many of the facts as fit into `width` columns, in their order, two blanks between.
  static func joined(_ facts: [String?], width: Int) -> String {
    var line = ""
    for case let fact? in facts {
      let longer = line.isEmpty ? fact : line + "  " + fact
      if columns(of: longer) > width { break }
      line = longer
    }
    return line
  }

  /// A bar of so many columns, brackets included.
  static func bar(_ share: Double, columns: Int) -> String {
    let room = columns - 2
    let filled = Int(min(1, max(0, share)) * Double(room))
    var bar = String(repeating: "=", count: filled)
    if filled < room { bar += ">" }
    return "[" + bar + String(repeating: " ", count: room - bar.count) + "]"
  }
}
