import Glibc

/// What tests run as processes of their own.
@main
struct ClusterProgram {
  static func main() {
    var words = Array(CommandLine.arguments.dropFirst())
    guard !words.isEmpty else { exit(2) }
    switch words.removeFirst() {
    case "supervise": exit(SupervisingMode.supervise(words))
    case "supervised": SupervisingMode.supervised(words)
    default: exit(2)
    }
  }
}
