/// Text and numbers for XML and HTML.
package enum Markup {
  /// Text as content or as the value of an attribute. What XML does not know (control characters, noncharacters), what breaks
  /// a line and what turns the direction of writing round becomes a replacement character or a blank.
  package static func escaped(_ text: String) -> String {
    var escaped = ""
    escaped.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\t", "\n", "\r", "\u{2028}", "\u{2029}": escaped += " "
      case "\0"..."\u{1f}", "\u{7f}"..."\u{9f}", "\u{202a}"..."\u{202e}", "\u{2066}"..."\u{2069}", "\u{fffe}",
        "\u{ffff}":
        escaped += "\u{fffd}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }

  /// The text, or its beginning and `…`, so that it is at most `limit` characters long.
  package static func shortened(_ text: String, to limit: Int) -> String {
    guard let end = text.index(text.startIndex, offsetBy: limit, limitedBy: text.endIndex), end != text.endIndex else {
      return text
    }
    return text.prefix(max(0, limit - 1)) + "…"
  }

  /// With at most one digit behind the point: `12`, `12.3`, `-0.5`.
  package static func number(_ value: Double) -> String {
    let tenths = Int((value * 10).rounded())
    let magnitude = tenths.magnitude
    return (tenths < 0 ? "-" : "") + "\(magnitude / 10)" + (magnitude % 10 == 0 ? "" : ".\(magnitude % 10)")
  }
}
