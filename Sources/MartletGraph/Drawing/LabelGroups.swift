/// Labels in at most so many groups: each label by itself where that is few enough, else those that differ only in their
/// numbers together (`read-17` and `read-18` are `read-#`), and of those, where they are still too many, the most frequent.
struct LabelGroups {
  private(set) var names: [String] = []
  /// Groups by number of label.
  private(set) var numbers: [Int]

  init(_ shape: GraphShape, limit: Int) {
    var counts = [Int](repeating: 0, count: shape.labels.count)
    for task in 0..<shape.count where shape.kinds[task] != .signal { counts[Int(shape.labelNumbers[task])] += 1 }
    // A label that was written at several places has several numbers.
    (names, numbers) = Self.merged(shape.labels)
    if Set(shape.labels.indices.filter { counts[$0] > 0 }.map { numbers[$0] }).count <= limit { return }
    var groups: [String: Int] = [:]
    names = []
    numbers = []
    var members: [Int] = []
    for (label, name) in shape.labels.enumerated() {
      let stem = Self.stem(name)
      let group = groups[stem] ?? names.count
      if group == names.count {
        groups[stem] = group
        names.append(stem)
        members.append(0)
      }
      members[group] += counts[label]
      numbers.append(group)
    }
    guard names.count > limit else { return }
    let kept = Set(names.indices.sorted { (members[$1], $0) < (members[$0], $1) }.prefix(limit - 1))
    names.append("other labels")
    numbers = numbers.map { kept.contains($0) ? $0 : names.count - 1 }
  }

  /// Labels of one name are one group: a label that was written at several places has several numbers.
  private static func merged(_ labels: [String]) -> (names: [String], numbers: [Int]) {
    var (names, numbers, groups) = ([String](), [Int](), [String: Int]())
    for name in labels {
      let group = groups[name] ?? names.count
      if group == names.count {
        groups[name] = group
        names.append(name)
      }
      numbers.append(group)
    }
    return (names, numbers)
  }

  /// The label with `#` for each number in it.
  static func stem(_ label: String) -> String {
    var stem = ""
    var isNumber = false
    for scalar in label.unicodeScalars {
      let isDigit = ("0"..."9").contains(scalar)
      if !isDigit { stem.unicodeScalars.append(scalar) } else if !isNumber { stem += "#" }
      isNumber = isDigit
    }
    return stem
  }
}
