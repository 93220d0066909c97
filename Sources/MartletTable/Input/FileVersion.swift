package import MartletBytes

/// A regular file at one moment: what a process has to find under the same path to read the same bytes.
package struct FileVersion: Hashable, Sendable {
  /// What messages call it: the path as the user wrote it.
  package var name: String
  /// The path from the root on.
  package var path: String
  package var byteCount: Int
  /// The time of modification, since 1970.
  package var modifiedSeconds: Int64
  package var modifiedNanoseconds: Int64

  package init(name: String, path: String, byteCount: Int, modifiedSeconds: Int64, modifiedNanoseconds: Int64) {
    self.name = name
    self.path = path
    self.byteCount = byteCount
    self.modifiedSeconds = modifiedSeconds
    self.modifiedNanoseconds = modifiedNanoseconds
  }

  /// Opens the file.
  ///
  /// - Throws: `.unreadable` where it is not there, or its size or time of modification is another one. The error names the
  ///   machine, the path and both versions.
  package func open() throws(TableError) -> FileSource {
    let source: FileSource
    do {
      source = try FileSource(path: path, name: name)
    } catch {
      throw TableError(
        .unreadable, file: name, "on \(machineName()), a worker cannot open \(path): \(error.message)",
        remedy: Self.remedy)
    }
    let found = source.version
    guard found.byteCount == byteCount, found.modifiedSeconds == modifiedSeconds,
      found.modifiedNanoseconds == modifiedNanoseconds
    else {
      throw TableError(
        .unreadable, file: name,
        "on \(machineName()), \(path) is another file: \(found.size) there, \(size) where the query was asked",
        remedy: Self.remedy)
    }
    return source
  }

  private static let remedy = "put the same file there on all machines of the cluster, or send it: --send-data"

  /// `1024 bytes of 2024-01-31T06:00:00.5`
  private var size: String {
    let buffer = ByteBuffer()
    buffer.append(timestamp: modifiedSeconds &* 1_000_000 &+ modifiedNanoseconds / 1000)
    return "\(byteCount) bytes of \(buffer.string)"
  }
}

extension FileVersion: PortableValue {
  package static var leastBytes: Int { 19 }

  /// Writes all fields.
  package func write(to writer: inout ByteWriter) {
    writer.write(name)
    writer.write(path)
    writer.write(count: byteCount)
    writer.write(modifiedSeconds)
    writer.write(modifiedNanoseconds)
  }

  /// Reads what `write(to:)` wrote.
  package init(from reader: inout ByteReader) throws(ByteError) {
    let start = reader.offset
    self.init(
      name: try reader.readText(), path: try reader.readText(), byteCount: try reader.readNumber(),
      modifiedSeconds: try reader.read(), modifiedNanoseconds: try reader.read())
    try reader.require(!path.utf8.contains(0), at: start, "a path with a zero in it")
  }
}
