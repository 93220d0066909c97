import Testing

/// `--format` and where the result goes.
@Suite struct FormatTests {
  private func run(_ format: String, _ words: String...) -> String {
    let words = ["select", "trips.csv", "--columns", "city,fare,note", "--limit", "3", "--format", format] + words
    let outcome = Command(words, in: Trips.sandbox()).outcome()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    return outcome.output
  }

  @Test func `csv has quotes where they are needed`() {
    #expect(run("csv") == "city,fare,note\nLyon,1.50,\"good, fast\"\nZürich,2.25,\"two\nlines\"\nLyon,,\"\"\n")
  }

  @Test func `tsv has tabs`() {
    #expect(run("tsv") == "city\tfare\tnote\nLyon\t1.50\tgood, fast\nZürich\t2.25\t\"two\nlines\"\nLyon\t\t\"\"\n")
  }

  @Test func `json is one array`() {
    #expect(
      run("json") == """
        [
        {"city":"Lyon","fare":1.50,"note":"good, fast"},
        {"city":"Zürich","fare":2.25,"note":"two\\nlines"},
        {"city":"Lyon","fare":null,"note":""}
        ]

        """)
  }

  @Test func `jsonl is an object a line`() {
    #expect(
      run("jsonl") == """
        {"city":"Lyon","fare":1.50,"note":"good, fast"}
        {"city":"Zürich","fare":2.25,"note":"two\\nlines"}
        {"city":"Lyon","fare":null,"note":""}

        """)
  }

  @Test func `markdown is a table`() {
    let lines = run("markdown").split(separator: "\n")
    #expect(lines.count == 5)
    #expect(lines[0] == "| city | fare | note |")
    #expect(lines[1] == "| --- | ---: | --- |")
    #expect(lines.allSatisfy { $0.hasPrefix("| ") && $0.hasSuffix(" |") })
  }

  @Test func `table is for people`() {
    let lines = run("table").split(separator: "\n")
    #expect(lines.count == 6)
    #expect(lines[0].split(separator: " ") == ["city", "fare", "note"])
    #expect(lines[2].contains("1.50"))
    #expect(lines[5] == "(3 rows)")
  }

  @Test func `a file is csv, and its format can be chosen`() {
    let sandbox = Trips.sandbox()
    #expect(martlet("select", "trips.csv", "-o", "out.csv", in: sandbox).status == 0)
    #expect(sandbox.text("out.csv") == Trips.text)
    #expect(martlet("select", "trips.csv", "--format", "jsonl", "-o", "out.csv", in: sandbox).status == 0)
    #expect(sandbox.text("out.csv")?.hasPrefix("{\"city\":") == true)
    #expect(sandbox.files == ["out.csv", "trips.csv"])
  }

  @Test func `a file can be read and replaced in one go`() {
    let sandbox = Trips.sandbox()
    #expect(martlet("select", "trips.csv", "--where", "rating = 5", "-o", "trips.csv", in: sandbox).status == 0)
    #expect(sandbox.text("trips.csv") == "city,day,fare,rating,note\nLyon,2025-01-01,1.50,5,\"good, fast\"\n")
  }
}
