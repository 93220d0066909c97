/// The functions of one record's values, each under its canonical name.
package enum ScalarFunction: String, Sendable, Hashable, CaseIterable {
  // Text
  case lower, upper, trim, ltrim, rtrim, length, substr, replace, concat, reverse, left, right, lpad, rpad, strpos
  case contains, repeatText = "repeat", splitPart = "split_part", startsWith = "starts_with", endsWith = "ends_with"
  // Numbers
  case round, floor, ceil, trunc, abs, sign, sqrt, ln, log10, log2, exp, pow, mod
  case isNaN = "isnan", isFinite = "isfinite"
  // Choice
  case coalesce, nullif, greatest, least, conditional = "if", ifnull
  // Days and moments
  case year, quarter, month, week, day, hour, minute, second, weekday, isodow, dayofyear, epoch
  case dateTrunc = "date_trunc", dateDiff = "date_diff", datePart = "date_part"

  /// The function of that name or of another name it is known by, in any case; nil for an unknown one.
  package init?(name: String) {
    let lowered = name.lowercased()
    if let function = ScalarFunction(rawValue: lowered) {
      self = function
    } else if let function = Self.otherNames[lowered] {
      self = function
    } else {
      return nil
    }
  }

  /// Names that mean the same.
  static let otherNames: [String: ScalarFunction] = [
    "lcase": .lower, "ucase": .upper, "len": .length, "char_length": .length, "substring": .substr,
    "position": .strpos, "instr": .strpos, "prefix": .startsWith, "suffix": .endsWith, "ceiling": .ceil,
    "power": .pow, "log": .log10, "dayofmonth": .day, "dayofweek": .weekday, "weekofyear": .week,
    "datetrunc": .dateTrunc, "datediff": .dateDiff, "datepart": .datePart, "iff": .conditional,
  ]

  /// How it is called, for messages and help.
  package var usage: String {
    switch self {
    case .lower: "lower(text)"
    case .upper: "upper(text)"
    case .trim: "trim(text[, characters])"
    case .ltrim: "ltrim(text[, characters])"
    case .rtrim: "rtrim(text[, characters])"
    case .length: "length(text)"
    case .substr: "substr(text, start[, length])"
    case .replace: "replace(text, old, new)"
    case .concat: "concat(value, …)"
    case .reverse: "reverse(text)"
    case .left: "left(text, count)"
    case .right: "right(text, count)"
    case .lpad: "lpad(text, length, fill)"
    case .rpad: "rpad(text, length, fill)"
    case .strpos: "strpos(text, part)"
    case .contains: "contains(text, part)"
    case .repeatText: "repeat(text, count)"
    case .splitPart: "split_part(text, separator, number)"
    case .startsWith: "starts_with(text, start)"
    case .endsWith: "ends_with(text, end)"
    case .round: "round(number[, digits])"
    case .floor: "floor(number)"
    case .ceil: "ceil(number)"
    case .trunc: "trunc(number)"
    case .abs: "abs(number)"
    case .sign: "sign(number)"
    case .sqrt: "sqrt(number)"
    case .ln: "ln(number)"
    case .log10: "log10(number)"
    case .log2: "log2(number)"
    case .exp: "exp(number)"
    case .pow: "pow(base, exponent)"
    case .mod: "mod(number, divisor)"
    case .isNaN: "isnan(number)"
    case .isFinite: "isfinite(number)"
    case .coalesce: "coalesce(value, …)"
    case .nullif: "nullif(value, other)"
    case .greatest: "greatest(value, …)"
    case .least: "least(value, …)"
    case .conditional: "if(condition, value, otherwise)"
    case .ifnull: "ifnull(value, otherwise)"
    case .year, .quarter, .month, .week, .day, .weekday, .isodow, .dayofyear: "\(rawValue)(date)"
    case .hour, .minute, .second, .epoch: "\(rawValue)(timestamp)"
    case .dateTrunc: "date_trunc('unit', date)"
    case .dateDiff: "date_diff('unit', start, end)"
    case .datePart: "date_part('unit', date)"
    }
  }

  /// How many arguments it takes.
  var argumentCounts: ClosedRange<Int> {
    switch self {
    case .trim, .ltrim, .rtrim, .round: 1...2
    case .substr: 2...3
    case .concat, .coalesce, .greatest, .least: 1...Int.max
    case .replace, .lpad, .rpad, .splitPart, .conditional, .dateDiff: 3...3
    case .left, .right, .strpos, .contains, .repeatText, .startsWith, .endsWith, .pow, .mod, .nullif, .ifnull,
      .dateTrunc, .datePart:
      2...2
    default: 1...1
    }
  }
}
