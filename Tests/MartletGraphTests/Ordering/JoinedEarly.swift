/// Graphs that want their joins made as soon as these can be had, with the least peak of Dask 2026.8's order over two hash
/// seeds: drawn as several reductions of the same parts, and shrunk while the search still kept one result more alive.
enum JoinedEarly {
  static let all: [(shape: ShapedGraph, dask: Int)] = [
    (ShapedGraph(dependencies: mixedTrees), 9), (ShapedGraph(dependencies: wideJoins), 8),
  ]

  private static let mixedTrees: [[Int]] = [
    [], [], [], [], [], [2, 4], [5], [], [], [5], [], [3], [3], [0, 1], [], [5], [7, 8], [16], [], [16], [], [16, 9],
    [10, 14], [22], [18], [20], [24], [25], [17, 5, 27], [25], [22], [0, 1, 15, 16, 26, 25], [31, 3, 22],
    [0, 1, 24, 12], [21, 25, 0, 1], [3, 24], [28, 33, 22], [34, 30, 35], [11, 23, 24],
  ]

  private static let wideJoins: [[Int]] = [
    [], [], [], [], [3], [], [], [], [], [], [], [8], [8], [7], [13, 12], [5], [2, 3, 1, 15], [], [], [], [18], [],
    [4, 6, 11, 7, 20], [18], [6, 7, 8, 23], [3], [22, 0, 9, 19], [5, 25], [14, 18, 6], [28, 27, 21],
    [16, 17, 24, 29, 0, 10],
  ]
}
