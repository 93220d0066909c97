/// Texts that are as good as small numbers: either all are written like `0`, `7` and `12345`, or all are a code like
/// `id00012345`, which differs in its last digits alone.
///
/// Within a form text and number determine each other, so that a table indexed by the number needs no hash and compares no
/// bytes.
enum DecimalForm {
  /// Digits without a leading zero, at most `mostDigits`.
  case plain
  /// `length` bytes, those before the last digits always the same.
  case code(Code)

  /// Eight bytes are read at once, and more would not fit a table anyway.
  static let mostDigits = 8
  /// What stands for a text of another form.
  static let none = UInt64.max

  /// Where the bytes of a code are, and what they have to be.
  struct Code: BitwiseCopyable {
    let length: Int
    /// Of the last eight bytes (fewer are moved to the upper end): what they are without the digits' values.
    let tail: UInt64
    /// Those bytes of the tail that are no digits.
    let fixed: UInt64
    /// Of the first eight bytes: those before the tail.
    let head: UInt64
    let headMask: UInt64
  }

  /// The form of a text, if it has one; a code has at least one byte that is no digit, or a leading zero.
  init?(_ text: UnsafeBufferPointer<UInt8>) {
    guard (1...16).contains(text.count), let bytes = text.baseAddress else { return nil }
    var digits = 0
    while digits < text.count && text[text.count - 1 - digits] &- 48 < 10 { digits += 1 }
    if digits == 0 { return nil }
    if digits == text.count && digits <= Self.mostDigits && (digits == 1 || text[0] != 48) {
      self = .plain
      return
    }
    digits = min(digits, Self.mostDigits)
    let length = text.count
    let word = Self.tail(bytes, length)
    let fixed = digits == 8 ? 0 : UInt64.max &>> UInt64(8 * digits)
    // Bytes before a text of less than eight are zero after the move, and have to be so.
    self = .code(
      Code(
        length: length, tail: word & fixed | 0x3030_3030_3030_3030 & ~fixed, fixed: fixed,
        head: length > 8 ? UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self) : 0,
        headMask: length <= 8 ? 0 : UInt64.max &>> UInt64(8 * (16 - length))))
  }

  /// The number of a text; `none` where it has another form.
  func number(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    switch self {
    case .plain: Self.plain(bytes, length)
    case .code(let code): Self.number(bytes, length, code)
    }
  }

  /// Of a text of the form `plain`. Reads eight bytes, whatever the length.
  @inline(__always)
  static func plain(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    let word = UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self)
    let shift = UInt64(truncatingIfNeeded: 64 &- 8 &* length)
    let digits = (word ^ 0x3030_3030_3030_3030) &<< shift
    // Zero where the first digit of several is one.
    let first = (word ^ 0x30) & 0xff | UInt64(length == 1 ? 1 : 0)
    let fits = isDecimal(digits) && first != 0 && length &- 1 < mostDigits && length > 0
    return fits ? value(digits) : none
  }

  /// Of a code. Reads sixteen bytes from the beginning.
  @inline(__always)
  static func number(_ bytes: UnsafePointer<UInt8>, _ length: Int, _ code: Code) -> UInt64 {
    // Of a text of another length nothing may be read before its beginning: the code's length is read, which is there.
    let digits = tail(bytes, code.length) ^ code.tail
    let head = (UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self) ^ code.head) & code.headMask
    let fits = isDecimal(digits) && digits & code.fixed | head == 0 && length == code.length
    return fits ? value(digits) : none
  }

  /// The last eight bytes; those of a shorter text at the upper end, above zeros.
  @inline(__always)
  private static func tail(_ bytes: UnsafePointer<UInt8>, _ length: Int) -> UInt64 {
    let raw = UnsafeRawPointer(bytes)
    return length >= 8
      ? raw.loadUnaligned(fromByteOffset: length &- 8, as: UInt64.self)
      : raw.loadUnaligned(as: UInt64.self) &<< UInt64(truncatingIfNeeded: 64 &- 8 &* length)
  }

  /// Whether all bytes are less than ten.
  @inline(__always)
  private static func isDecimal(_ bytes: UInt64) -> Bool {
    ((bytes &+ 0x7676_7676_7676_7676) | bytes) & 0x8080_8080_8080_8080 == 0
  }

  /// The number of eight digits, the first in the lowest byte (Lemire, "Quickly parsing eight digits", 2018).
  @inline(__always)
  private static func value(_ digits: UInt64) -> UInt64 {
    let pairs = (digits &* (1 &+ 10 &<< 8)) &>> 8 & 0x00ff_00ff_00ff_00ff
    let fours = (pairs &* (1 &+ 100 &<< 16)) &>> 16 & 0x0000_ffff_0000_ffff
    return (fours &* (1 &+ 10_000 &<< 32)) &>> 32
  }
}
