/// Values in the language of JSON.
package enum JSON {
  /// A string, in its quotes. Nothing in it ends a script element either, so that it may stand in an HTML page.
  package static func string(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      // Control characters must be escaped. `<` need not, but `</script>` and `<!--` mean something to HTML; so do U+2028 and
      // U+2029, which end a line, to JavaScript before 2019, and U+202A to U+202E turn the direction of writing round.
      // Terminals obey U+0080 to U+009F.
      case "<", "\u{2028}", "\u{2029}", "\u{202a}"..."\u{202e}", "\u{7f}"..."\u{9f}", "\0"..."\u{1f}":
        let digits = String(scalar.value, radix: 16)
        quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }
}
