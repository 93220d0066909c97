import TestSupport
import Testing

@testable import MartletTable

/// Names of files that are bytes.
@Suite struct FileNameTests {
  @Test(arguments: 0..<200)
  func `every name comes back as it was`(seed: Int) {
    var random = SeededGenerator(seed: UInt64(seed))
    let pieces: [[UInt8]] = [
      Array("name".utf8), Array("\u{e9}".utf8), Array("\u{1F600}".utf8), [0x80], [0xE9], [0xFF], [0xC3], [0xE2, 0x82],
      [0xF0, 0x9F], [0xED, 0xA0, 0x80], [0xC0, 0xAF], Array("\u{F0080}".utf8), Array("\u{F00FF}".utf8),
      Array("\u{F0100}".utf8), [0xF4, 0x90, 0x80, 0x80], Array("/".utf8),
    ]
    let bytes = (0..<Int.random(in: 0...8, using: &random)).flatMap { _ in pieces.randomElement(using: &random)! }
    let text = FileName.text(bytes)
    #expect(FileName.bytes(text) == bytes, "seed \(seed)")
    #expect(text.systemName.map { UInt8(bitPattern: $0) } == bytes + [0])
    #expect(FileName.text(text.systemName) == text)
  }

  @Test func `names of characters are themselves`() {
    for name in ["", "a.csv", "caf\u{e9}", "名前 😀", "\u{F0000}"] {
      #expect(FileName.text(Array(name.utf8)) == name)
      #expect(FileName.bytes(name) == Array(name.utf8))
      #expect(FileName.shown(name) == name)
    }
  }

  @Test func `messages show the bytes that are no character`() {
    #expect(FileName.shown(FileName.text([0x63, 0xE9, 0x2E, 0x80])) == "c\\xE9.\\x80")
    #expect(FileName.shown(FileName.text(Array("\u{F0080}".utf8))) == "\\xF3\\xB0\\x82\\x80")
  }
}
