import Martlet

/// `--trace` and `--profile`.
struct Recording {
  private let traceName: String?
  private let isProfiled: Bool

  init(_ arguments: Arguments) {
    traceName = arguments.value(.trace)
    isProfiled = arguments.has(.profile)
  }

  /// Whether the run has to be recorded.
  var isWanted: Bool { traceName != nil || isProfiled }

  /// Writes the trace and prints the profile.
  func show(_ record: RunRecord) throws {
    if isProfiled { Console.put(2, Profile(record, usage: .now()).text()) }
    guard let traceName else { return }
    let file = try FileOutput(traceName)
    var writer = TraceWriter(record, program: "martlet-csv")
    try writer.write { try file.write($0) }
    try file.commit()
  }
}
