// Operators on results, where the results have them. Arithmetic that overflows stops the program, as it does without delay;
// `&+` and its like do not.

extension Delayed where Value: AdditiveArithmetic {
  /// The sum.
  public static func + (left: Delayed, right: Delayed) -> Delayed { delayed("+", left, right) { $0 + $1 } }

  /// The difference.
  public static func - (left: Delayed, right: Delayed) -> Delayed { delayed("-", left, right) { $0 - $1 } }
}

extension Delayed where Value: Numeric {
  /// The product.
  public static func * (left: Delayed, right: Delayed) -> Delayed { delayed("*", left, right) { $0 * $1 } }
}

extension Delayed where Value: SignedNumeric {
  /// The negative.
  public static prefix func - (value: Delayed) -> Delayed { delayed("-", value) { -$0 } }
}

extension Delayed where Value: FloatingPoint {
  /// The quotient.
  public static func / (left: Delayed, right: Delayed) -> Delayed { delayed("/", left, right) { $0 / $1 } }
}

extension Delayed where Value: BinaryInteger {
  /// The quotient without its fraction. A task that divides by zero throws `DelayedDivisionError`.
  public static func / (left: Delayed, right: Delayed) -> Delayed {
    delayed("/", left, right) { left, right in
      guard right != 0 else { throw DelayedDivisionError() }
      return left / right
    }
  }

  /// The remainder. A task that divides by zero throws `DelayedDivisionError`.
  public static func % (left: Delayed, right: Delayed) -> Delayed {
    delayed("%", left, right) { left, right in
      guard right != 0 else { throw DelayedDivisionError() }
      return left % right
    }
  }
}

extension Delayed where Value: FixedWidthInteger {
  /// The sum, which wraps around.
  public static func &+ (left: Delayed, right: Delayed) -> Delayed { delayed("&+", left, right) { $0 &+ $1 } }

  /// The difference, which wraps around.
  public static func &- (left: Delayed, right: Delayed) -> Delayed { delayed("&-", left, right) { $0 &- $1 } }

  /// The product, which wraps around.
  public static func &* (left: Delayed, right: Delayed) -> Delayed { delayed("&*", left, right) { $0 &* $1 } }
}

extension Delayed where Value: Equatable {
  /// Whether the results are equal: a result itself, not a statement about the two computations.
  public static func == (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("==", left, right) { $0 == $1 } }

  /// Whether the results differ.
  public static func != (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("!=", left, right) { $0 != $1 } }
}

extension Delayed where Value: Comparable {
  /// Whether the left result is less.
  public static func < (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("<", left, right) { $0 < $1 } }

  /// Whether the left result is less or equal.
  public static func <= (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("<=", left, right) { $0 <= $1 } }

  /// Whether the left result is greater.
  public static func > (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed(">", left, right) { $0 > $1 } }

  /// Whether the left result is greater or equal.
  public static func >= (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed(">=", left, right) { $0 >= $1 } }
}

extension Delayed where Value == Bool {
  /// Whether both hold. Both are computed.
  public static func && (left: Delayed, right: Delayed) -> Delayed { delayed("&&", left, right) { $0 && $1 } }

  /// Whether one of them holds. Both are computed.
  public static func || (left: Delayed, right: Delayed) -> Delayed { delayed("||", left, right) { $0 || $1 } }

  /// Whether it does not hold.
  public static prefix func ! (value: Delayed) -> Delayed { delayed("!", value) { !$0 } }
}

extension Delayed where Value: RangeReplaceableCollection {
  /// One after the other: texts, arrays.
  public static func + (left: Delayed, right: Delayed) -> Delayed { delayed("+", left, right) { $0 + $1 } }
}

/// A task divided an integer by zero.
public struct DelayedDivisionError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What happened.
  public var description: String { "division by zero" }
}
