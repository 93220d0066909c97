extension Expression {
  /// Reads one expression.
  ///
  /// - Parameter place: What is read, for messages, for instance `--where`.
  /// - Throws: `TableError` (`.invalidQuery`), whose message says at which character and near which text.
  package static func parse(_ source: String, place: String = "the expression") throws(TableError) -> Expression {
    var parser = try Parser(source, place: place)
    let expression = try parser.expression()
    try parser.expectEnd()
    return expression
  }
}

extension OutputColumn {
  /// Reads `NAME = EXPRESSION`, as `--derive` takes it. The name is a word or stands in double quotes.
  package static func parse(derivation source: String, place: String = "the derivation") throws(TableError)
    -> OutputColumn
  {
    var parser = try Parser(source, place: place)
    guard let name = parser.acceptName(), parser.accept("=") else {
      throw parser.failure("expected NAME = EXPRESSION", remedy: "write for instance 'total = price * 2'")
    }
    let expression = try parser.expression()
    try parser.expectEnd()
    return OutputColumn(name: name, expression: expression)
  }

  /// Reads `EXPRESSION [AS name], …`, as `--agg` takes it; without AS a column is called as it was written.
  package static func parse(list source: String, place: String = "the list") throws(TableError) -> [OutputColumn] {
    var parser = try Parser(source, place: place)
    var columns: [OutputColumn] = []
    repeat {
      let start = parser.offset
      let expression = try parser.expression()
      var name = parser.source(from: start)
      if parser.accept(.as) {
        guard let given = parser.acceptName() else {
          throw parser.failure(
            "expected a name after AS", remedy: "put names that are no plain words into double quotes")
        }
        name = given
      } else if case .column(let column) = expression {
        name = column
      }
      columns.append(OutputColumn(name: name, expression: expression))
    } while parser.accept(",")
    if parser.standsAtName {
      throw parser.failure("expected a comma, AS or the end", remedy: "write EXPRESSION AS name, …")
    }
    try parser.expectEnd()
    return columns
  }
}
