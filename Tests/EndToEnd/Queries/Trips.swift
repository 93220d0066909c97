/// A table that a test can hold in its head.
enum Trips {
  static let text = """
    city,day,fare,rating,note
    Lyon,2025-01-01,1.50,5,"good, fast"
    Zürich,2025-01-02,2.25,,"two
    lines"
    Lyon,2025-01-03,,4,""
    "Washington, D.C.",2025-01-03,4.00,3,

    """

  /// A sandbox with `text` in `trips.csv`.
  static func sandbox() -> Sandbox {
    let sandbox = Sandbox()
    sandbox.write("trips.csv", text)
    return sandbox
  }

  /// The package's `Samples/trips.csv`.
  static let sample: String = {
    let parts = #filePath.split(separator: "/").dropLast(4)
    return "/" + parts.joined(separator: "/") + "/Samples/trips.csv"
  }()
}
