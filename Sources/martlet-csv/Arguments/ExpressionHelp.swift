import MartletTable

extension HelpText {
  /// What may be written in `--where`, `--derive` and `--agg`.
  static func expressions() -> String {
    """
    Expressions are SQL's, in --where, --derive and --agg alike.

      names        fare  "day of week"
      values       42  1.5  'text'  'it''s'  TRUE  NULL
      comparison   = == != <> < <= > >=  IS NULL  IS NOT NULL
                   IN (1, 2)  BETWEEN 1 AND 5  LIKE 'L%'  ILIKE '_yon'
      logic        AND OR NOT
      arithmetic   + - * %  / (real)  // (whole)  and || for texts
      choice       CASE WHEN fare > 5 THEN 'dear' ELSE 'cheap' END
      types        CAST(zip AS text): bool int double date timestamp text

    A comparison with NULL is not true; division by zero gives NULL. A date is
    compared with its text: day >= '2025-03-01'.

    Functions:

    """ + columns(ScalarFunction.allCases.map(\.usage)) + """

      Aggregates, for --agg, each with AS name if wanted; they leave NULL out:

      """ + columns(AggregateFunction.allCases.map(\.usage) + ["count(DISTINCT value)"]) + """

        Example:
          martlet-csv select Samples/trips.csv \\
              --where "city LIKE 'L%' AND coalesce(rating, 0) >= 4" \\
              --derive "weekend = weekday(day) IN (0, 6)" --limit 3

        """
  }

  /// Words in two columns, downwards.
  private static func columns(_ words: [String]) -> String {
    let rows = (words.count + 1) / 2
    return (0..<rows).map { row in
      let left = "  " + words[row]
      guard row + rows < words.count else { return left + "\n" }
      return left + String(repeating: " ", count: max(1, 38 - left.count)) + words[row + rows] + "\n"
    }.joined()
  }
}
