extension ClusterError {
  static var clusterClosed: ClusterError {
    ClusterError(.closed, "the cluster is closed", "Keep it open while it is used, or make another one")
  }

  /// `part` could not start; `lines` are the last ones that it wrote.
  static func notStarted(_ part: String, _ reason: String, _ lines: [String]) -> ClusterError {
    let said = lines.isEmpty ? "" : "; it wrote last:\n  " + lines.joined(separator: "\n  ") + "\n"
    return ClusterError(.notStarted, "\(part) of the cluster did not start: \(reason)\(said)", "Correct what it names")
  }

  static func noProgram(_ name: String, _ directory: String) -> ClusterError {
    ClusterError(
      .notStarted, "there is no program '\(name)' in \(directory)",
      "Build it, and let the variable MARTLET_BIN or the option `binaries` name its directory")
  }
}
