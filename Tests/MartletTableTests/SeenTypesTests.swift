import Testing

@testable import MartletTable

@Suite struct SeenTypesTests {
  @Test(arguments: (0..<64).map { SeenTypes(rawValue: UInt8($0)) })
  func `the type of a set accepts every class in it`(seen: SeenTypes) {
    #expect(seen.isSubset(of: .accepted(by: seen.columnType)))
  }

  @Test(arguments: (0..<64).map { SeenTypes(rawValue: UInt8($0)) })
  func `a type is only widened by what it does not accept`(seen: SeenTypes) {
    for bit in 0..<6 {
      let cell = SeenTypes(rawValue: 1 << UInt8(bit))
      let accepted = cell.isSubset(of: .accepted(by: seen.columnType))
      #expect(accepted == (seen.union(cell).columnType == seen.columnType))
    }
  }
}
