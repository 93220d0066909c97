/// The end of the rows written so far: every `put` writes there and moves it.
///
/// A `put` may write up to 15 bytes more than it moves on, so the memory has to go on that far behind the last row.
struct RowBuffer {
  private(set) var end: UnsafeMutableRawPointer
  private let digits: DigitTables

  init(_ start: UnsafeMutableRawPointer, digits: DigitTables) {
    end = start
    self.digits = digits
  }

  @inline(__always)
  mutating func put(byte: UInt8) {
    end.storeBytes(of: byte, as: UInt8.self)
    end += 1
  }

  /// The low `count` bytes of `bytes`, the lowest first; at most 8.
  @inline(__always)
  mutating func put(_ bytes: UInt64, count: Int) {
    end.storeBytes(of: bytes.littleEndian, as: UInt64.self)
    end += count
  }

  /// `value` with its digits alone; below 1000.
  @inline(__always)
  mutating func put(small value: Int) {
    let entry = digits.short[value]
    end.storeBytes(of: entry.littleEndian, as: UInt32.self)
    end += Int(entry &>> 24)
  }

  /// `value` in three digits; below 1000.
  @inline(__always)
  mutating func put(three value: Int) {
    end.storeBytes(of: digits.three[value].littleEndian, as: UInt32.self)
    end += 3
  }

  /// `value` in two digits; below 100.
  @inline(__always)
  mutating func put(two value: Int) {
    end.storeBytes(of: (digits.three[value] &>> 8).littleEndian, as: UInt32.self)
    end += 2
  }

  /// `value` with its digits alone; below 1,000,000.
  @inline(__always)
  mutating func put(medium value: Int) {
    let thousands = value / 1000
    if thousands == 0 { return put(small: value) }
    put(small: thousands)
    put(three: value &- thousands &* 1000)
  }

  /// `value` with its digits alone; not negative.
  mutating func put(large value: Int) {
    if value >= 1_000_000 {
      put(large: value / 1_000_000)
      let rest = value % 1_000_000
      put(three: rest / 1000)
      put(three: rest % 1000)
    } else {
      put(medium: value)
    }
  }

  /// A text of `texts`, 16 bytes at a time.
  @inline(__always)
  mutating func put(_ texts: TextTable, _ index: Int) {
    let span = texts.spans[index]
    let source = texts.bytes + Int(span.offset)
    let count = Int(span.count)
    var done = 0
    repeat {
      let piece = source.loadUnaligned(fromByteOffset: done, as: SIMD2<UInt64>.self)
      (end + done).storeBytes(of: piece, as: SIMD2<UInt64>.self)
      done &+= 16
    } while done < count
    end += count
  }
}

/// The digits of the numbers below 1000.
///
/// `@unchecked Sendable`: written by `init` alone.
final class DigitTables: @unchecked Sendable {
  /// The digits of `i` in the three low bytes, the first one lowest, and how many there are in the highest byte.
  let short: UnsafeMutablePointer<UInt32>
  /// The digits of `i` with leading zeros in the three low bytes, the first one lowest.
  let three: UnsafeMutablePointer<UInt32>

  init() {
    short = .allocate(capacity: 1000)
    three = .allocate(capacity: 1000)
    for value in 0..<1000 {
      let (a, b, c) = (UInt32(value / 100) + 48, UInt32(value / 10 % 10) + 48, UInt32(value % 10) + 48)
      (three + value).initialize(to: a | b << 8 | c << 16)
      let entry =
        value < 10 ? c | 1 << 24 : value < 100 ? b | c << 8 | 2 << 24 : a | b << 8 | c << 16 | 3 << 24
      (short + value).initialize(to: entry)
    }
  }

  deinit {
    short.deallocate()
    three.deallocate()
  }
}

/// Some texts one behind the other, to be copied 16 bytes at a time.
///
/// `@unchecked Sendable`: written by `init` alone.
final class TextTable: @unchecked Sendable {
  struct Span: BitwiseCopyable {
    let offset: UInt32
    let count: UInt32
  }

  let spans: UnsafeMutablePointer<Span>
  let bytes: UnsafeMutableRawPointer
  let count: Int
  let longest: Int

  init(_ texts: [String]) {
    count = texts.count
    longest = texts.map(\.utf8.count).max() ?? 0
    spans = .allocate(capacity: texts.count)
    // 16 bytes may be read from the start of every multiple of 16 of a text.
    let total = texts.reduce(16) { $0 + $1.utf8.count }
    bytes = .allocate(byteCount: total, alignment: 16)
    bytes.initializeMemory(as: UInt8.self, repeating: 0, count: total)
    var offset = 0
    for (index, text) in texts.enumerated() {
      let utf8 = Array(text.utf8)
      (spans + index).initialize(to: Span(offset: UInt32(offset), count: UInt32(utf8.count)))
      utf8.withUnsafeBytes {
        (bytes + offset).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(bytes), byteCount: $0.count)
      }
      offset += utf8.count
    }
  }

  deinit {
    spans.deallocate()
    bytes.deallocate()
  }

  /// A text as a cell of CSV: in quotes where it needs them.
  static func cell(_ text: String) -> String {
    let needsQuotes = text.utf8.contains { $0 == 34 || $0 == 44 || $0 == 10 || $0 == 13 }
    guard needsQuotes || text.isEmpty else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
  }
}
