import TestSupport
import Testing

@testable import martlet_csv

/// What each command gives for a small table.
@Suite struct CommandTests {
  private func run(_ words: String...) -> Outcome {
    let outcome = Command(words + ["trips.csv"], in: Trips.sandbox()).outcome()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    return outcome
  }

  @Test func `count gives records, not lines`() {
    #expect(run("count").output == "4\n")
    #expect(run("count", "--where", "city = 'Lyon'").output == "2\n")
    #expect(run("count", "--where", "rating IS NULL").output == "1\n")
    #expect(run("count", "--derive", "double = fare * 2", "--where", "double > 4").output == "2\n")
  }

  @Test func `records are written back as they were`() {
    #expect(run("select").output == Trips.text)
    #expect(run("head").output == Trips.text)
    #expect(run("tail").output == Trips.text)
    #expect(run("sample").output == Trips.text)
  }

  @Test func `head and tail give the first and the last ones`() {
    #expect(run("head", "-n", "1", "--columns", "fare,city").output == "fare,city\n1.50,Lyon\n")
    #expect(run("tail", "-n", "2", "--columns", "city,note").output == "city,note\nLyon,\"\"\n\"Washington, D.C.\",\n")
    #expect(run("head", "-n", "0", "--columns", "city").output == "city\n")
  }

  @Test func `a sample repeats with its seed`() {
    let seeds = sampled(1..<21)
    let draws = seeds.map { run("sample", "-n", "2", "--seed", "\($0)", "--columns", "day,city").output }
    #expect(draws.allSatisfy { $0.split(separator: "\n").count == 3 })
    #expect(Set(draws).count > 1)
    #expect(seeds.map { run("sample", "-n", "2", "--seed", "\($0)", "--columns", "day,city").output } == draws)
  }

  @Test func `select filters, extends, projects and orders`() {
    #expect(
      run(
        "select", "--where", "fare IS NOT NULL", "--derive", "cents = round(fare * 100)", "--columns", "city,cents",
        "--sort",
        "-fare", "--limit", "2"
      ).output == "city,cents\n\"Washington, D.C.\",400.0\nZürich,225.0\n")
    #expect(run("select", "--columns", "city", "--limit", "1").output == "city\nLyon\n")
    #expect(run("select", "--columns", "city", "--where", "fare > 100").output == "city\n")
  }

  @Test func `group gives a row a group, ordered by its keys`() {
    #expect(
      run("group", "--by", "city", "--agg", "count(*) AS n, sum(rating)", "--agg", "max(fare) AS most").output
        == "city,n,sum(rating),most\nLyon,2,9,1.5\n\"Washington, D.C.\",1,3,4.0\nZürich,1,,2.25\n")
    #expect(
      run("group", "--by", "city", "--agg", "count(*) AS n", "--sort", "-n,-city", "--limit", "2").output
        == "city,n\nLyon,2\nZürich,1\n")
    #expect(run("group", "--by", "rating", "--agg", "count(*) AS n").output == "rating,n\n3,1\n4,1\n5,1\n,1\n")
    #expect(run("group", "--agg", "count(*) AS n, mean(rating) AS m").output == "n,m\n4,4.0\n")
    #expect(run("group", "--by", "city").output == "city,count(*)\nLyon,2\n\"Washington, D.C.\",1\nZürich,1\n")
  }

  @Test func `schema gives a row a column`() {
    let lines = run("schema").output.split(separator: "\n")
    #expect(lines.count == 6)
    #expect(lines[0] == "name,type,nulls,example")
    #expect(lines[1].hasPrefix("city,text,0,"))
    #expect(lines[2].hasPrefix("day,date,0,"))
    #expect(lines[3].hasPrefix("fare,double,1,"))
    #expect(lines[4].hasPrefix("rating,int,1,"))
    #expect(lines[5].hasPrefix("note,text,1,"))
  }

  @Test func `types can be pasted back`() {
    let types = run("schema", "--types").output
    #expect(types == "--type city=text --type day=date --type fare=double --type rating=int --type note=text\n")
    let again = run(["schema", "--types"] + types.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init))
    #expect(again.output == types)
  }

  private func run(_ words: [String]) -> Outcome { Command(words + ["trips.csv"], in: Trips.sandbox()).outcome() }

  @Test func `stats gives a row a column`() {
    let lines = run("stats", "--columns", "city,day,fare,rating").output.split(separator: "\n")
    #expect(lines.count == 5)
    #expect(lines[0].hasPrefix("column,type,count,nulls,distinct,min,max,mean,std,q25,median,q75,"))
    #expect(lines[4].hasPrefix("rating,int,3,1,3,3,5,4.0,1.0,3.5,4.0,4.5"), "\(lines[4])")
  }

  @Test func `freq gives the most frequent values`() {
    #expect(run("freq", "--columns", "city", "--top", "1").output == "column,value,count,share\ncity,Lyon,2,0.5\n")
  }

  @Test(arguments: CommandTable.specs.filter(\.takesFiles).map(\.name))
  func `the example of the help works on the sample`(command: CommandName) {
    let line = CommandTable.spec(command).example.replacing("\\\n", with: " ").replacing(
      "Samples/trips.csv", with: Trips.sample)
    // `exec "$0" "$@"` behind it never comes: the line ends the shell.
    let words = line.replacing("martlet-csv ", with: "\"$0\" ")
    let outcome = Command([], in: Sandbox(), shell: "\(words); exit $?").outcome()
    #expect(outcome.status == 0)
    #expect(outcome.errors.isEmpty, "\(outcome.errors)")
    #expect(!outcome.output.isEmpty)
  }
}
