import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// Standard error, a line at a time.
enum Console {
  /// Writes `martlet-csv: text` on a line of its own, whatever is in the text.
  static func complain(_ text: String) {
    put(2, "martlet-csv: \(oneLine(text))\n")
  }

  /// Writes text as it is. A descriptor that cannot be written has no one who reads it.
  static func put(_ descriptor: Int32, _ text: String) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        let written = write(descriptor, rest.baseAddress, rest.count)
        if written < 0, errno == EINTR { continue }
        if written <= 0 { return }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
    }
  }

  /// The text with what would break the line or steer a terminal written out: names of files and cells of data get
  /// into messages.
  static func oneLine(_ text: String) -> String {
    let text = FileName.shown(text)
    guard text.unicodeScalars.contains(where: isControl) else { return text }
    var line = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\n": line += "\\n"
      case "\r": line += "\\r"
      case "\t": line += "\\t"
      case _ where isControl(scalar): line += "\\u{" + String(scalar.value, radix: 16) + "}"
      default: line.unicodeScalars.append(scalar)
      }
    }
    return line
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
  }
}
