public import MartletBytes

/// What a task is called: a digest that stands for its work, and a label for people.
///
/// Equal digests mean equal work. The digest of a call is made of the function, its version, its arguments and the
/// digests of its inputs, so it is the same in every process. A closure has no content that could be digested: its
/// digest is made of its label and of how many closures with that label came before it, and holds for one graph.
public struct Key: Hashable, Sendable, CustomStringConvertible {
  /// Stands for the work.
  public let digest: Digest128
  /// Says what the task does, to people; tasks may share it, and it does not take part in comparisons.
  public let label: String

  package init(digest: Digest128, label: String) {
    self.digest = digest
    self.label = label
  }

  /// Whether both stand for the same work.
  public static func == (left: Key, right: Key) -> Bool { left.digest == right.digest }

  /// Hashes the digest.
  public func hash(into hasher: inout Hasher) { hasher.combine(digest) }

  /// The label, and enough of the digest to tell tasks apart.
  public var description: String { "\(label)-\(digest.description.prefix(8))" }
}
