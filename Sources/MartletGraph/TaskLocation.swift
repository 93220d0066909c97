/// Where in a program a task was written.
public struct TaskLocation: Sendable, Hashable, CustomStringConvertible {
  /// Module and file, as `#fileID` gives them.
  public let fileID: String
  /// The line, from 1.
  public let line: Int

  /// A place in a program.
  public init(fileID: String, line: Int) {
    self.fileID = fileID
    self.line = line
  }

  /// `Module/File.swift:12`.
  public var description: String { "\(fileID):\(line)" }
}

/// The same in twelve bytes: many tasks carry one.
@usableFromInline
package struct CompactLocation: Sendable {
  /// The address of a constant text of the program that ends with a zero, or 0.
  @usableFromInline package let file: UInt
  @usableFromInline package let line: UInt32

  @inlinable package init(_ file: StaticString, _ line: UInt) {
    self.file = file.hasPointerRepresentation ? UInt(bitPattern: file.utf8Start) : 0
    self.line = UInt32(truncatingIfNeeded: line)
  }

  @inlinable package init(file: UInt = 0, line: UInt32 = 0) {
    self.file = file
    self.line = line
  }

  /// The place in full; nil when there is none.
  package var location: TaskLocation? {
    guard let text = UnsafePointer<CChar>(bitPattern: file) else { return nil }
    return TaskLocation(fileID: String(cString: text), line: Int(line))
  }
}
