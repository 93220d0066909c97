/// The table G1 of the db-benchmark (https://github.com/h2oai/db-benchmark), uniform and without nulls.
///
/// id1, id2: 100 texts; id3: 100,000 texts; id4, id5: 1...100; id6: 1...100,000; v1: 1...5; v2: 1...15; v3: 0...100 with
/// six decimals.
struct GroupByRows: RowGenerator {
  let header = "id1,id2,id3,id4,id5,id6,v1,v2,v3"
  let longestRow = "id100,id100,id0000100000,100,100,100000,5,15,100.000000\n".utf8.count
  private let seed: UInt64
  private let digits = DigitTables()

  init(seed: UInt64) { self.seed = seed }

  func write(rows: Range<Int>, to memory: UnsafeMutableRawPointer) -> Int {
    var buffer = RowBuffer(memory, digits: digits)
    let comma = UInt8(ascii: ",")
    let id: UInt64 = 0x6469  // "id", the first letter lowest
    let idZeros: UInt64 = 0x3030_3030_6469  // "id0000"
    for row in rows {
      var random = RowRandom(seed: seed, row: row)
      let texts = random.next()
      let numbers = random.next()
      let many = random.next()
      let values = random.next()
      buffer.put(id, count: 2)
      buffer.put(three: RowRandom.scaled(texts, below: 100) &+ 1)
      buffer.put(byte: comma)
      buffer.put(id, count: 2)
      buffer.put(three: RowRandom.scaled(texts &>> 32, below: 100) &+ 1)
      buffer.put(byte: comma)
      let id3 = RowRandom.scaled(many, below: 100_000) &+ 1
      let thousands = id3 / 1000
      buffer.put(idZeros, count: 6)
      buffer.put(three: thousands)
      buffer.put(three: id3 &- thousands &* 1000)
      buffer.put(byte: comma)
      buffer.put(small: RowRandom.scaled(numbers, below: 100) &+ 1)
      buffer.put(byte: comma)
      buffer.put(small: RowRandom.scaled(numbers &>> 32, below: 100) &+ 1)
      buffer.put(byte: comma)
      buffer.put(medium: RowRandom.scaled(many &>> 32, below: 100_000) &+ 1)
      buffer.put(byte: comma)
      buffer.put(small: RowRandom.scaled(values, below: 5) &+ 1)
      buffer.put(byte: comma)
      buffer.put(small: RowRandom.scaled(values &>> 32, below: 15) &+ 1)
      buffer.put(byte: comma)
      let millionths = random.next(below: 100_000_001)
      let whole = millionths / 1_000_000
      let fraction = millionths &- whole &* 1_000_000
      let thousandths = fraction / 1000
      buffer.put(small: whole)
      buffer.put(byte: UInt8(ascii: "."))
      buffer.put(three: thousandths)
      buffer.put(three: fraction &- thousandths &* 1000)
      buffer.put(byte: UInt8(ascii: "\n"))
    }
    return buffer.end - memory
  }
}
