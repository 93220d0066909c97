import Glibc

/// The names that a shared library gives and takes, read from its file: what it is can be known before any of its code runs.
struct SharedLibraryFile {
  /// Names of functions and data that it defines for others.
  let exported: Set<String>
  /// Names that it takes from others.
  let needed: Set<String>

  /// Larger files are no plug-ins.
  static let byteLimit = 1 << 30

  /// - Throws: `PlugInError` for what is no shared library for this machine.
  init(_ path: String) throws(PlugInError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw PlugInError(path, "it cannot be opened: \(String(cString: strerror(errno)))") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      throw PlugInError(path, "it is no file")
    }
    guard status.st_size <= SharedLibraryFile.byteLimit else { throw PlugInError(path, "it is too large") }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var count = 0
    while count < bytes.count {
      let got = bytes.withUnsafeMutableBytes { read(descriptor, $0.baseAddress! + count, $0.count - count) }
      if got <= 0 { throw PlugInError(path, "it cannot be read") }
      count += got
    }
    guard let names = SharedLibraryFile.names(of: bytes) else {
      throw PlugInError(path, "it is no shared library for this kind of machine")
    }
    (exported, needed) = names
  }

  /// Names in the table of dynamic symbols of an ELF file of 64 bits, little endian (System V ABI, chapters 4 and 5); nil when
  /// it is none.
  static func names(of bytes: [UInt8]) -> (exported: Set<String>, needed: Set<String>)? {
    func number(_ place: Int, _ size: Int) -> Int? {
      guard place >= 0, place <= bytes.count - size else { return nil }
      var value: UInt64 = 0
      for byte in 0..<size { value |= UInt64(bytes[place + byte]) << UInt64(8 * byte) }
      return Int(exactly: value)
    }
    #if arch(x86_64)
      let machine = 62
    #elseif arch(arm64)
      let machine = 183
    #else
      let machine = -1
    #endif
    // \u{7f}ELF, 64 bits, little endian; a shared object; of this machine.
    guard bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46, 2, 1]), number(16, 2) == 3, number(18, 2) == machine,
      let table = number(40, 8), table <= bytes.count, let entryBytes = number(58, 2), entryBytes >= 64,
      let sections = number(60, 2)
    else { return nil }
    var exported: Set<String> = []
    var needed: Set<String> = []
    for section in 0..<sections {
      let header = table + section * entryBytes
      // SHT_DYNSYM, which links to its table of texts.
      guard number(header + 4, 4) == 11 else { continue }
      guard let symbols = number(header + 24, 8), let size = number(header + 32, 8), let link = number(header + 40, 4),
        link < sections, let texts = number(table + link * entryBytes + 24, 8),
        let textBytes = number(table + link * entryBytes + 32, 8), symbols <= bytes.count, size <= bytes.count,
        texts <= bytes.count, textBytes <= bytes.count - texts
      else { return nil }
      for symbol in stride(from: symbols, to: symbols + size, by: 24) {
        guard let name = number(symbol, 4), let place = number(symbol + 6, 2), name < textBytes else { continue }
        let text = bytes[(texts + name)..<(texts + textBytes)].prefix { $0 != 0 }
        // Those without a section are needed, not given.
        if place == 0 {
          needed.insert(String(decoding: text, as: UTF8.self))
        } else {
          exported.insert(String(decoding: text, as: UTF8.self))
        }
      }
    }
    return (exported, needed)
  }
}
