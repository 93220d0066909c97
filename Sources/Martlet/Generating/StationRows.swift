/// Measured temperatures: the table of the One Billion Row Challenge, with a header and commas.
///
/// A place is drawn uniformly, its temperature around the place's mean with a standard deviation of 10 degrees, as the
/// sum of four uniform numbers (Irwin-Hall), which needs whole numbers only and so is the same everywhere.
struct StationRows: RowGenerator {
  let header = "station,temperature"
  let longestRow: Int
  private let seed: UInt64
  private let digits = DigitTables()
  /// The names as cells, each with its comma.
  private let names: TextTable
  private let means: [Int]

  init(seed: UInt64) {
    self.seed = seed
    names = TextTable(WeatherStation.all.map { TextTable.cell($0.name) + "," })
    means = WeatherStation.all.map(\.tenths)
    longestRow = names.longest + "-99.9\n".utf8.count
  }

  func write(rows: Range<Int>, to memory: UnsafeMutableRawPointer) -> Int {
    var buffer = RowBuffer(memory, digits: digits)
    means.withUnsafeBufferPointer { means in
      for row in rows {
        var random = RowRandom(seed: seed, row: row)
        let station = random.next(below: UInt64(means.count))
        let bits = random.next()
        let sum = Int((bits & 0xFFFF) &+ (bits &>> 16 & 0xFFFF) &+ (bits &>> 32 & 0xFFFF) &+ (bits &>> 48))
        // The sum's mean is 4 * 32767.5, its standard deviation sqrt(4 / 12) * 65536 = 37837: 378.37 a tenth.
        let tenths = min(999, max(-999, means[station] &+ ((sum &- 131070) &* 693 &+ 131_072) &>> 18))
        buffer.put(names, station)
        if tenths < 0 { buffer.put(byte: UInt8(ascii: "-")) }
        let size = abs(tenths)
        let whole = size / 10
        buffer.put(small: whole)
        buffer.put(UInt64(UInt8(ascii: ".")) | UInt64(size &- whole &* 10 &+ 48) &<< 8 | 10 &<< 16, count: 3)
      }
    }
    return buffer.end - memory
  }
}
