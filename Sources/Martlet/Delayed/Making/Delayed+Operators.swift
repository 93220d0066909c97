// Operators on results, where the results have them: between two computations, and between a computation and a value.
// Arithmetic that overflows stops the program, as it does without delay; `&+` and its like do not.

extension Delayed where Value: AdditiveArithmetic {
  /// The sum.
  public static func + (left: Delayed, right: Delayed) -> Delayed { delayed("+", left, right) { $0 + $1 } }

  /// The sum.
  public static func + (left: Delayed, right: Value) -> Delayed { delayed("+", left) { $0 + right } }

  /// The sum.
  public static func + (left: Value, right: Delayed) -> Delayed { delayed("+", right) { left + $0 } }

  /// The difference.
  public static func - (left: Delayed, right: Delayed) -> Delayed { delayed("-", left, right) { $0 - $1 } }

  /// The difference.
  public static func - (left: Delayed, right: Value) -> Delayed { delayed("-", left) { $0 - right } }

  /// The difference.
  public static func - (left: Value, right: Delayed) -> Delayed { delayed("-", right) { left - $0 } }
}

extension Delayed where Value: Numeric {
  /// The product.
  public static func * (left: Delayed, right: Delayed) -> Delayed { delayed("*", left, right) { $0 * $1 } }

  /// The product.
  public static func * (left: Delayed, right: Value) -> Delayed { delayed("*", left) { $0 * right } }

  /// The product.
  public static func * (left: Value, right: Delayed) -> Delayed { delayed("*", right) { left * $0 } }
}

extension Delayed where Value: SignedNumeric {
  /// The negative.
  public static prefix func - (value: Delayed) -> Delayed { delayed("-", value) { -$0 } }
}

extension Delayed where Value: FloatingPoint {
  /// The quotient.
  public static func / (left: Delayed, right: Delayed) -> Delayed { delayed("/", left, right) { $0 / $1 } }

  /// The quotient.
  public static func / (left: Delayed, right: Value) -> Delayed { delayed("/", left) { $0 / right } }

  /// The quotient.
  public static func / (left: Value, right: Delayed) -> Delayed { delayed("/", right) { left / $0 } }
}

extension Delayed where Value: BinaryInteger {
  /// The quotient without its fraction. A task that divides by zero throws `DelayedDivisionError`.
  public static func / (left: Delayed, right: Delayed) -> Delayed { delayed("/", left, right) { try quotient($0, $1) } }

  /// The quotient without its fraction. A task that divides by zero throws `DelayedDivisionError`.
  public static func / (left: Delayed, right: Value) -> Delayed { delayed("/", left) { try quotient($0, right) } }

  /// The quotient without its fraction. A task that divides by zero throws `DelayedDivisionError`.
  public static func / (left: Value, right: Delayed) -> Delayed { delayed("/", right) { try quotient(left, $0) } }

  /// The remainder. A task that divides by zero throws `DelayedDivisionError`.
  public static func % (left: Delayed, right: Delayed) -> Delayed {
    delayed("%", left, right) { try remainder($0, $1) }
  }

  /// The remainder. A task that divides by zero throws `DelayedDivisionError`.
  public static func % (left: Delayed, right: Value) -> Delayed { delayed("%", left) { try remainder($0, right) } }

  /// The remainder. A task that divides by zero throws `DelayedDivisionError`.
  public static func % (left: Value, right: Delayed) -> Delayed { delayed("%", right) { try remainder(left, $0) } }

  private static func quotient(_ left: Value, _ right: Value) throws -> Value {
    guard right != 0 else { throw DelayedDivisionError() }
    return left / right
  }

  private static func remainder(_ left: Value, _ right: Value) throws -> Value {
    guard right != 0 else { throw DelayedDivisionError() }
    return left % right
  }
}

extension Delayed where Value: FixedWidthInteger {
  /// The sum, which wraps around.
  public static func &+ (left: Delayed, right: Delayed) -> Delayed { delayed("&+", left, right) { $0 &+ $1 } }

  /// The sum, which wraps around.
  public static func &+ (left: Delayed, right: Value) -> Delayed { delayed("&+", left) { $0 &+ right } }

  /// The sum, which wraps around.
  public static func &+ (left: Value, right: Delayed) -> Delayed { delayed("&+", right) { left &+ $0 } }

  /// The difference, which wraps around.
  public static func &- (left: Delayed, right: Delayed) -> Delayed { delayed("&-", left, right) { $0 &- $1 } }

  /// The difference, which wraps around.
  public static func &- (left: Delayed, right: Value) -> Delayed { delayed("&-", left) { $0 &- right } }

  /// The difference, which wraps around.
  public static func &- (left: Value, right: Delayed) -> Delayed { delayed("&-", right) { left &- $0 } }

  /// The product, which wraps around.
  public static func &* (left: Delayed, right: Delayed) -> Delayed { delayed("&*", left, right) { $0 &* $1 } }

  /// The product, which wraps around.
  public static func &* (left: Delayed, right: Value) -> Delayed { delayed("&*", left) { $0 &* right } }

  /// The product, which wraps around.
  public static func &* (left: Value, right: Delayed) -> Delayed { delayed("&*", right) { left &* $0 } }
}

extension Delayed where Value: Equatable {
  /// Whether the results are equal: a result itself, not a statement about the two computations.
  public static func == (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("==", left, right) { $0 == $1 } }

  /// Whether the results are equal: a result itself, not a statement about the two computations.
  public static func == (left: Delayed, right: Value) -> Delayed<Bool> { delayed("==", left) { $0 == right } }

  /// Whether the results are equal: a result itself, not a statement about the two computations.
  public static func == (left: Value, right: Delayed) -> Delayed<Bool> { delayed("==", right) { left == $0 } }

  /// Whether the results differ.
  public static func != (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("!=", left, right) { $0 != $1 } }

  /// Whether the results differ.
  public static func != (left: Delayed, right: Value) -> Delayed<Bool> { delayed("!=", left) { $0 != right } }

  /// Whether the results differ.
  public static func != (left: Value, right: Delayed) -> Delayed<Bool> { delayed("!=", right) { left != $0 } }
}

extension Delayed where Value: Comparable {
  /// Whether the left result is less.
  public static func < (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("<", left, right) { $0 < $1 } }

  /// Whether the left result is less.
  public static func < (left: Delayed, right: Value) -> Delayed<Bool> { delayed("<", left) { $0 < right } }

  /// Whether the left result is less.
  public static func < (left: Value, right: Delayed) -> Delayed<Bool> { delayed("<", right) { left < $0 } }

  /// Whether the left result is less or equal.
  public static func <= (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed("<=", left, right) { $0 <= $1 } }

  /// Whether the left result is less or equal.
  public static func <= (left: Delayed, right: Value) -> Delayed<Bool> { delayed("<=", left) { $0 <= right } }

  /// Whether the left result is less or equal.
  public static func <= (left: Value, right: Delayed) -> Delayed<Bool> { delayed("<=", right) { left <= $0 } }

  /// Whether the left result is greater.
  public static func > (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed(">", left, right) { $0 > $1 } }

  /// Whether the left result is greater.
  public static func > (left: Delayed, right: Value) -> Delayed<Bool> { delayed(">", left) { $0 > right } }

  /// Whether the left result is greater.
  public static func > (left: Value, right: Delayed) -> Delayed<Bool> { delayed(">", right) { left > $0 } }

  /// Whether the left result is greater or equal.
  public static func >= (left: Delayed, right: Delayed) -> Delayed<Bool> { delayed(">=", left, right) { $0 >= $1 } }

  /// Whether the left result is greater or equal.
  public static func >= (left: Delayed, right: Value) -> Delayed<Bool> { delayed(">=", left) { $0 >= right } }

  /// Whether the left result is greater or equal.
  public static func >= (left: Value, right: Delayed) -> Delayed<Bool> { delayed(">=", right) { left >= $0 } }
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

  /// One after the other: texts, arrays.
  public static func + (left: Delayed, right: Value) -> Delayed { delayed("+", left) { $0 + right } }

  /// One after the other: texts, arrays.
  public static func + (left: Value, right: Delayed) -> Delayed { delayed("+", right) { left + $0 } }
}

/// A task divided an integer by zero.
public struct DelayedDivisionError: Error, Sendable, Equatable, CustomStringConvertible {
  /// What happened.
  public var description: String { "division by zero" }
}
