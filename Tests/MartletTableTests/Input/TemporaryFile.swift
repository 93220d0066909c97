@testable import MartletTable

#if canImport(Glibc)
  import Glibc
#endif

/// A file that a test makes; removed with the object.
final class TemporaryFile {
  let path: String

  init(_ bytes: [UInt8], suffix: String = "") {
    var template = Array(("/tmp/martlet-test-XXXXXX" + suffix).utf8CString)
    let descriptor = mkstemps(&template, Int32(suffix.utf8.count))
    close(descriptor)
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    replace(with: bytes)
  }

  deinit { unlink(path) }

  /// Writes the file anew, with another time of modification.
  func replace(with bytes: [UInt8]) {
    let descriptor = open(path, O_WRONLY | O_TRUNC)
    var written = 0
    while written < bytes.count {
      written += bytes.withUnsafeBytes { write(descriptor, $0.baseAddress! + written, bytes.count - written) }
    }
    close(descriptor)
  }

  func shorten(to count: Int) { truncate(path, count) }
}

extension ByteSource {
  /// All bytes from `offset` on, read `step` at a time.
  func everything(from offset: Int = 0, step: Int = 1 << 16) throws(TableError) -> [UInt8] {
    var result: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: step, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let got = try read(at: offset + result.count, into: buffer)
      if got == 0 { return result }
      result += buffer[..<got]
    }
  }
}
