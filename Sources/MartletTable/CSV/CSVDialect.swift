/// How the bytes of a CSV file are to be read. Data only: it travels with the plan.
package struct CSVDialect: Hashable, Sendable {
  package enum Encoding: UInt8, Hashable, Sendable {
    case utf8
    case latin1
  }

  /// What becomes of a record that has not as many fields as the header.
  package enum Ragged: UInt8, Hashable, Sendable {
    /// An error that names the line.
    case error
    /// Missing fields are null, surplus ones are left out; both are counted.
    case pad
    /// The record is left out and counted.
    case skip
  }

  /// One to four bytes between two fields.
  package var delimiter: [UInt8] = [UInt8(ascii: ",")]
  /// Encloses fields that contain delimiters or line ends; nil where quotes mean nothing.
  package var quote: UInt8? = UInt8(ascii: "\"")
  /// Inside quotes, takes the meaning from a quote or an escape that follows; nil or the quote itself: none.
  package var escape: UInt8?
  package var hasHeader = true
  /// Lines to leave out before the header, whatever is in them.
  package var skippedLines = 0
  /// A line that starts with this byte is no record.
  package var comment: UInt8?
  package var encoding = Encoding.utf8
  /// Cells with these bytes are null; the empty cell without quotes always is.
  package var nullTexts: [[UInt8]] = []
  package var ragged = Ragged.error

  package init() {}

  /// Refuses a dialect that cannot be told apart.
  ///
  /// - Throws: `.invalidQuery` when one byte has two meanings or a length is out of range.
  package func validate() throws(TableError) {
    func refuse(_ message: String) -> TableError {
      TableError(.invalidQuery, message, remedy: "choose other characters")
    }
    let lineEnds: [UInt8] = [10, 13]
    if delimiter.isEmpty || delimiter.count > 4 { throw refuse("a delimiter has one to four bytes") }
    if delimiter.contains(where: lineEnds.contains) { throw refuse("a delimiter cannot contain a line end") }
    for (name, byte) in [("quote", quote), ("escape", escape), ("comment", comment)] {
      guard let byte else { continue }
      if lineEnds.contains(byte) { throw refuse("the \(name) character cannot be a line end") }
      if delimiter.contains(byte) { throw refuse("the \(name) character is part of the delimiter") }
    }
    if let comment, comment == quote { throw refuse("the comment character is the quote character") }
    if skippedLines < 0 { throw refuse("the number of lines to skip is negative") }
  }
}
