import Martlet
import MartletTable
import Testing

@testable import martlet_csv

@Suite struct TypeOptionsTests {
  @Test func `types are printed as options for a shell`() {
    let schema = """
      name,type,nulls,example
      id,int,0,1
      day of week,text,0,"Mon, early"
      "a ""b"", c",double,3,1.5
      it's,date,0,2026-01-01
      "two
      lines",text,0,x
      Größe,int,0,3

      """
    #expect(
      TypeOptions.line(Array(schema.utf8))
        == "--type id=int --type 'day of week=text' --type 'a \"b\", c=double' --type 'it'\\''s=date' "
        + "--type 'two\nlines=text' --type Größe=int\n")
  }

  @Test(arguments: ["id", " padded ", "\"quoted\"", "", "a=b", "tab\t"])
  func `what is printed is read as the same column`(name: String) throws {
    let cell = "\"" + name.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    let line = TypeOptions.line(Array("name,type\n\(cell),int\n".utf8)).dropLast()
    var word = line.dropFirst("--type ".count)
    if word.hasPrefix("'") { word = word.dropFirst().dropLast() }
    guard case .command(let arguments) = try Program.request(["count", "--type", String(word)]) else { return }
    #expect(try arguments.tableInput().types == [name: .int])
  }
}
