/// Reads XML, and HTML that is written like it, and throws where it is not well-formed.
package enum MarkupTags {
  /// What is wrong, and where.
  package struct Malformed: Error, CustomStringConvertible {
    package let description: String
  }

  /// Elements without an end in HTML.
  private static let void: Set<String> = ["meta", "input", "!DOCTYPE"]

  /// The names of all elements: each is closed in its turn, and there is no stray `<` or `&`. What is inside `script` and `style`
  /// is not looked at.
  package static func names(of text: String) throws -> [String] {
    var open: [String] = []
    var names: [String] = []
    var rest = Substring(text)
    while let next = rest.firstIndex(where: { $0 == "<" || $0 == "&" }) {
      rest = rest[next...]
      if rest.hasPrefix("&") {
        guard ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"].contains(where: rest.hasPrefix) else {
          throw Malformed(description: "stray &: \(rest.prefix(60))")
        }
        rest = rest.dropFirst()
        continue
      }
      guard let end = rest.firstIndex(of: ">") else { throw Malformed(description: "no >: \(rest.prefix(60))") }
      let tag = rest[..<end].dropFirst()
      rest = rest[end...].dropFirst()
      if tag.first == "/" {
        guard open.last == String(tag.dropFirst()) else {
          throw Malformed(description: "<\(tag)> inside \(open.suffix(3))")
        }
        open.removeLast()
        continue
      }
      let name = String(tag.prefix { $0 != " " && $0 != "/" && $0 != "\n" })
      guard let first = name.first, first.isLetter || first == "!" else {
        throw Malformed(description: "stray <: \(tag.prefix(60))")
      }
      names.append(name)
      if tag.last == "/" || void.contains(name) { continue }
      open.append(name)
      if name == "script" || name == "style" {
        while !rest.isEmpty, !rest.hasPrefix("</\(name)>") { rest = rest.dropFirst() }
      }
    }
    guard open.isEmpty else { throw Malformed(description: "not closed: \(open)") }
    return names
  }
}
