/// Rides on shared bikes in the year 2025, ordered by day: a table like those that people have.
///
/// Every type of column is there; station names hold commas and quotes, comments also line ends; a twentieth of the
/// cells is null, some texts are empty but not null, and bike numbers have leading zeros.
struct TripRows: RowGenerator {
  let header = TripTexts.header
  let longestRow: Int
  private let rows: Int
  private let seed: UInt64
  private let digits = DigitTables()
  /// Cells with the comma behind them, except the days, of which three columns are made.
  private let days: TextTable
  private let cities: TextTable
  private let stations: TextTable
  private let bikes: TextTable
  private let comments: TextTable
  /// The day of each of 4096 equal parts of the table.
  private let dayOfPart: [UInt16]
  /// The hour that each of 256 equally likely draws stands for.
  private let hourOfDraw: [UInt8]

  init(rows: Int, seed: UInt64) {
    self.rows = max(1, rows)
    self.seed = seed
    days = TextTable(TripTexts.days.map(\.text))
    cities = TextTable(TripTexts.cities.map { TextTable.cell($0.name) + "," })
    stations = TextTable(TripTexts.cities.flatMap(\.stations).map { TextTable.cell($0) + "," })
    bikes = TextTable(TripTexts.bikes.map { $0 + "," })
    comments = TextTable(TripTexts.comments.map(TextTable.cell))
    let year = TripTexts.days.dropLast()
    dayOfPart = Self.spread(4096, over: year.map { TripTexts.monthWeights[$0.month] }).map { UInt16($0) }
    hourOfDraw = Self.spread(256, over: TripTexts.hourWeights).map { UInt8($0) }
    longestRow =
      "1000000000000,,,false,00000,99,99.999,99.99,5,\n".utf8.count + days.longest + 2
      * ("2025-01-01 00:00:00,").utf8.count
      + cities.longest + 2 * stations.longest + bikes.longest + comments.longest
  }

  func write(rows: Range<Int>, to memory: UnsafeMutableRawPointer) -> Int {
    var buffer = RowBuffer(memory, digits: digits)
    dayOfPart.withUnsafeBufferPointer { dayOfPart in
      hourOfDraw.withUnsafeBufferPointer { hourOfDraw in
        for row in rows {
          write(row, dayOfPart, hourOfDraw, to: &buffer)
        }
      }
    }
    return buffer.end - memory
  }

  @inline(__always)
  private func write(
    _ row: Int, _ dayOfPart: UnsafeBufferPointer<UInt16>, _ hourOfDraw: UnsafeBufferPointer<UInt8>,
    to buffer: inout RowBuffer
  ) {
    let comma = UInt8(ascii: ",")
    var random = RowRandom(seed: seed, row: row)
    let places = random.next()
    let times = random.next()
    let chances = random.next()
    let rider = random.next()

    // When: 3 to 62 minutes, short rides more often.
    let day = Int(dayOfPart[row &* 4096 / self.rows])
    let start = Int(hourOfDraw[Int(times & 0xFF)]) &* 3600 &+ RowRandom.scaled(times &>> 8, below: 3600)
    let shortness = Int(times &>> 40 & 0xFFF)
    let seconds = 180 &+ ((shortness &* shortness) &>> 12) &* 3540 / 4096 &+ Int(times &>> 52 & 0x3F)

    // Where: the lesser of two draws, so that the first cities have the most trips.
    let city = min(
      RowRandom.scaled(places & 0xFFFF_FFFF, below: 12), RowRandom.scaled(places &>> 32, below: 12))
    let from = (Int(places & 0xFFFF) &* 6) &>> 16
    let to = (Int(rider &>> 56) &* 6) &>> 8

    let bikeDraw = Int(chances & 0xFF)
    let bike = bikeDraw < 150 ? 0 : bikeDraw < 240 ? 1 : 2
    let isMember = chances &>> 8 & 0xFF < 170
    let isLost = chances &>> 16 & 0xFF < 3

    buffer.put(large: row &+ 1)
    buffer.put(byte: comma)
    buffer.put(days, day)
    buffer.put(byte: comma)
    put(moment: start, ofDay: day, to: &buffer)
    // A bike that was not brought back has neither an end nor a place of it.
    if isLost { buffer.put(byte: comma) } else { put(moment: start &+ seconds, ofDay: day, to: &buffer) }
    buffer.put(cities, city)
    buffer.put(stations, city &* 6 &+ from)
    if isLost { buffer.put(byte: comma) } else { buffer.put(stations, city &* 6 &+ to) }
    buffer.put(bikes, bike)
    let bikeNumber = RowRandom.scaled(rider, below: 12_000)
    buffer.put(two: bikeNumber / 1000)
    buffer.put(three: bikeNumber % 1000)
    buffer.put(byte: comma)
    if isMember {
      buffer.put(0x2C_6575_7274, count: 5)  // "true,"
    } else {
      buffer.put(0x2C65_736C_6166, count: 6)  // "false,"
    }

    // The age of members is known, mostly: 18 to 69, those between more often.
    if isMember, chances &>> 24 & 0xFF < 240 {
      let twice = Int(rider &>> 32 & 0xFF) &+ Int(rider &>> 40 & 0xFF)
      buffer.put(small: 18 &+ (twice &* 52) &>> 9)
    }
    buffer.put(byte: comma)

    // How far: 8 to 24 km/h; the tracker fails now and then.
    if chances &>> 32 & 0xFF >= 4 {
      let metresPerHour =
        8000 &+ RowRandom.scaled((rider &>> 40 & 0xFFFF) &<< 16, below: 12_000) &+ (bike == 1 ? 4000 : 0)
      let metres = seconds &* metresPerHour / 3600
      buffer.put(small: metres / 1000)
      buffer.put(byte: UInt8(ascii: "."))
      buffer.put(three: metres % 1000)
    }
    buffer.put(byte: comma)

    // What it costs: members ride the first 15 minutes for nothing.
    let minutes = (seconds &+ 59) / 60
    let charged = isMember ? max(0, minutes &- 15) : minutes
    let cents = (isMember ? 0 : 100) &+ charged &* (bike == 1 ? 23 : bike == 2 ? 30 : 12)
    buffer.put(small: cents / 100)
    buffer.put(byte: UInt8(ascii: "."))
    buffer.put(two: cents % 100)
    buffer.put(byte: comma)

    let ratingDraw = Int(chances &>> 40 & 0xFF)
    if ratingDraw < 140 {
      buffer.put(small: ratingDraw < 60 ? 5 : ratingDraw < 105 ? 4 : ratingDraw < 125 ? 3 : ratingDraw < 133 ? 2 : 1)
    }
    buffer.put(byte: comma)
    if chances &>> 48 & 0xFF < 20 {
      buffer.put(comments, (Int(chances &>> 56) &* comments.count) &>> 8)
    }
    buffer.put(byte: UInt8(ascii: "\n"))
  }

  /// `2025-03-01 08:15:32,`; the second may be on the next day.
  @inline(__always)
  private func put(moment second: Int, ofDay day: Int, to buffer: inout RowBuffer) {
    let isNext = second >= 86_400
    let second = isNext ? second &- 86_400 : second
    let minute = second / 60
    let hour = minute / 60
    buffer.put(days, isNext ? day &+ 1 : day)
    buffer.put(byte: UInt8(ascii: " "))
    buffer.put(two: hour)
    buffer.put(byte: UInt8(ascii: ":"))
    buffer.put(two: minute &- hour &* 60)
    buffer.put(byte: UInt8(ascii: ":"))
    buffer.put(two: second &- minute &* 60)
    buffer.put(byte: UInt8(ascii: ","))
  }

  /// `count` parts shared among weights, in their order.
  static func spread(_ count: Int, over weights: [Int]) -> [Int] {
    let total = weights.reduce(0, +)
    var shares: [Int] = []
    shares.reserveCapacity(count)
    var index = 0
    var before = 0
    for part in 0..<count {
      while part * total >= (before + weights[index]) * count {
        before += weights[index]
        index += 1
      }
      shares.append(index)
    }
    return shares
  }
}
