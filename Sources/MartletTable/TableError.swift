/// Why a table could not be read, planned or computed.
public struct TableError: Error, Sendable, CustomStringConvertible {
  /// The kind of failure, for programs.
  public enum Code: Sendable {
    /// The query itself is wrong: it does not parse, names what does not exist, or mixes types.
    case invalidQuery
    /// A file is missing, is no file, may not be read, or changed while it was read.
    case unreadable
    /// The bytes are not the table they should be: ragged records, an unterminated quote, a cell of another type.
    case malformedData
    /// The memory that the query needs is more than it may take.
    case memoryExceeded
    /// The result could not be written.
    case unwritable
  }

  /// The kind of this failure.
  public let code: Code
  /// Where: a file, or nil when the failure belongs to none.
  public let file: String?
  /// The line in `file`, counted from 1 as an editor does.
  public let line: Int?
  /// What failed, with the values seen.
  public let message: String
  /// What to do about it: one imperative phrase.
  public let remedy: String

  /// Where in `file` it happened, in bytes, while the line is not known yet: counting lines is left to whoever reports.
  package let offset: Int?

  package init(
    _ code: Code, file: String? = nil, line: Int? = nil, offset: Int? = nil, _ message: String, remedy: String
  ) {
    self.code = code
    self.file = file
    self.line = line
    self.offset = offset
    self.message = message
    self.remedy = remedy
  }

  /// `FILE:LINE: what is wrong (what to do)`, on one line.
  public var description: String {
    var place = ""
    if let file {
      place = file + ":"
      if let line { place += "\(line):" }
      place += " "
    }
    return "\(place)\(message) (\(remedy))"
  }
}
