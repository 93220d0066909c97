/// What the reader let pass because it was told to.
package struct ReadNotes: Hashable, Sendable {
  /// Short records that were filled with nulls (`--ragged pad`).
  package var padded = 0
  /// Long records whose last fields were left out (`--ragged pad`).
  package var cut = 0
  /// Records of the wrong length that were left out (`--ragged skip`).
  package var skipped = 0

  package init() {}

  package mutating func merge(_ other: ReadNotes) {
    padded += other.padded
    cut += other.cut
    skipped += other.skipped
  }
}
