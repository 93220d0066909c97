import MartletBytes

/// What a file of a cache looks like: a head of 88 bytes, all numbers little endian, then the value's portable bytes.
///
///      0  8  "martlet", 1 (the version of this layout)
///      8 16  key
///     24 16  digest of the type's name
///     40  8  seconds that computing it took, a double
///     48  8  count of the portable bytes
///     56 16  checksum: `StableHasher` over key, type, seconds, count, portable bytes
///     72 16  its `Use`, the only part that is changed later: the checksum does not cover it
enum CacheFile {
  static let headBytes = 88
  static let useOffset = 72
  static let magic = UInt64(littleEndian: 0x0174_656c_7472_616d)
  static let suffix = ".martlet"

  /// What decides how long the file stays: see `CacheDirectory`.
  struct Use {
    var priority: Double
    /// Nanoseconds since 1970: which of two equal priorities goes first.
    var time: UInt64

    var bytes: [UInt8] {
      var writer = ByteWriter(capacity: 16)
      writer.write(priority)
      writer.write(time)
      return writer.takeBytes()
    }
  }

  /// The head, without what is known anyway.
  struct Head {
    var key: Digest128
    var type: Digest128
    var seconds: Double
    var count: Int
    var checksum: Digest128
    var use: Use

    /// What an intact file has, for which this is the head.
    func expectedChecksum(_ payload: [UInt8]) -> Digest128 {
      var hasher = StableHasher()
      hasher.combine(key)
      hasher.combine(type)
      hasher.combine(seconds)
      hasher.combine(count)
      hasher.combine(payload)
      return hasher.digest()
    }

    func write(to writer: inout ByteWriter) {
      writer.write(magic)
      key.write(to: &writer)
      type.write(to: &writer)
      writer.write(seconds)
      writer.write(Int64(count))
      checksum.write(to: &writer)
      use.bytes.withUnsafeBytes { writer.write(raw: $0) }
    }

    init(key: Digest128, type: Digest128, seconds: Double, payload: [UInt8], use: Use) {
      self.use = use
      self.key = key
      self.type = type
      self.seconds = seconds
      count = payload.count
      checksum = Digest128(low: 0, high: 0)
      checksum = expectedChecksum(payload)
    }

    /// The head that `bytes` begin with; nil when it is none. Its numbers are anything.
    init?(_ bytes: [UInt8]) {
      var reader = ByteReader(bytes)
      do {
        guard try reader.read(UInt64.self) == magic else { return nil }
        key = try Digest128(from: &reader)
        type = try Digest128(from: &reader)
        seconds = try reader.readDouble()
        count = Int(try reader.read(Int64.self))
        checksum = try Digest128(from: &reader)
        use = Use(priority: try reader.readDouble(), time: try reader.read())
      } catch {
        // Shorter than a head.
        return nil
      }
    }
  }

  static func name(of key: Digest128) -> String { "\(key)\(suffix)" }

  /// Whether a file's name is one that caches give.
  static func isName(_ name: String) -> Bool {
    let utf8 = Array(name.utf8)
    return utf8.count == 32 + suffix.utf8.count && name.hasSuffix(suffix) && utf8.prefix(32).allSatisfy(isHexadecimal)
  }

  /// The name under which a file is written before it is complete.
  static func temporaryName(of key: Digest128, process: Int32, number: Int) -> String {
    "\(key).\(process)-\(number).incomplete"
  }

  static func isTemporaryName(_ name: String) -> Bool {
    let utf8 = Array(name.utf8)
    return utf8.count > 33 && utf8[32] == UInt8(ascii: ".") && name.hasSuffix(".incomplete")
      && utf8.prefix(32).allSatisfy(isHexadecimal)
  }

  /// Hexadecimal as `Digest128` writes it.
  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
  }

  /// Says which type it is, in all processes of one program and of others with the same type.
  static func digest<T>(of type: T.Type) -> Digest128 {
    var hasher = StableHasher()
    hasher.combine(stableName(String(reflecting: type)))
    return hasher.digest()
  }

  /// The name of a type without the addresses that Swift writes into those of private and local types,
  /// `(unknown context at $7f12ab)`: they differ from process to process.
  static func stableName(_ name: String) -> String {
    var result = ""
    var isAddress = false
    for character in name {
      if isAddress, character.isHexDigit { continue }
      isAddress = character == "$"
      result.append(character)
    }
    return result
  }
}
