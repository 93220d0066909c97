/// A command line that cannot be followed.
struct UsageError: Error, Equatable {
  /// What is wrong, with the words that were typed.
  let message: String
  /// What to type instead: one phrase.
  let remedy: String

  init(_ message: String, remedy: String) {
    self.message = message
    self.remedy = remedy
  }
}
