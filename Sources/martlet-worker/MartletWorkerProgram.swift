import Glibc
import MartletCluster

@main
struct MartletWorkerProgram {
  static func main() {
    exit(WorkerProgram.run(Array(CommandLine.arguments.dropFirst())))
  }
}
