/// How many cells of a terminal a text takes.
package enum DisplayWidth {
  /// The sum over the text's characters (grapheme clusters): 0, 1 or 2 each.
  package static func of(_ text: String) -> Int {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.utf8.count }
    return text.reduce(0) { $0 + of($1) }
  }

  /// The text, or as much of its start as leaves room for `…` in `width` cells.
  package static func cut(_ text: String, to width: Int) -> String {
    if of(text) <= width { return text }
    var shown = ""
    var used = 0
    for character in text {
      let next = of(character)
      if used + next > width - 1 { break }
      shown.append(character)
      used += next
    }
    return shown + "…"
  }

  private static func of(_ character: Character) -> Int {
    var width = 0
    var previous = 0
    for scalar in character.unicodeScalars {
      // U+FE0F asks for the emoji form of the character before it, which is wide.
      if scalar.value == 0xFE0F, previous == 1 { width = 2 }
      previous = of(scalar)
      // Marks, joiners and modifiers after the first character add nothing: the cluster is drawn as one.
      width = max(width, previous)
    }
    return min(width, 2)
  }

  private static func of(_ scalar: Unicode.Scalar) -> Int {
    let value = scalar.value
    if value < 0x300 { return 1 }
    switch scalar.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format: return 0
    default: break
    }
    return isWide(value) || scalar.properties.isEmojiPresentation ? 2 : 1
  }

  /// Unicode's East Asian Width W and F, by block (EastAsianWidth-16.0; unassigned code points in them included).
  private static func isWide(_ value: UInt32) -> Bool {
    switch value {
    case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
      0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x16FE0...0x18DFF, 0x1AFF0...0x1B2FF, 0x1F200...0x1F2FF, 0x1F300...0x1F64F,
      0x1F680...0x1F6FF, 0x1F900...0x1F9FF, 0x1FA70...0x1FAFF, 0x20000...0x3FFFD:
      // In the emoji blocks only those that are drawn as emoji by themselves are wide.
      return (0x1F300...0x1FAFF).contains(value)
        ? Unicode.Scalar(value).map { $0.properties.isEmojiPresentation || !$0.properties.isEmoji } ?? false : true
    default: return false
    }
  }

  /// Control characters, and those that turn the direction of what follows.
  static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    let value = scalar.value
    return value < 0x20 || (value >= 0x7F && value < 0xA0) || (0x202A...0x202E).contains(value)
      || (0x2066...0x2069).contains(value) || value == 0x2028 || value == 0x2029
  }
}
