import MartletSystem

/// The line that holds byte `offset`, counted from 1 as an editor does: LF, CRLF and CR end a line, also in quotes.
///
/// Reads the source from its beginning, or from where it was released: for error messages only.
package func lineNumber(of offset: Int, in source: any ByteSource) throws(TableError) -> Int {
  while true {
    let released = source.released
    do throws(TableError) {
      let line = try lineNumber(of: offset, in: source, behind: released)
      if source.released == released || released.count >= offset { return line }
    } catch  where source.released != released {
      // Some of what was read is gone: once more, from there on.
    }
  }
}

private func lineNumber(
  of offset: Int, in source: any ByteSource, behind released: ReleasedBytes
) throws(TableError) -> Int {
  let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 64)
  defer { block.deallocate() }
  var ends = released.lineEnds
  var position = released.count
  var afterReturn = released.afterReturn
  while position < offset {
    let room = UnsafeMutableRawBufferPointer(rebasing: block[0..<min(block.count, offset - position)])
    let got = try source.read(at: position, into: room)
    if got == 0 { break }
    ends += martlet_csv_line_ends(room.baseAddress!.assumingMemoryBound(to: UInt8.self), got, &afterReturn)
    position += got
  }
  if afterReturn != 0 && position == offset {
    // The LF of a CRLF belongs to the line that it ends.
    let next = UnsafeMutableRawBufferPointer(rebasing: block[0..<1])
    if try source.read(at: position, into: next) == 1 && block[0] == 10 { ends -= 1 }
  }
  return ends + 1
}
