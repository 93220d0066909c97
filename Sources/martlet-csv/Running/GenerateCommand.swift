import Martlet
import MartletTable

/// The command that makes a data set.
struct GenerateCommand {
  let dataSet: DataSet
  let threads: Int?
  let outputName: String?
  let progressChoice: ProgressChoice
  let recording: Recording

  init(_ arguments: Arguments) throws(UsageError) {
    let kind = try arguments.choice(.kind, of: DataSet.Kind.self) ?? .trips
    let rows = try arguments.integer(.rows, atLeast: 0, atMost: DataSet.mostRows) ?? 1000
    dataSet = DataSet(kind, rows: rows, seed: try arguments.seed() ?? 1)
    threads = try arguments.threads()
    outputName = arguments.value(.output)
    progressChoice = try arguments.choice(.progress, of: ProgressChoice.self) ?? .auto
    recording = Recording(arguments)
  }

  func run(_ progress: RunProgress) throws {
    let bar = progressChoice.start(progress)
    defer { bar?.stop() }
    let destination = try Destination(outputName) { bar?.stop() }
    let record = try destination.complete {
      try Generation(dataSet, threads: threads, progress: progress)
        .write(to: destination.target, isRecorded: recording.isWanted)
    }
    bar?.stop()
    if let record { try recording.show(record) }
  }
}
