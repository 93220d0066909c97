#if canImport(Glibc)
  import Glibc
#endif

/// `text LIKE pattern`: `%` stands for any characters, `_` for one; the whole text has to match.
final class LikeNode: Node {
  /// The patterns that need no general search.
  private enum Shape {
    case exact, prefix, suffix, containing, general
  }

  private let operand: Node
  private let pattern: Node
  private let escape: UInt8?
  private let negated: Bool
  private let shape: Shape
  /// The pattern's text without its `%`, for all shapes but the general one.
  private let literal: ConstantNode?

  init(_ operand: Node, pattern: Node, escape: UInt8?, negated: Bool, capacity: Int, register: Vector) {
    self.operand = operand
    self.pattern = pattern
    self.escape = escape
    self.negated = negated
    if case .text(let bytes)? = pattern.constant, let (shape, text) = Self.simplify(bytes, escape) {
      self.shape = shape
      literal = ConstantNode(.text(text), capacity: capacity)
    } else {
      shape = .general
      literal = nil
    }
    super.init(type: .bool, canFail: operand.canFail || pattern.canFail, register: register)
  }

  private static func simplify(_ pattern: [UInt8], _ escape: UInt8?) -> (Shape, [UInt8])? {
    let any = UInt8(ascii: "%")
    var text: [UInt8] = []
    var startsOpen = false
    var endsOpen = false
    var index = 0
    while index < pattern.count {
      let byte = pattern[index]
      if byte == escape, index + 1 < pattern.count {
        if endsOpen { return nil }
        text.append(pattern[index + 1])
        index += 2
        continue
      }
      if byte == UInt8(ascii: "_") { return nil }
      if byte == any {
        if text.isEmpty { startsOpen = true } else { endsOpen = true }
      } else {
        if endsOpen { return nil }
        text.append(byte)
      }
      index += 1
    }
    switch (startsOpen, endsOpen) {
    case (false, false): return (.exact, text)
    case (false, true): return (.prefix, text)
    case (true, false): return (text.isEmpty ? .prefix : .suffix, text)
    case (true, true): return (.containing, text)
    }
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let value = try operand.evaluate(context)
    let patterns = literal == nil ? try pattern.evaluate(context) : nil
    let out = output(context)
    let (texts, lengths, flags) = (value.texts, value.lengths, out.ints)
    let hit: Int64 = negated ? 0 : 1
    if let literal {
      let bytes = literal.bytes
      let (start, size) = (bytes.baseAddress!, bytes.count)
      for row in 0..<context.count {
        let length = Int(lengths[row])
        let text = texts[row]
        let matches =
          switch shape {
          case .exact: length == size && Comparison.equal(text, start, size)
          case .prefix: length >= size && Comparison.equal(text, start, size)
          case .suffix: length >= size && memcmp(text + (length &- size), start, size) == 0
          default: TextSearch.find(start, size, in: text, length) != nil
          }
        flags[row] = matches ? hit : hit ^ 1
      }
    } else if let patterns {
      for row in 0..<context.count {
        let matches = Self.matches(value.text(row), patterns.text(row), escape)
        flags[row] = matches ? hit : hit ^ 1
      }
    }
    out.takeNulls(of: value, patterns)
    return out
  }

  /// Greedy with one point to return to, which is enough: an earlier `%` never has to be widened once a later one
  /// was reached. At most O(text × pattern).
  static func matches(
    _ text: UnsafeBufferPointer<UInt8>, _ pattern: UnsafeBufferPointer<UInt8>, _ escape: UInt8?
  ) -> Bool {
    var (place, step) = (0, 0)
    var returnPlace = -1
    var returnStep = 0
    while place < text.count {
      if step < pattern.count {
        let byte = pattern[step]
        if byte == escape, step + 1 < pattern.count {
          if pattern[step + 1] == text[place] {
            step += 2
            place += 1
            continue
          }
        } else if byte == UInt8(ascii: "%") {
          step += 1
          returnPlace = place
          returnStep = step
          continue
        } else if byte == UInt8(ascii: "_") {
          step += 1
          place += Characters.length(text.baseAddress! + place, text.count - place)
          continue
        } else if byte == text[place] {
          step += 1
          place += 1
          continue
        }
      }
      guard returnPlace >= 0 else { return false }
      returnPlace += Characters.length(text.baseAddress! + returnPlace, text.count - returnPlace)
      place = returnPlace
      step = returnStep
    }
    while step < pattern.count, pattern[step] == UInt8(ascii: "%") { step += 1 }
    return step == pattern.count
  }
}

/// Where a text stands in another.
enum TextSearch {
  /// The first byte at which `part` stands in `text`; nil where it does not. The empty part stands at the start.
  @inline(__always)
  static func find(
    _ part: UnsafePointer<UInt8>, _ partCount: Int, in text: UnsafePointer<UInt8>, _ count: Int
  ) -> Int? {
    guard partCount > 0 else { return 0 }
    var index = 0
    while index &+ partCount <= count {
      guard let hit = memchr(text + index, Int32(part[0]), count &- partCount &- index &+ 1) else { return nil }
      index = UnsafeRawPointer(hit) - UnsafeRawPointer(text)
      if memcmp(text + index, part, partCount) == 0 { return index }
      index &+= 1
    }
    return nil
  }
}
