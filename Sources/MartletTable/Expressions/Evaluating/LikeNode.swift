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
      switch shape {
      case .exact:
        Self.test(texts, lengths, flags, context.count, hit) { $1 == size && Comparison.equal($0, start, size) }
      case .prefix:
        Self.test(texts, lengths, flags, context.count, hit) { $1 >= size && Comparison.equal($0, start, size) }
      case .suffix:
        Self.test(texts, lengths, flags, context.count, hit) {
          $1 >= size && memcmp($0 + ($1 &- size), start, size) == 0
        }
      default:
        let needle = TextNeedle(start, size)
        Self.test(texts, lengths, flags, context.count, hit) { needle.find(in: $0, $1) != nil }
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

  @inline(__always)
  private static func test(
    _ texts: UnsafeMutablePointer<UnsafePointer<UInt8>>, _ lengths: UnsafeMutablePointer<UInt32>,
    _ flags: UnsafeMutablePointer<Int64>, _ count: Int, _ hit: Int64, _ matches: (UnsafePointer<UInt8>, Int) -> Bool
  ) {
    for row in 0..<count { flags[row] = matches(texts[row], Int(lengths[row])) ? hit : hit ^ 1 }
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
