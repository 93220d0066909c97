/// A task needs more of a resource than the run was given: it could never start.
public struct ResourceShortage: Error, Sendable, Equatable, CustomStringConvertible {
  /// Which resource.
  public let resource: String
  /// How much of it the task needs.
  public let needed: Int
  /// How much of it the run has; nil when it was not told of the resource.
  public let available: Int?

  /// What is needed, what is there and what to do about it.
  public var description: String {
    let found = available.map { "the run has \($0)" } ?? "the run has none"
    return "needs \(needed) of the resource \"\(resource)\", \(found): give it more in the options' `resources`"
  }
}
