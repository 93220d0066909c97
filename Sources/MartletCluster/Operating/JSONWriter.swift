import Martlet

/// Writes JSON, value after value; commas are its own affair.
///
///     json.object { $0.field("name", "a"); $0.array("list") { $0.value(1) } }
package struct JSONWriter {
  /// What was written.
  package private(set) var text = ""
  private var needsComma = false

  package init() {}

  /// An object that `body` fills with fields.
  package mutating func object(_ body: (inout JSONWriter) -> Void) { enclose("{", "}", body) }

  /// An array that `body` fills with values.
  package mutating func array(_ body: (inout JSONWriter) -> Void) { enclose("[", "]", body) }

  package mutating func field(_ name: String, _ value: String) {
    self.name(name)
    self.value(value)
  }
  package mutating func field(_ name: String, _ value: some BinaryInteger) {
    self.name(name)
    self.value(value)
  }
  package mutating func field(_ name: String, _ value: Bool) {
    self.name(name)
    raw(value ? "true" : "false")
  }
  package mutating func field(_ name: String, _ value: Double) {
    self.name(name)
    // JSON has no word for what is no number.
    raw(value.isFinite ? "\(value)" : "null")
  }
  package mutating func object(_ name: String, _ body: (inout JSONWriter) -> Void) {
    self.name(name)
    object(body)
  }
  package mutating func array(_ name: String, _ body: (inout JSONWriter) -> Void) {
    self.name(name)
    array(body)
  }
  package mutating func value(_ text: String) { raw(JSONWriter.quoted(text)) }
  package mutating func value(_ number: some BinaryInteger) { raw("\(number)") }

  private mutating func name(_ name: String) {
    raw(JSONWriter.quoted(name))
    text += ":"
    needsComma = false
  }

  private mutating func raw(_ value: String) {
    if needsComma { text += "," }
    text += value
    needsComma = true
  }

  private mutating func enclose(_ opening: String, _ closing: String, _ body: (inout JSONWriter) -> Void) {
    if needsComma { text += "," }
    text += opening
    needsComma = false
    body(&self)
    text += closing
    needsComma = true
  }

  /// A string in its quotes. Nothing in it steers a terminal or ends an element of HTML.
  package static func quoted(_ text: String) -> String { JSON.string(text) }
}
