#if canImport(Glibc)
  import Glibc
#endif

/// A function of numbers. Outside its range a function of doubles gives what IEEE 754 says: `sqrt(-1)` is nan.
final class NumberFunctionNode: Node {
  private let function: ScalarFunction
  private let arguments: [Node]
  private let source: Expression

  /// The arguments have been converted: all double, or the first int for `abs`, `sign` and `round`, whose digits
  /// are int.
  init(_ function: ScalarFunction, _ arguments: [Node], type: ColumnType, source: Expression, register: Vector) {
    self.function = function
    self.arguments = arguments
    self.source = source
    super.init(
      type: type, canFail: type == .int || arguments.contains { $0.canFail }, register: register)
  }

  override func evaluate(_ context: EvaluationContext) throws(TableError) -> Vector {
    let vectors = try evaluateAll(arguments, context)
    let out = output(context)
    let first = vectors[0]
    if arguments[0].type == .int {
      try evaluateInts(vectors, into: out, context)
    } else {
      evaluateDoubles(vectors, into: out)
    }
    out.takeNulls(of: first, vectors.count > 1 ? vectors[1] : nil)
    return out
  }

  private func evaluateInts(
    _ vectors: [Vector], into out: Vector, _ context: EvaluationContext
  ) throws(TableError) {
    let values = vectors[0].ints
    for row in 0..<out.count {
      let value = values[row]
      switch function {
      case .sign: out.ints[row] = value.signum()
      case .abs:
        if value == .min, context.isActive(row) { throw .beyond64Bits(source, "abs(\(value))") }
        out.ints[row] = value < 0 ? 0 &- value : value
      default:
        guard let rounded = Self.round(value, vectors.count > 1 ? vectors[1].ints[row] : 0) else {
          if vectors.allSatisfy({ $0.isValid(row) }), context.isActive(row) {
            throw .beyond64Bits(source, "round(\(value), \(vectors[1].ints[row]))")
          }
          out.ints[row] = 0
          continue
        }
        out.ints[row] = rounded
      }
    }
  }

  /// To tens, hundreds and so on for negative digits, half away from zero; nil beyond 64 bits.
  private static func round(_ value: Int64, _ digits: Int64) -> Int64? {
    if digits >= 0 { return value }
    if digits < -18 { return digits == -19 && value.magnitude >= 5_000_000_000_000_000_000 ? nil : 0 }
    var unit: Int64 = 1
    for _ in 0..<(-digits) { unit *= 10 }
    let rest = value % unit
    let base = value - rest
    if rest.magnitude < unit.magnitude - rest.magnitude { return base }
    let (rounded, overflow) = base.addingReportingOverflow(rest < 0 ? -unit : unit)
    return overflow ? nil : rounded
  }

  /// Half away from zero, to `digits` decimals, as DuckDB rounds.
  private static func round(_ value: Double, _ digits: Int64) -> Double {
    if digits == 0 { return value.rounded(.toNearestOrAwayFromZero) }
    if digits < 0 {
      let unit = Glibc.pow(10, Double(-digits))
      let rounded = (value / unit).rounded(.toNearestOrAwayFromZero) * unit
      return rounded.isFinite ? rounded : 0
    }
    let unit = Glibc.pow(10, Double(digits))
    let rounded = (value * unit).rounded(.toNearestOrAwayFromZero) / unit
    return rounded.isFinite ? rounded : value
  }

  private func evaluateDoubles(_ vectors: [Vector], into out: Vector) {
    let x = vectors[0].doubles
    let z = out.doubles
    let count = out.count
    switch function {
    case .floor: for row in 0..<count { z[row] = x[row].rounded(.down) }
    case .ceil: for row in 0..<count { z[row] = x[row].rounded(.up) }
    case .trunc: for row in 0..<count { z[row] = x[row].rounded(.towardZero) }
    case .abs: for row in 0..<count { z[row] = x[row].magnitude }
    case .sign: for row in 0..<count { out.ints[row] = x[row] > 0 ? 1 : (x[row] < 0 ? -1 : 0) }
    case .sqrt: for row in 0..<count { z[row] = x[row].squareRoot() }
    case .ln: for row in 0..<count { z[row] = Glibc.log(x[row]) }
    case .log10: for row in 0..<count { z[row] = Glibc.log10(x[row]) }
    case .log2: for row in 0..<count { z[row] = Glibc.log2(x[row]) }
    case .exp: for row in 0..<count { z[row] = Glibc.exp(x[row]) }
    case .isNaN: for row in 0..<count { out.ints[row] = x[row].isNaN ? 1 : 0 }
    case .isFinite: for row in 0..<count { out.ints[row] = x[row].isFinite ? 1 : 0 }
    case .pow:
      let y = vectors[1].doubles
      for row in 0..<count { z[row] = Glibc.pow(x[row], y[row]) }
    default:
      guard vectors.count > 1 else {
        for row in 0..<count { z[row] = x[row].rounded(.toNearestOrAwayFromZero) }
        return
      }
      let digits = vectors[1].ints
      if case .int(let all)? = arguments[1].constant, all > 0, all <= 22 {
        let unit = Glibc.pow(10, Double(all))
        for row in 0..<count {
          let rounded = (x[row] * unit).rounded(.toNearestOrAwayFromZero) / unit
          z[row] = rounded.isFinite ? rounded : x[row]
        }
        return
      }
      for row in 0..<count { z[row] = x[row].isFinite ? Self.round(x[row], digits[row]) : x[row] }
    }
  }
}
