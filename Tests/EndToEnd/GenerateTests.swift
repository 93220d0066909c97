import Testing

/// `generate` as its users see it; the rows themselves are tested where they are made.
@Suite struct GenerateTests {
  @Test(arguments: ["trips", "groupby", "stations"])
  func `the same seed gives the same bytes on any number of threads`(kind: String) {
    let words = ["generate", "--kind", kind, "--rows", "30000", "--seed", "7"]
    let one = Command(words + ["--threads", "1"], in: Sandbox()).outcome()
    #expect(one.status == 0)
    #expect(one.errors.isEmpty)
    for threads in ["2", "3", "8"] {
      let isSame = Command(words + ["--threads", threads], in: Sandbox()).outcome().output == one.output
      #expect(isSame, "\(threads) threads")
    }
    let isOther = martlet("generate", "--kind", kind, "--rows", "30000", "--seed", "8").output != one.output
    #expect(isOther)
  }

  @Test func `no rows are a header`() {
    #expect(martlet("generate", "--kind", "stations", "--rows", "0").output == "station,temperature\n")
  }
}
