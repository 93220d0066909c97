import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// Where the records come from, and what is said when they cannot be had.
@Suite struct InputTests {
  @Test func `a dash or nothing is standard input`() {
    #expect(martlet("count", "-", input: .text(Trips.text)).output == "4\n")
    #expect(martlet("count", input: .text(Trips.text)).output == "4\n")
    #expect(martlet("select", "-", input: .text(Trips.text)).output == Trips.text)
  }

  @Test func `files of one header are one table, in the order of their names`() {
    let sandbox = Sandbox()
    sandbox.write("b.csv", "x,y\n3,c\n")
    sandbox.write("a.csv", "x,y\n1,a\n2,b\n")
    sandbox.write("other.txt", "nothing")
    let whole = "x,y\n1,a\n2,b\n3,c\n"
    #expect(martlet("select", "*.csv", in: sandbox).output == whole)
    #expect(martlet("select", "a.csv", "b.csv", in: sandbox).output == whole)
    #expect(martlet("count", "?.csv", in: sandbox).output == "3\n")
  }

  @Test func `a long pipe is read once, with the right lines and results`() {
    let sandbox = Sandbox()
    // More than a pipe keeps in memory.
    let rows = 100_000
    let long = String(repeating: "b", count: 110)
    var text = "x,y\n"
    for row in 0..<rows { text += "\(row % 7),\(long)\n" }
    sandbox.write("long.csv", text)
    let csv = "'\(Command.binary)'"
    func piped(_ words: String) -> String? {
      _ = martlet(
        "count", "long.csv", in: sandbox, shell: "cat long.csv | \(csv) \(words) - --partition 200KiB > out 2>&1")
      return sandbox.text("out")
    }
    #expect(piped("count") == "\(rows)\n")
    #expect(
      piped("group --by y --agg 'sum(x)' --type x=int") == "y,sum(x)\n\(long),\((0..<rows).reduce(0) { $0 + $1 % 7 })\n"
    )
    #expect(piped("select --where 'x > 9'") == "x,y\n")
    sandbox.write("long.csv", text + "1\n")
    #expect(piped("count")?.hasPrefix("martlet-csv: -:\(rows + 2): ") == true)
    sandbox.write("long.csv", text + "z,b\n")
    #expect(piped("group --by y --agg 'sum(x)' --type x=int")?.hasPrefix("martlet-csv: -:\(rows + 2): ") == true)
  }

  @Test func `names of files may be any bytes`() throws {
    let sandbox = Sandbox()
    sandbox.write("plain.csv", "x,y\n1,a\n")
    // Made, named and read by the shell, whose words are bytes.
    func shell(_ line: String) throws -> Outcome {
      let outcome = martlet("count", "plain.csv", in: sandbox, shell: line)
      #expect(outcome.output == "1\n")
      return outcome
    }
    let name = "$(printf 'caf\\351.csv')"
    let csv = "'\(Command.binary)'"
    _ = try shell("cp plain.csv \"\(name)\"; \(csv) select \"\(name)\" > one; \(csv) select 'caf*.csv' > two")
    #expect(sandbox.text("one") == "x,y\n1,a\n")
    #expect(sandbox.text("two") == "x,y\n1,a\n")
    _ = try shell("\(csv) select plain.csv --output \"\(name)2\"; cat \"\(name)2\" > three; rm \"\(name)2\"")
    #expect(sandbox.text("three") == "x,y\n1,a\n")
    _ = try shell("rm \"\(name)\"; \(csv) select \"\(name)\" 2> four || true")
    #expect(sandbox.text("four") == "martlet-csv: caf\\xE9.csv: no such file (check the path)\n")
  }

  @Test func `an empty table is a table`() {
    let sandbox = Sandbox()
    sandbox.write("header.csv", "x,y\n")
    #expect(martlet("count", "header.csv", in: sandbox).output == "0\n")
    #expect(martlet("select", "header.csv", in: sandbox).output == "x,y\n")
    #expect(martlet("group", "--by", "x", "header.csv", in: sandbox).output == "x,count(*)\n")
    #expect(martlet("count", "--no-header", "header.csv", in: sandbox).output == "1\n")
    #expect(martlet("select", "--no-header", "header.csv", in: sandbox).output == "c1,c2\nx,y\n")
  }

  @Test func `the dialect can be told`() {
    let sandbox = Sandbox()
    sandbox.write("odd.txt", "made by hand\n# first\nx;y\n'a;b';NA\n# second\n'it''s';2\n")
    let outcome = martlet(
      "select", "odd.txt", "--skip", "1", "--comment", "#", "-d", ";", "--quote", "'", "--null", "NA", in: sandbox)
    #expect(outcome.output == "x,y\na;b,\nit's,2\n")
  }

  @Test func `leading zeros stay unless a type is told`() {
    let sandbox = Sandbox()
    sandbox.write("z.csv", "zip\n02134\n10001\n")
    #expect(martlet("schema", "--types", "z.csv", in: sandbox).output == "--type zip=text\n")
    #expect(
      martlet("group", "--agg", "sum(zip) AS s", "--type", "zip=int", "z.csv", in: sandbox).output == "s\n12135\n")
  }

  @Test(arguments: [
    (["count", "missing.csv"], 1, "martlet-csv: missing.csv: ", "no such file"),
    (["count", "nothing-*.csv"], 1, "martlet-csv: nothing-*.csv: ", ""),
    (["count", "."], 1, "martlet-csv: .: ", "directory"),
    (["count", "trips.csv", "other.csv"], 1, "martlet-csv: ", "other.csv"),
    (["select", "ragged.csv"], 1, "martlet-csv: ragged.csv:3: ", "--ragged"),
    (["select", "open.csv"], 1, "martlet-csv: open.csv:2: ", "quote"),
    (["count", "trips.csv", "--where", "fare >"], 2, "martlet-csv: ", "fare >"),
    (["count", "trips.csv", "--where", "fair > 1"], 2, "martlet-csv: ", "fare"),
    (["count", "trips.csv", "--where", "city > 1"], 2, "martlet-csv: ", "city"),
    (["select", "trips.csv", "--columns", "citty"], 2, "martlet-csv: ", "city"),
    (["group", "trips.csv", "--by", "towns"], 2, "martlet-csv: ", "towns"),
    (["group", "trips.csv", "--by", "city", "--agg", "sum(city)"], 2, "martlet-csv: ", "city"),
    (["select", "trips.csv", "--derive", "x + 1"], 2, "martlet-csv: ", "NAME"),
    (["schema", "trips.csv", "--type", "fair=int"], 2, "martlet-csv: ", "fare"),
    (["group", "trips.csv", "--agg", "sum(rating)", "--memory", "1KiB"], 1, "martlet-csv: ", "--memory"),
  ])
  func `what cannot be had is told in one line`(words: [String], status: Int32, beginning: String, part: String) {
    let sandbox = Trips.sandbox()
    sandbox.write("other.csv", "city,fare\nLyon,1\n")
    sandbox.write("ragged.csv", "a,b\n1,2\n1,2,3\n")
    sandbox.write("open.csv", "a,b\n\"1,2\n3,4\n")
    let before = sandbox.files
    let outcome = Command(words + ["--output", "out.csv"], in: sandbox).outcome()
    #expect(outcome.status == status)
    #expect(outcome.output.isEmpty)
    #expect(outcome.complaints.count == 1, "\(outcome.errors)")
    #expect(outcome.errors.hasPrefix(beginning), "\(outcome.errors)")
    #expect(outcome.errors.contains(part), "\(outcome.errors)")
    #expect(outcome.errors.hasSuffix(")\n"), "says what to do: \(outcome.errors)")
    #expect(sandbox.files == before)
  }

  @Test(.disabled(if: geteuid() == 0, "root may read everything"))
  func `a file that may not be read is told`() {
    let sandbox = Trips.sandbox()
    chmod(sandbox.path + "/trips.csv", 0)
    let outcome = martlet("count", "trips.csv", in: sandbox)
    #expect(outcome.status == 1)
    #expect(outcome.errors.hasPrefix("martlet-csv: trips.csv: "))
    #expect(outcome.errors.contains("Permission denied"))
  }

  @Test func `what was let pass is counted in a note`() {
    let sandbox = Sandbox()
    sandbox.write("ragged.csv", "a,b\n1,2\n3\n4,5,6\n")
    let padded = martlet("select", "--ragged", "pad", "ragged.csv", in: sandbox)
    #expect(padded.output == "a,b\n1,2\n3,\n4,5\n")
    #expect(padded.status == 0)
    #expect(padded.complaints.count >= 1 && padded.complaints.allSatisfy { $0.hasPrefix("martlet-csv: note: ") })
    let skipped = martlet("select", "--ragged", "skip", "ragged.csv", in: sandbox)
    #expect(skipped.output == "a,b\n1,2\n")
    #expect(skipped.errors.contains("2"))
  }
}
