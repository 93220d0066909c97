import TestSupport
import Testing

@testable import MartletTable

/// Vectors of the rows of a table of scalars; the texts live as long as this does.
struct Vectors {
  let vectors: [Vector?]
  private let arena = TextArena()

  init(_ table: [[Scalar]], _ schema: [SchemaColumn], rows: Range<Int>) {
    var made: [Vector?] = []
    for (cells, column) in zip(table, schema) {
      let vector = Vector(type: column.type)
      vector.count = rows.count
      for (row, index) in rows.enumerated() {
        vector.valid[row] = 1
        switch cells[index] {
        case .null:
          vector.hasNulls = true
          vector.setNull(row)
        case .bool(let x): vector.ints[row] = x ? 1 : 0
        case .int(let x), .date(let x), .timestamp(let x): vector.ints[row] = x
        case .double(let x): vector.doubles[row] = x
        case .text(let bytes):
          let place = arena.allocate(bytes.count)
          for (offset, byte) in bytes.enumerated() { place[offset] = byte }
          vector.texts[row] = UnsafePointer(place)
          vector.lengths[row] = UInt32(bytes.count)
        }
      }
      made.append(vector)
    }
    vectors = made
  }
}

@Suite struct EvaluationTests {
  /// Equal, where nan equals nan.
  static func same(_ a: Scalar, _ b: Scalar) -> Bool {
    if case .double(let x) = a, case .double(let y) = b { return x == y || (x.isNaN && y.isNaN) }
    return a == b
  }

  /// The value in the type that a result has, as int results stand beside doubles in CASE.
  static func widened(_ scalar: Scalar, _ type: ColumnType) -> Scalar {
    switch (scalar, type) {
    case (.int(let x), .double): .double(Double(x))
    case (.date(let x), .timestamp): .timestamp(x * 86_400_000_000)
    default: scalar
    }
  }

  @Test(arguments: sampled(0..<24))
  func `vectors give what a row at a time gives`(seed: Int) throws {
    var source = RandomExpressions(seed: UInt64(seed))
    for round in 0..<40 {
      let rows = source.pick([0, 1, 7, 70])
      let table = source.table(rows: rows, nulls: source.pick([0, 0, 20, 100]))
      let type = source.pick([ColumnType.bool, .int, .double, .text, .date, .timestamp])
      let expression = source.expression(type, depth: source.pick([1, 2, 3, 4]))
      let place: Comment = "seed \(seed), round \(round): \(expression)"
      // Chains of AND and OR are balanced when they are read; all else comes back as it was.
      #expect(try Expression.parse(expression.description).description == expression.description, place)
      let bound: BoundExpression
      do {
        bound = try BoundExpression(expression, schema: source.schema)
      } catch {
        // Constants beyond 64 bits are found when binding.
        #expect(error.message.contains("64 bits") || error.message.contains("ends in its ESCAPE"), place)
        continue
      }
      var expected: [Scalar] = []
      var failures = 0
      var overflows = false
      for row in 0..<rows {
        let model = RowModel(
          names: source.schema.map(\.name), types: source.schema.map(\.type), row: table.map { $0[row] })
        do {
          expected.append(Self.widened(try model.value(expression), bound.type))
        } catch { overflows = true }
        failures += model.failures.count
      }
      let input = Vectors(table, source.schema, rows: 0..<rows)
      defer { withExtendedLifetime(input) {} }
      do {
        // Twice, because memory is reused.
        for time in 1...2 {
          let arena = TextArena()
          let result = try bound.evaluate(input.vectors, count: rows, arena: arena)
          #expect(!overflows, place)
          if overflows { break }
          #expect(result.count == rows, place)
          #expect(result.type == bound.type || bound.constant == .null, place)
          for row in 0..<rows where !Self.same(result.scalar(row), expected[row]) {
            Issue.record("\(place) row \(row) \(table.map { $0[row] }): \(result.scalar(row)) is not \(expected[row])")
            return
          }
          // The cells of nulls are zero, because kernels load them.
          for row in 0..<rows where !result.isValid(row) {
            #expect(result.type == .text ? result.lengths[row] == 0 : result.ints[row] == 0, place)
          }
          #expect(bound.castFailures == failures * time, place)
        }
        if bound.type == .bool, !overflows {
          let selection = UnsafeMutablePointer<UInt16>.allocate(capacity: rows + 1)
          defer { selection.deallocate() }
          let kept = try bound.evaluateFilter(input.vectors, count: rows, arena: TextArena(), into: selection)
          #expect(
            Array(UnsafeBufferPointer(start: selection, count: kept)).map(Int.init)
              == (0..<rows).filter { expected[$0] == .bool(true) }, place)
        }
      } catch {
        #expect(overflows, "\(place): \(error)")
      }
    }
  }
}
