import Testing

@testable import Martlet

@Suite struct DataSetTests {
  /// The whole table, made in blocks.
  private func text(_ set: DataSet) -> String {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: set.blockBytes, alignment: 64)
    defer { memory.deallocate() }
    var bytes = Array(set.header.utf8)
    for block in 0..<set.blockCount {
      let count = set.write(block: block, to: memory)
      #expect(count <= set.blockBytes - 16)
      bytes += UnsafeRawBufferPointer(start: memory, count: count)
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The records of CSV, one letter after the other; nil for the empty cell without quotes.
  private func records(_ text: String) -> [[String?]] {
    var records: [[String?]] = []
    var record: [String?] = []
    var cell: String?
    var isQuoted = false
    var previous: Unicode.Scalar?
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"":
        if !isQuoted, previous == "\"" { cell!.unicodeScalars.append(scalar) }
        if cell == nil { cell = "" }
        isQuoted.toggle()
      case "," where !isQuoted, "\n" where !isQuoted:
        record.append(cell)
        cell = nil
        if scalar == "\n" {
          records.append(record)
          record = []
        }
      default:
        cell = cell ?? ""
        cell!.unicodeScalars.append(scalar)
      }
      previous = scalar
    }
    #expect(record.isEmpty && cell == nil && !isQuoted)
    return records
  }

  @Test(arguments: DataSet.Kind.allCases)
  func `blocks join without gap, and have the records that were asked for`(kind: DataSet.Kind) {
    let one = DataSet(kind, rows: 1, seed: 3)
    for rows in [0, 1, 2, one.rowsPerBlock, one.rowsPerBlock + 1] {
      let table = records(text(DataSet(kind, rows: rows, seed: 3)))
      #expect(table.count == rows + 1)
      #expect(table.allSatisfy { $0.count == table[0].count })
    }
  }

  @Test(arguments: DataSet.Kind.allCases)
  func `bytes follow from the seed`(kind: DataSet.Kind) {
    #expect(text(DataSet(kind, rows: 500, seed: 3)) == text(DataSet(kind, rows: 500, seed: 3)))
    #expect(text(DataSet(kind, rows: 500, seed: 3)) != text(DataSet(kind, rows: 500, seed: 4)))
  }

  @Test func `a data set stays what it is`() {
    // A change here breaks the promise that a seed names a table: do not adapt these lines lightly.
    let lines = [DataSet.Kind.trips, .groupby, .stations].map {
      text(DataSet($0, rows: 3, seed: 1)).split(separator: "\n")[1]
    }
    #expect(
      lines == [
        "1,2025-01-01,2025-01-01 07:39:08,2025-01-01 07:56:32,København,Nørreport,Nørreport,electric,03033,false,,3.636,"
          + "5.14,,",
        "id078,id026,id0000064925,1,75,5206,2,1,84.593110",
        "Dhaka,22.3",
      ])
  }

  @Test func `groupby columns are uniform over their values`() {
    let rows = 40_000
    let table = records(text(DataSet(.groupby, rows: rows, seed: 9))).dropFirst()
    func ids(_ column: Int, _ prefix: String) -> [Int] {
      table.map { record in
        let cell = record[column]!
        #expect(cell.hasPrefix(prefix))
        return Int(cell.dropFirst(prefix.count))!
      }
    }
    let expected: [(column: Int, prefix: String, range: ClosedRange<Int>)] = [
      (0, "id", 1...100), (1, "id", 1...100), (2, "id0000", 1...100_000), (3, "", 1...100), (4, "", 1...100),
      (5, "", 1...100_000), (6, "", 1...5), (7, "", 1...15),
    ]
    for (column, prefix, range) in expected {
      let values = ids(column, prefix)
      #expect(values.allSatisfy(range.contains), "column \(column)")
      // Twenty equal shares of the range (or one a value), each within five standard deviations.
      let bins = min(20, range.count)
      var counts = [Int](repeating: 0, count: bins)
      for value in values { counts[(value - 1) * bins / range.count] += 1 }
      for (bin, count) in counts.enumerated() {
        let share = Double(range.filter { ($0 - 1) * bins / range.count == bin }.count) / Double(range.count)
        let mean = Double(rows) * share
        #expect(abs(Double(count) - mean) < 5 * (mean * (1 - share)).squareRoot(), "column \(column), share \(bin)")
      }
    }
    for record in table {
      let cell = record[8]!
      let parts = cell.split(separator: ".")
      #expect(parts.count == 2 && parts[1].count == 6 && (0...100).contains(Double(cell)!))
    }
    #expect(table.allSatisfy { $0[0]!.count == 5 && $0[2]!.count == 12 })
  }

  @Test func `stations have their means, and all 413 names`() {
    let rows = 100_000
    let table = records(text(DataSet(.stations, rows: rows, seed: 9))).dropFirst()
    var sums: [String: (count: Int, sum: Double, squares: Double)] = [:]
    for record in table {
      let value = Double(record[1]!)!
      #expect((-99.9...99.9).contains(value))
      let old = sums[record[0]!] ?? (0, 0, 0)
      sums[record[0]!] = (old.count + 1, old.sum + value, old.squares + value * value)
    }
    #expect(sums.count == 413)
    for station in WeatherStation.all {
      let (count, sum, squares) = sums[station.name] ?? (0, 0, 0)
      let mean = sum / Double(count)
      #expect(abs(mean - Double(station.tenths) / 10) < 5 * 10 / Double(count).squareRoot(), "\(station.name)")
      #expect(abs((squares / Double(count) - mean * mean).squareRoot() - 10) < 4, "\(station.name)")
    }
    #expect(sums["Washington, D.C."] != nil)
  }

  @Test func `trips have every kind of cell`() {
    let table = records(text(DataSet(.trips, rows: 20_000, seed: 9)))
    let header = table[0].map { $0! }
    func column(_ name: String) -> [String?] {
      let index = header.firstIndex(of: name)!
      return table.dropFirst().map { $0[index] }
    }
    #expect(column("trip_id").map { Int($0!)! } == Array(1...20_000))
    let days = column("day").map { $0! }
    #expect(days == days.sorted() && days.first == "2025-01-01" && days.last == "2025-12-31")
    for (day, started) in zip(days, column("started_at")) { #expect(started!.hasPrefix(day) && started!.count == 19) }
    for (started, ended) in zip(column("started_at"), column("ended_at")) {
      #expect(ended == nil || ended! > started!)
    }
    #expect(column("ended_at").contains { $0?.hasSuffix("24:00:00") ?? false } == false)
    #expect(Set(column("city").map { $0! }) == Set(TripTexts.cities.map(\.name)))
    #expect(Set(column("from_station").map { $0! }) == Set(TripTexts.cities.flatMap(\.stations)))
    #expect(column("to_station").contains(nil))
    #expect(column("bike_id").allSatisfy { $0!.count == 5 } && column("bike_id").contains { $0!.hasPrefix("0") })
    #expect(Set(column("member")) == ["true", "false"])
    #expect(column("age").contains(nil) && column("age").allSatisfy { $0 == nil || (18...69).contains(Int($0!)!) })
    #expect(column("distance_km").contains(nil) && column("distance_km").allSatisfy { $0 == nil || Double($0!)! < 30 })
    #expect(column("fare").allSatisfy { Double($0!)! < 30 })
    #expect(Set(column("rating")) == [nil, "1", "2", "3", "4", "5"])
    let comments = column("comment")
    #expect(Set(comments.compactMap { $0 }) == Set(TripTexts.comments))
    #expect(comments.contains("") && comments.contains(nil) && comments.contains { $0?.contains("\n") ?? false })
  }
}
