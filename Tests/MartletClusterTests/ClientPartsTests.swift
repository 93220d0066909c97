import TestSupport
import Testing

@testable import MartletCluster

@Suite struct ClientPartsTests {
  @Test func `JSON is read as it is written`() {
    let text = #" {"a": [1, -2.5e3, true, false, null], "b\n\u00e9\ud83d\ude00": {"c": "x\"\\\/"}, "d": {}, "e": []} "#
    let value = JSONValue(text)
    #expect(value?["a"]?.array == [.number(1), .number(-2500), .bool(true), .bool(false), .null])
    #expect(value?["b\né😀"]?["c"]?.text == "x\"\\/")
    #expect(value?["d"]?.members?.isEmpty == true)
    #expect(value?["e"] == .array([]))
    #expect(value?["f"] == nil)
    for wrong in ["", "{", "[1,]", "{\"a\"}", "nul", "\"a", "1 2", "[\"\\x\"]", "\"\\ud800\"", "+", "{\"a\":1,}"] {
      #expect(JSONValue(wrong) == nil, "\(wrong)")
    }
    #expect(JSONValue(String(repeating: "[", count: 100_000)) == nil)
  }

  @Test func `any prefix of JSON is no JSON, and does no harm`() {
    let text = #"{"a":[1,{"b":"\u0041\n"}],"c":-1.5}"#
    for count in 0..<text.utf8.count { #expect(JSONValue(String(text.prefix(count))) == nil) }
    var random = SeededGenerator(seed: 3)
    for _ in 0..<2000 {
      var bytes = Array(text.utf8)
      for _ in 0..<3 { bytes[random.below(bytes.count)] = UInt8(random.below(128)) }
      _ = JSONValue(String(decoding: bytes, as: UTF8.self))
    }
  }

  @Test func `addresses are read`() {
    #expect(ClusterAddress("tcp://a.b:8786") == ClusterAddress("a.b:8786"))
    #expect(ClusterAddress("tcp://a.b:8786/")?.description == "a.b:8786")
    #expect(ClusterAddress("[::1]:9")?.host == "::1" && ClusterAddress("[::1]:9")?.port == 9)
    #expect(ClusterAddress("a", defaultPort: 7)?.port == 7)
    #expect(ClusterAddress("[::1]", defaultPort: 7)?.description == "[::1]:7")
    for wrong in ["", ":", "a", "a:", "a:0", "a:65536", "a:-1", "::1:5", "[::1", "[::1]x", "a/b:5"] {
      #expect(ClusterAddress(wrong) == nil, "\(wrong)")
    }
  }
}
