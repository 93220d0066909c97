/// Stops the program: a mistake of our own, or a use that the documentation rules out, and not of data or of a peer.
///
/// `precondition` would drop the message in release builds.
@usableFromInline
package func invariantFailure(
  _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  fatalError(message(), file: file, line: line)
}
