/// How a result is written.
package enum OutputFormat: String, Sendable, CaseIterable {
  /// Aligned columns for people; needs the whole result before the first byte.
  case table
  case csv
  case tsv
  /// One array of objects.
  case json
  /// An object a line.
  case jsonl
  case markdown
}
