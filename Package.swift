// swift-tools-version: 6.2
import PackageDescription

/// One list for every Swift target: Swift 6 mode, explicit existentials, imports that do not leak, warnings as errors.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "martlet",
  products: [
    .library(name: "Martlet", targets: ["Martlet"]),
    .library(name: "MartletCluster", targets: ["MartletCluster"]),
    .executable(name: "martlet-csv", targets: ["martlet-csv"]),
    .executable(name: "martlet-scheduler", targets: ["martlet-scheduler"]),
    .executable(name: "martlet-worker", targets: ["martlet-worker"]),
    .executable(name: "martlet-bench", targets: ["martlet-bench"]),
  ],
  dependencies: [],
  targets: [
    .target(name: "MartletSystem", cSettings: [.define("_GNU_SOURCE")]),
    .target(name: "MartletBytes", dependencies: ["MartletSystem"], swiftSettings: strict),
    .target(
      name: "MartletGraph", dependencies: ["MartletBytes", "MartletSystem"], exclude: ["Ordering/README.md"],
      swiftSettings: strict),
    .target(
      name: "MartletEngine", dependencies: ["MartletGraph", "MartletSystem"],
      exclude: ["Desk/README.md", "Pool/README.md", "Events/README.md", "Memory/README.md"], swiftSettings: strict),
    .target(name: "MartletProtocol", dependencies: ["MartletBytes"], swiftSettings: strict),
    .target(name: "MartletScheduler", dependencies: ["MartletProtocol", "MartletBytes"], swiftSettings: strict),
    .target(name: "MartletClient", dependencies: ["MartletProtocol", "MartletBytes"], swiftSettings: strict),
    .target(
      name: "MartletWorker", dependencies: ["MartletProtocol", "MartletBytes"], exclude: ["README.md"],
      swiftSettings: strict),
    .target(
      name: "MartletSimulation",
      dependencies: ["MartletWorker", "MartletClient", "MartletScheduler", "MartletProtocol", "MartletBytes"],
      swiftSettings: strict),
    .target(
      name: "MartletTable", dependencies: ["MartletBytes", "MartletSystem"], exclude: ["CSV/README.md"],
      swiftSettings: strict),
    .target(
      name: "MartletNet", dependencies: ["MartletBytes", "MartletSystem"], exclude: ["README.md"],
      swiftSettings: strict),
    .target(
      name: "MartletCluster",
      dependencies: [
        "Martlet", "MartletEngine", "MartletGraph", "MartletBytes", "MartletSystem", "MartletProtocol",
        "MartletScheduler", "MartletWorker", "MartletClient", "MartletNet",
      ], exclude: ["Worker/README.md"], swiftSettings: strict),
    .target(
      name: "Martlet",
      dependencies: ["MartletEngine", "MartletGraph", "MartletTable", "MartletBytes", "MartletSystem"],
      exclude: ["Pool/README.md"], swiftSettings: strict),
    .executableTarget(
      name: "martlet-csv",
      dependencies: ["Martlet", "MartletCluster", "MartletTable", "MartletEngine", "MartletGraph", "MartletSystem"],
      swiftSettings: strict),
    .executableTarget(name: "martlet-scheduler", dependencies: ["MartletCluster"], swiftSettings: strict),
    // Plug-ins use the library inside of the worker, so its symbols have to be there for them.
    .executableTarget(
      name: "martlet-worker", dependencies: ["MartletCluster"], swiftSettings: strict,
      linkerSettings: [.unsafeFlags(["-Xlinker", "--export-dynamic"])]),
    .executableTarget(
      name: "martlet-bench",
      dependencies: [
        "Martlet", "MartletTable", "MartletEngine", "MartletGraph", "MartletCluster", "MartletSimulation",
        "MartletScheduler", "MartletProtocol", "MartletBytes", "MartletSystem",
      ],
      swiftSettings: strict),
    .executableTarget(
      name: "line-count", dependencies: ["Martlet"], path: "Samples/LineCount", swiftSettings: strict),
    .executableTarget(
      name: "monte-carlo", dependencies: ["Martlet"], path: "Samples/MonteCarlo", swiftSettings: strict),
    .executableTarget(name: "futures", dependencies: ["Martlet"], path: "Samples/Futures", swiftSettings: strict),
    .executableTarget(
      name: "run-report", dependencies: ["Martlet"], path: "Samples/RunReport", swiftSettings: strict),
    .executableTarget(
      name: "word-count", dependencies: ["Martlet"], path: "Samples/WordCount", swiftSettings: strict),
    .executableTarget(
      name: "graph-tour", dependencies: ["Martlet"], path: "Samples/GraphTour", swiftSettings: strict),
    .executableTarget(
      name: "mini-make", dependencies: ["Martlet"], path: "Samples/MiniMake", swiftSettings: strict),
    .executableTarget(
      name: "downloader", dependencies: ["Martlet"], path: "Samples/Downloader", swiftSettings: strict),
    .executableTarget(
      name: "cluster-tour", dependencies: ["Martlet", "MartletCluster"], path: "Samples/ClusterTour",
      swiftSettings: strict),
    .executableTarget(
      name: "inside-tour", dependencies: ["Martlet", "MartletCluster", "MartletGraph"], path: "Samples/InsideTour",
      swiftSettings: strict),
    .executableTarget(
      name: "stencil", dependencies: ["Martlet"], path: "Samples/Stencil", swiftSettings: strict),
    .executableTarget(
      name: "same-program", dependencies: ["Martlet", "MartletCluster", "MartletGraph"], path: "Samples/SameProgram",
      swiftSettings: strict),
    .executableTarget(
      name: "plug-in-client", dependencies: ["Martlet", "MartletCluster"], path: "Samples/PlugIn",
      exclude: ["Exported.swift", "build"], swiftSettings: strict),
    .target(
      name: "ClusterFunctions", dependencies: ["MartletCluster", "MartletGraph", "MartletBytes"],
      path: "Tests/ClusterFunctions",
      swiftSettings: strict),
    .executableTarget(
      name: "cluster-program",
      dependencies: ["ClusterFunctions", "MartletCluster", "MartletProtocol", "MartletGraph", "MartletBytes"],
      path: "Tests/ClusterProgram", swiftSettings: strict),
    .target(
      name: "TestSupport", dependencies: ["MartletGraph", "MartletBytes"], path: "Tests/TestSupport",
      swiftSettings: strict),
    .testTarget(
      name: "MartletBytesTests", dependencies: ["TestSupport", "MartletBytes", "MartletSystem"], swiftSettings: strict),
    .testTarget(name: "MartletGraphTests", dependencies: ["TestSupport", "MartletGraph"], swiftSettings: strict),
    .testTarget(
      name: "MartletEngineTests", dependencies: ["TestSupport", "MartletEngine", "MartletGraph"], swiftSettings: strict),
    .testTarget(
      name: "MartletProtocolTests", dependencies: ["TestSupport", "MartletProtocol", "MartletBytes"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletSchedulerTests",
      dependencies: ["TestSupport", "MartletScheduler", "MartletProtocol", "MartletBytes"], swiftSettings: strict),
    .testTarget(
      name: "MartletWorkerTests", dependencies: ["TestSupport", "MartletWorker", "MartletProtocol", "MartletBytes"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletClientTests",
      dependencies: ["TestSupport", "MartletClient", "MartletScheduler", "MartletProtocol", "MartletBytes"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletTableTests", dependencies: ["TestSupport", "MartletTable", "MartletBytes", "MartletSystem"],
      swiftSettings: strict),
    .testTarget(
      name: "MartletNetTests", dependencies: ["TestSupport", "MartletNet", "MartletSystem"], swiftSettings: strict),
    .testTarget(
      name: "MartletClusterTests",
      dependencies: [
        "TestSupport", "cluster-program", "ClusterFunctions", "MartletCluster", "Martlet", "MartletNet",
        "MartletScheduler",
        "MartletWorker", "MartletClient",
        "MartletProtocol", "MartletBytes", "MartletSystem", "MartletGraph", "MartletEngine",
      ], swiftSettings: strict),
    .testTarget(
      name: "MartletTests",
      dependencies: [
        "TestSupport", "Martlet", "MartletTable", "MartletEngine", "MartletCluster", "MartletProtocol", "MartletGraph",
        "MartletBytes",
      ], swiftSettings: strict),
    .testTarget(
      name: "Simulation",
      dependencies: [
        "TestSupport", "MartletSimulation", "MartletScheduler", "MartletWorker", "MartletProtocol", "MartletBytes",
      ], swiftSettings: strict),
    .testTarget(
      name: "EndToEnd",
      dependencies: [
        "martlet-csv", "martlet-scheduler", "martlet-worker", "cluster-program", "ClusterFunctions", "TestSupport",
        "MartletCluster", "Martlet", "MartletGraph", "MartletSystem",
      ], swiftSettings: strict),
  ]
)
