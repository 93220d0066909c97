import Testing

/// What is typed wrong is told in one line, with status 2, and nothing is done.
@Suite struct UsageErrorTests {
  @Test(arguments: [
    ([], "no command"),
    (["grop"], "did you mean group?"),
    (["cuont", "x.csv"], "did you mean count?"),
    (["frobnicate"], "martlet-csv --help lists the commands"),
    (["--threads", "2", "count"], "no command before '--threads'"),
    (["sort", "x.csv"], "sort is not there yet"),
    (["distinct", "x.csv"], "distinct is not there yet"),
    (["join", "a", "b"], "join is not there yet"),
    (["sql", "SELECT 1"], "sql is not there yet"),
    (["convert", "x.csv"], "convert is not there yet"),
    (["split", "x.csv"], "split is not there yet"),
    (["count", "--cluster", "tcp://h:1", "--trace", "t.json", "x.csv"], "--trace shows the threads of this process"),
    (["count", "--secret-file", "s", "x.csv"], "--secret-file belongs to a cluster"),
    (["count", "--send-data", "x.csv"], "--send-data belongs to a cluster"),
    (["count", "--cluster", "h:1", "--local-cluster", "2", "x.csv"], "give one of them"),
    (["count", "--local-cluster", "0", "x.csv"], "--local-cluster takes a whole number from 1 to 1024, not '0'"),
    (["count", "--encoding", "utf-16", "x.csv"], "--encoding utf-16 is not there yet"),
    (["count", "--graph", "plan.png", "x.csv"], "--graph writes FILE.svg or FILE.dot, not 'plan.png'"),
    (["select", "--sort", "a", "x.csv"], "select --sort without --limit is not there yet"),
    (["count", "--thread", "2", "x.csv"], "did you mean --threads?"),
    (["count", "--delimeter", ";", "x.csv"], "did you mean --delimiter?"),
    (["count", "--zzzzzzz", "x.csv"], "martlet-csv count --help"),
    (["count", "-z", "x.csv"], "there is no option -z"),
    (["count", "--sort", "a", "x.csv"], "count has no option --sort"),
    (["count", "--threads"], "--threads needs a value"),
    (["count", "--threads", "--explain", "x.csv"], "--threads needs a value"),
    (["count", "--threads", "0", "x.csv"], "--threads takes a whole number from 1 to 1024, not '0'"),
    (["count", "--threads", "two", "x.csv"], "not 'two'"),
    (["count", "--threads", "1", "--threads", "2", "x.csv"], "--threads is there twice"),
    (["count", "--explain=yes", "x.csv"], "--explain takes no value"),
    (["count", "--memory", "12 apples", "x.csv"], "--memory takes a size"),
    (["count", "--partition", "0", "x.csv"], "--partition takes a size"),
    (["head", "-n", "-1", "x.csv"], "takes a whole number of at least 0"),
    (["sample", "--seed", "-1", "x.csv"], "--seed takes a whole number"),
    (["head", "--format", "xml", "x.csv"], "--format takes table, csv, tsv, json, jsonl or markdown, not 'xml'"),
    (["head", "--format", "jsn", "x.csv"], "did you mean json?"),
    (["count", "--ragged", "maybe", "x.csv"], "--ragged takes error, pad or skip"),
    (["count", "--quote", "ab", "x.csv"], "--quote takes one character"),
    (["count", "--quote", "ä", "x.csv"], "--quote takes one character of one byte"),
    (["count", "--delimiter", "abcde", "x.csv"], "--delimiter takes one to four bytes"),
    (["count", "--delimiter", "", "x.csv"], "--delimiter takes one to four bytes"),
    (["count", "--type", "zip", "x.csv"], "--type takes COL=TYPE"),
    (["count", "--type", "zip=number", "x.csv"], "--type takes bool, int, double, date, timestamp or text"),
    (["count", "--type", "a=int", "--type", "a=text", "x.csv"], "two types, int and text"),
    (["select", "--columns", "", "x.csv"], "--columns names no column"),
    (["select", "--columns", "a,,b", "x.csv"], "--columns has an empty name"),
    (["select", "--columns", "\"a", "x.csv"], "without its last"),
    (["schema", "--types", "--format", "json", "x.csv"], "--types has a form of its own"),
    (["count", "-", "-"], "standard input can be read only once"),
    (["generate", "trips.csv"], "generate reads no file"),
    (["generate", "--kind", "trip"], "did you mean trips?"),
    (["generate", "--rows", "1e9"], "--rows takes a whole number"),
  ])
  func `a wrong command line is told in one line`(words: [String], complaint: String) {
    let sandbox = Sandbox()
    let outcome = Command(words, in: sandbox).outcome()
    #expect(outcome.status == 2)
    #expect(outcome.output.isEmpty)
    #expect(outcome.complaints.count == 1)
    #expect(outcome.errors.hasPrefix("martlet-csv: "))
    #expect(outcome.errors.hasSuffix(")\n"), "says what to do: \(outcome.errors)")
    #expect(outcome.errors.contains(complaint), "\(outcome.errors)")
    #expect(sandbox.files.isEmpty)
  }

  @Test func `what steers a terminal is written out in a message`() {
    let outcome = martlet("gro\u{1B}[31m\np")
    #expect(outcome.status == 2)
    #expect(
      outcome.errors
        == "martlet-csv: there is no command 'gro\\u{1b}[31m\\np' (martlet-csv --help lists the commands)\n")
  }
}
