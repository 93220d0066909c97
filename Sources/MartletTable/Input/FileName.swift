/// Names of files as strings, also those that are no UTF-8: to the system a name is bytes, of which only zero and the slash
/// mean something.
///
/// A byte that belongs to no character becomes a character of its own in a private plane, U+F0000 and the byte, and becomes
/// that byte again where the system is asked (the idea of PEP 383). Names that have such characters themselves are taken
/// apart in the same way, so that every name comes back as it was.
package enum FileName {
  private static let plane: UInt32 = 0xF0000

  /// The string for the bytes of a name.
  package static func text(_ bytes: some Sequence<UInt8>) -> String {
    let bytes = Array(bytes)
    if let text = String(validating: bytes, as: UTF8.self), !text.unicodeScalars.contains(where: isByte) { return text }
    var text = String.UnicodeScalarView()
    var start = 0
    while start < bytes.count {
      var rest = bytes[start...].makeIterator()
      var parser = Unicode.UTF8.ForwardParser()
      var count = 1
      if case .valid(let encoded) = parser.parseScalar(from: &rest) {
        let scalar = Unicode.UTF8.decode(encoded)
        count = encoded.count
        if !isByte(scalar) {
          text.append(scalar)
          start += count
          continue
        }
      }
      // One byte at a time where there is no character: the next may begin with the second.
      for byte in bytes[start..<start + count] { text.append(Unicode.Scalar(plane + UInt32(byte))!) }
      start += count
    }
    return String(text)
  }

  /// The string for a name that the system gives.
  package static func text(_ name: UnsafePointer<CChar>) -> String {
    var bytes: [UInt8] = []
    var place = name
    while place.pointee != 0 {
      bytes.append(UInt8(bitPattern: place.pointee))
      place += 1
    }
    return text(bytes)
  }

  /// The bytes of a name, without the zero at the end.
  package static func bytes(_ text: String) -> [UInt8] {
    guard text.unicodeScalars.contains(where: isByte) else { return Array(text.utf8) }
    var bytes: [UInt8] = []
    for scalar in text.unicodeScalars {
      if isByte(scalar) { bytes.append(UInt8(scalar.value - plane)) } else { bytes += Array(String(scalar).utf8) }
    }
    return bytes
  }

  /// A message with a name in it: bytes that are no character as `\xE9`.
  package static func shown(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: isByte) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      if isByte(scalar) {
        shown += "\\x" + String(scalar.value - plane, radix: 16, uppercase: true)
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }

  private static func isByte(_ scalar: Unicode.Scalar) -> Bool { (plane + 0x80...plane + 0xFF).contains(scalar.value) }
}

extension String {
  /// The name of a file as the system takes it: with a zero at the end.
  package var systemName: [CChar] { FileName.bytes(self).map { CChar(bitPattern: $0) } + [0] }
}
