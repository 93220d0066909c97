#if canImport(Glibc)
  import Glibc
#endif

@testable import MartletTable

extension RowModel {
  func call(_ function: ScalarFunction, _ arguments: [Expression]) throws -> Scalar {
    switch function {
    case .coalesce, .ifnull:
      for argument in arguments {
        let x = try value(argument)
        if x != .null { return x }
      }
      return .null
    case .conditional: return try value(arguments[0]) == .bool(true) ? value(arguments[1]) : value(arguments[2])
    default: break
    }
    let values = try arguments.map { try value($0) }
    switch function {
    case .concat:
      return .text(
        values.filter { $0 != .null }.flatMap { scalar -> [UInt8] in
          guard case .text(let bytes) = cast(scalar, .text) else { return [] }
          return bytes
        })
    case .greatest, .least:
      let sign = function == .greatest ? 1 : -1
      return values.filter { $0 != .null }.reduce(.null) { best, next in
        best == .null ? next : Self.order(next, best)! * sign > 0 ? next : best
      }
    case .nullif: return Self.order(values[0], values[1]) == 0 ? .null : values[0]
    case .dateTrunc, .dateDiff, .datePart: return date(function, values)
    default: break
    }
    if values.contains(.null) { return .null }
    switch (function, values[0]) {
    case (.year, _), (.quarter, _), (.month, _), (.week, _), (.day, _), (.hour, _), (.minute, _), (.second, _),
      (.weekday, _), (.isodow, _), (.dayofyear, _), (.epoch, _):
      return part(function, values[0])
    case (_, .text(let bytes)): return text(function, Array(Self.string(bytes).unicodeScalars), values)
    default: return try number(function, values)
    }
  }

  // MARK: Text

  private func text(_ function: ScalarFunction, _ x: [Unicode.Scalar], _ values: [Scalar]) -> Scalar {
    func scalars(_ index: Int) -> [Unicode.Scalar] {
      guard values.count > index, case .text(let bytes) = values[index] else { return [] }
      return Array(Self.string(bytes).unicodeScalars)
    }
    func int(_ index: Int) -> Int {
      guard values.count > index, case .int(let n) = values[index] else { return 0 }
      return Int(n)
    }
    func result(_ scalars: some Sequence<Unicode.Scalar>) -> Scalar {
      var text = String.UnicodeScalarView()
      text.append(contentsOf: scalars)
      return .text(String(text))
    }
    func find(_ part: [Unicode.Scalar], from start: Int) -> Int? {
      (start...max(start, x.count)).first { $0 + part.count <= x.count && Array(x[$0..<$0 + part.count]) == part }
    }
    func mapped(_ upper: Bool) -> Scalar {
      result(
        x.map { scalar in
          let mapping = upper ? scalar.properties.uppercaseMapping : scalar.properties.lowercaseMapping
          return mapping.unicodeScalars.count == 1 ? mapping.unicodeScalars.first! : scalar
        })
    }
    switch function {
    case .lower: return mapped(false)
    case .upper: return mapped(true)
    case .length: return .int(Int64(x.count))
    case .reverse: return result(x.reversed())
    case .trim, .ltrim, .rtrim:
      let cut = values.count > 1 ? scalars(1) : [" "]
      var (low, high) = (0, x.count)
      if function != .rtrim { while low < high, cut.contains(x[low]) { low += 1 } }
      if function != .ltrim { while low < high, cut.contains(x[high - 1]) { high -= 1 } }
      return result(x[low..<high])
    case .substr:
      // A window of positions, of which those that exist are taken; -1 is the last character.
      let start = int(1) > 0 ? int(1) - 1 : int(1) == 0 ? -1 : max(x.count + int(1), -1)
      let length = values.count > 2 ? int(2) : 1_000_000
      let window = length >= 0 ? start..<start + length : start + length..<start
      return result(x.indices.filter { window.contains($0) }.map { x[$0] })
    case .left: return result(int(1) >= 0 ? x.prefix(int(1)) : x.dropLast(-int(1)))
    case .right: return result(int(1) >= 0 ? x.suffix(int(1)) : x.dropFirst(-int(1)))
    case .repeatText: return result((0..<max(0, int(1))).flatMap { _ in x })
    case .lpad, .rpad:
      let (wanted, fill) = (max(0, int(1)), scalars(2))
      if wanted <= x.count || fill.isEmpty { return result(x.prefix(wanted)) }
      let padding = (0..<wanted - x.count).map { fill[$0 % fill.count] }
      return result(function == .lpad ? padding + x : x + padding)
    case .strpos: return .int(Int64(find(scalars(1), from: 0).map { $0 + 1 } ?? 0))
    case .contains: return .bool(find(scalars(1), from: 0) != nil)
    case .startsWith: return .bool(x.starts(with: scalars(1)))
    case .endsWith: return .bool(x.reversed().starts(with: scalars(1).reversed()))
    case .replace:
      let (old, new) = (scalars(1), scalars(2))
      if old.isEmpty { return result(x) }
      var (from, made) = (0, [Unicode.Scalar]())
      while let place = find(old, from: from) {
        made += x[from..<place] + new
        from = place + old.count
      }
      return result(made + x[from...])
    case .splitPart:
      let separator = scalars(1)
      if separator.isEmpty { return int(2) == 1 || int(2) == -1 ? result(x) : .text("") }
      var (from, parts) = (0, [[Unicode.Scalar]]())
      while let place = find(separator, from: from) {
        parts.append(Array(x[from..<place]))
        from = place + separator.count
      }
      parts.append(Array(x[from...]))
      let index = int(2) > 0 ? int(2) - 1 : int(2) == 0 ? -1 : parts.count + int(2)
      return parts.indices.contains(index) ? result(parts[index]) : .text("")
    default: return .null
    }
  }

  // MARK: Numbers

  private func number(_ function: ScalarFunction, _ values: [Scalar]) throws -> Scalar {
    if case .int(let x) = values[0] {
      switch function {
      case .floor, .ceil, .trunc: return .int(x)
      case .sign: return .int(x > 0 ? 1 : x < 0 ? -1 : 0)
      case .abs:
        if x == .min { throw Overflow() }
        return .int(abs(x))
      case .round:
        guard values.count > 1, case .int(let digits) = values[1], digits < 0 else { return .int(x) }
        if digits < -30 { return .int(0) }
        let unit = (0..<(-digits)).reduce(Int128(1)) { unit, _ in unit * 10 }
        let rest = Int128(x) % unit
        var rounded = Int128(x) - rest
        if rest.magnitude * 2 >= unit.magnitude { rounded += rest < 0 ? -unit : unit }
        guard let narrow = Int64(exactly: rounded) else { throw Overflow() }
        return .int(narrow)
      default: break
      }
    }
    guard let x = Self.number(values[0]) else { return .null }
    switch function {
    case .floor: return .double(Glibc.floor(x))
    case .ceil: return .double(Glibc.ceil(x))
    case .trunc: return .double(Glibc.trunc(x))
    case .abs: return .double(Swift.abs(x))
    case .sign: return .int(x > 0 ? 1 : x < 0 ? -1 : 0)
    case .sqrt: return .double(Glibc.sqrt(x))
    case .ln: return .double(Glibc.log(x))
    case .log10: return .double(Glibc.log10(x))
    case .log2: return .double(Glibc.log2(x))
    case .exp: return .double(Glibc.exp(x))
    case .pow: return .double(Glibc.pow(x, Self.number(values[1])!))
    case .mod:
      if case .int(let a) = values[0], case .int(let b) = values[1] {
        return b == 0 ? .null : .int(Int64(Int128(a) % Int128(b)))
      }
      let y = Self.number(values[1])!
      return y == 0 ? .null : .double(fmod(x, y))
    case .isNaN: return .bool(x.isNaN)
    case .isFinite: return .bool(x.isFinite)
    case .round:
      guard values.count > 1, case .int(let digits) = values[1], digits != 0 else { return .double(Glibc.round(x)) }
      if !x.isFinite { return .double(x) }
      let unit = Glibc.pow(10, Double(abs(digits)))
      let rounded = digits > 0 ? Glibc.round(x * unit) / unit : Glibc.round(x / unit) * unit
      return .double(rounded.isFinite ? rounded : digits > 0 ? x : 0)
    default: return .null
    }
  }

  // MARK: Dates

  private func split(_ scalar: Scalar) -> (day: Int64, microseconds: Int64)? {
    switch scalar {
    case .date(let days): return (days, 0)
    case .timestamp(let moment):
      let day = Self.floor(moment, 86_400_000_000)
      return (day, moment - day * 86_400_000_000)
    case .text(let bytes): return CellText.timestamp(bytes).flatMap { split(.timestamp($0)) }
    default: return nil
    }
  }

  private func part(_ function: ScalarFunction, _ scalar: Scalar) -> Scalar {
    guard let (day, rest) = split(scalar) else { return .null }
    let (year, month, dayOfMonth) = Self.fields(day)
    /// Monday is 0.
    let weekday = ((day + 3) % 7 + 7) % 7
    switch function {
    case .year: return .int(year)
    case .quarter: return .int((month + 2) / 3)
    case .month: return .int(month)
    case .day: return .int(dayOfMonth)
    case .hour: return .int(rest / 3_600_000_000)
    case .minute: return .int(rest / 60_000_000 % 60)
    case .second: return .int(rest / 1_000_000 % 60)
    case .weekday: return .int((weekday + 1) % 7)
    case .isodow: return .int(weekday + 1)
    case .dayofyear: return .int((0..<366).first { Self.fields(day - $0) == (year, 1, 1) }! + 1)
    case .epoch: return .int(day * 86_400 + rest / 1_000_000)
    default:
      // The first week is the one with the year's first Thursday.
      let thursday = day - weekday + 3
      return .int(
        (0..<366).first { Self.fields(thursday - $0).year != Self.fields(thursday).year }.map { ($0 - 1) / 7 + 1 } ?? 53
      )
    }
  }

  private func date(_ function: ScalarFunction, _ values: [Scalar]) -> Scalar {
    guard case .text(let bytes) = values[0], let first = split(values[1]) else { return .null }
    let unit = Self.string(bytes)
    if function == .datePart { return part(ScalarFunction(name: unit)!, values[1]) }
    /// The begin of the unit, by walking back.
    func begin(_ day: Int64, _ rest: Int64) -> (Int64, Int64) {
      switch unit {
      case "second": return (day, rest - rest % 1_000_000)
      case "minute": return (day, rest - rest % 60_000_000)
      case "hour": return (day, rest - rest % 3_600_000_000)
      case "day": return (day, 0)
      case "week": return ((0..<7).map { day - $0 }.first { (($0 + 3) % 7 + 7) % 7 == 0 }!, 0)
      default:
        return (
          (0..<40_000).lazy.map { day - $0 }.first { candidate in
            let (year, month, dayOfMonth) = Self.fields(candidate)
            guard dayOfMonth == 1 else { return false }
            switch unit {
            case "month": return true
            case "quarter": return month % 3 == 1
            case "year": return month == 1
            case "decade": return month == 1 && year % 10 == 0
            default: return month == 1 && year % 100 == 0
            }
          }!, 0
        )
      }
    }
    let (day, rest) = begin(first.day, first.microseconds)
    if function == .dateTrunc {
      if case .date = values[1] { return .date(day) }
      return .timestamp(day * 86_400_000_000 + rest)
    }
    guard let last = split(values[2]) else { return .null }
    let (endDay, endRest) = begin(last.day, last.microseconds)
    let microseconds = (endDay - day) * 86_400_000_000 + endRest - rest
    switch unit {
    case "second": return .int(microseconds / 1_000_000)
    case "minute": return .int(microseconds / 60_000_000)
    case "hour": return .int(microseconds / 3_600_000_000)
    case "day": return .int(endDay - day)
    case "week": return .int((endDay - day) / 7)
    default: break
    }
    let (from, to) = (Self.fields(day), Self.fields(endDay))
    let months = (to.year - from.year) * 12 + to.month - from.month
    let size: [String: Int64] = ["month": 1, "quarter": 3, "year": 12, "decade": 120, "century": 1200]
    return .int(months / size[unit]!)
  }
}
