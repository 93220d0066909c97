import Testing

@testable import MartletTable

@Suite struct CivilDateTests {
  private func date(_ text: String) -> Int64? {
    CellParser.padded(text) { MomentParser.date($0, $1) }
  }

  private func timestamp(_ text: String) -> Int64? {
    CellParser.padded(text) { MomentParser.timestamp($0, $1) }
  }

  private func written(day: Int64) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: CivilDate.writtenLimit) {
      let count = CivilDate.write(days: day, to: $0.baseAddress!)
      return String(decoding: $0[..<count], as: UTF8.self)
    }
  }

  private func written(microseconds: Int64) -> String {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: CivilDate.writtenLimit) {
      let count = CivilDate.write(microseconds: microseconds, to: $0.baseAddress!)
      return String(decoding: $0[..<count], as: UTF8.self)
    }
  }

  @Test func `every day of eight centuries, counted one by one`() {
    var days: Int64 = -135_140  // 1600-01-01
    for year in Int64(1600)..<2400 {
      for month in Int64(1)...12 {
        for day in Int64(1)...CivilDate.daysInMonth(month, of: year) {
          let isRight =
            CivilDate.days(year: year, month: month, day: day) == days
            && CivilDate.civil(days: days) == (year, month, day)
          if !isRight { Issue.record("\(year)-\(month)-\(day)") }
          days += 1
        }
      }
    }
    #expect(CivilDate.days(year: 1970, month: 1, day: 1) == 0)
  }

  @Test func `dates are written as they are read`() {
    for text in [
      "1970-01-01", "2013-12-31", "2000-02-29", "2024-02-29", "1900-02-28", "0000-01-01", "9999-12-31", "1969-12-31",
    ] {
      #expect(date(text).map { written(day: $0) } == text)
    }
  }

  @Test func `what is no date`() {
    for text in [
      "1900-02-29", "2023-02-29", "2013-13-01", "2013-00-01", "2013-01-00", "2013-04-31", "2013-1-1", "2013/01/01",
      "2013-01-01 ", " 2013-01-01", "20130101", "2013-01-0a", "a013-01-01", "2013-0:-01", "+013-01-01", "",
    ] {
      #expect(date(text) == nil, "\(text)")
    }
  }

  @Test func `timestamps`() {
    let hour: Int64 = 3_600_000_000
    for (text, value) in [
      ("1970-01-01T00:00", 0), ("1970-01-01 06:00", 6 * hour), ("1970-01-01T06:00:00", 6 * hour),
      ("1970-01-01T06:00:00Z", 6 * hour), ("1970-01-01T06:00Z", 6 * hour), ("1970-01-01T06:00+01:00", 5 * hour),
      ("1970-01-01T06:00:00.5-01:30", 7 * hour + hour / 2 + 500_000), ("1970-01-01 00:00:00.123456789", 123_456),
      ("1970-01-01 00:00:00.000001", 1), ("1969-12-31T23:59:59.999999", -1), ("1970-01-02T00:00", 24 * hour),
    ] {
      #expect(timestamp(text) == value, "\(text)")
    }
  }

  @Test func `what is no timestamp`() {
    for text in [
      "1970-01-01", "1970-01-01T", "1970-01-01T0:00", "1970-01-01T24:00", "1970-01-01T00:60", "1970-01-01T00:00:60",
      "1970-01-01T00:00:0", "1970-01-01T00:00:00.", "1970-01-01T00:00:00.1234567890", "1970-01-01T00:00z",
      "1970-01-01T00:00+1", "1970-01-01T00:00+01", "1970-01-01T00:00+0100", "1970-01-01T00:00+24:00",
      "1970-01-01T00:00 ", "1970-02-30T00:00", "1970-01-01_00:00", "1970-01-01T00:00:00,5", "1970-01-01T00.00:00",
    ] {
      #expect(timestamp(text) == nil, "\(text)")
    }
  }

  @Test func `timestamps are written without needless digits`() {
    for (value, text) in [
      (0, "1970-01-01T00:00:00"), (1, "1970-01-01T00:00:00.000001"), (500_000, "1970-01-01T00:00:00.5"),
      (-1, "1969-12-31T23:59:59.999999"), (1_357_020_000_000_000, "2013-01-01T06:00:00"),
    ] as [(Int64, String)] {
      #expect(written(microseconds: value) == text)
    }
  }

  @Test func `no number traps`() {
    let values: [Int64] = [.min, .min + 1, .max, .max - 1, 1 << 62, -1 << 62]
    for value in values {
      #expect(!written(day: value).isEmpty)
      #expect(!written(microseconds: value).isEmpty)
      #expect(written(day: value).utf8.count <= CivilDate.writtenLimit)
    }
    #expect(written(day: 2_932_897) == "10000-01-01")
    #expect(written(day: -719_529) == "-0001-12-31")
  }
}

extension CellParser {
  static func padded<Result>(_ text: String, _ body: (UnsafePointer<UInt8>, Int) -> Result) -> Result {
    let bytes = Array(text.utf8)
    return bytes.withUnsafeBufferPointer { buffer in padded(buffer) { body($0, buffer.count) } }
  }
}
