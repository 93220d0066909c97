import Glibc
package import MartletTable

/// Finds the files that a list of paths and globs means.
package enum InputFiles {
  /// The paths in name order (bytewise), each as often as it is given; `-` stands alone.
  ///
  /// - Throws: `.unreadable` when a glob matches nothing or the list is empty, `.invalidQuery` when `-` is not alone.
  package static func expand(_ patterns: [String]) throws(TableError) -> [String] {
    if patterns.isEmpty {
      throw TableError(
        .invalidQuery, "no input file is given", remedy: "name a file, a quoted glob, or - for standard input")
    }
    if patterns.contains("-") {
      guard patterns.count == 1 else {
        throw TableError(.invalidQuery, "standard input cannot be read together with files", remedy: "give - alone")
      }
      return patterns
    }
    var paths: [String] = []
    for pattern in patterns {
      // A file whose name has a bracket in it is meant before any glob is.
      if pattern.contains(where: { "*?[".contains($0) }) && access(pattern.systemName, F_OK) != 0 {
        paths += try matches(pattern)
      } else {
        paths.append(pattern)
      }
    }
    return paths.sorted { FileName.bytes($0).lexicographicallyPrecedes(FileName.bytes($1)) }
  }

  private static func matches(_ pattern: String) throws(TableError) -> [String] {
    var found = glob_t()
    defer { globfree(&found) }
    let status = glob(pattern.systemName, 0, nil, &found)
    guard status == 0, found.gl_pathc > 0 else {
      throw TableError(
        .unreadable, file: pattern, "no file matches",
        remedy: "check the pattern, and quote it so that the shell leaves it")
    }
    return (0..<Int(found.gl_pathc)).map { FileName.text(found.gl_pathv[$0]!) }
  }
}
