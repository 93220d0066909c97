import Glibc
import MartletCluster

@main
struct MartletSchedulerProgram {
  static func main() {
    exit(SchedulerProgram.run(Array(CommandLine.arguments.dropFirst())))
  }
}
