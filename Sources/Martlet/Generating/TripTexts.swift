/// The words of the trips: invented stations in real cities.
enum TripTexts {
  static let header = """
    trip_id,day,started_at,ended_at,city,from_station,to_station,bike,bike_id,member,age,distance_km,fare,rating,comment
    """

  /// Cities in the order of their share of the trips, which falls from one to the next.
  static let cities: [(name: String, stations: [String])] = [
    ("Lyon", ["Gare Part-Dieu", "Bellecour", "Hôtel de Ville", "Croix-Rousse", "Vieux Lyon", "Confluence"]),
    ("Zürich", ["Hauptbahnhof", "Bürkliplatz", "Limmatplatz", "Hardbrücke", "Stauffacher", "Oerlikon, Nord"]),
    (
      "Washington, D.C.",
      ["Union Station", "Dupont Circle", "14th & U St, NW", "Lincoln Memorial", "Eastern Market", "The Wharf"]
    ),
    ("København", ["Nørreport", "Nyhavn", "Christianshavn", "Østerport", "Rådhuspladsen", "Frederiksberg Allé"]),
    ("Kraków", ["Dworzec Główny", "Rynek Główny", "Kazimierz", "Wawel", "Błonia", "Nowa Huta"]),
    ("Montréal", ["Place d'Armes", "Mont-Royal", "Marché Jean-Talon", "Café \"Le Plateau\"", "Vieux-Port", "McGill"]),
    ("São Paulo", ["Avenida Paulista", "Praça da Sé", "Parque Ibirapuera", "Luz", "Estação Butantã", "Vila Madalena"]),
    ("Málaga", ["Plaza \"La Merced\"", "Muelle Uno", "Estación", "La Malagueta", "Soho", "Teatinos"]),
    ("İzmir", ["Konak", "Alsancak", "Karşıyaka İskele", "Bornova", "Göztepe", "Üçkuyular"]),
    ("Αθήνα", ["Σύνταγμα", "Μοναστηράκι", "Ακρόπολη", "Κουκάκι", "Γκάζι", "Πειραιάς"]),
    ("京都", ["京都駅", "四条河原町", "祇園", "嵐山", "二条城", "銀閣寺"]),
    ("Київ", ["Майдан Незалежності", "Поділ", "Золоті Ворота", "Арсенальна", "Вокзал", "Оболонь"]),
  ]

  static let bikes = ["classic", "electric", "cargo"]

  static let comments = [
    "great ride", "Smooth.", "brakes squeak", "Saddle too low, could not fix it", "très bien", "flat tyre after 2 km",
    "Bike was \"almost new\"", "dock full, had to walk\nto the next one", "Regen, trotzdem gut",
    "¿Dónde está el casco?",
    "app froze; paid twice?", "first gear slips, second is fine", "muy cómoda 🚲",
    "light broken\nbell broken\n\"good luck\"",
    "5 stars, again", "kind of heavy", "", "ok",
  ]

  /// How many of 100 trips begin in each hour of the day: two rush hours and quiet nights.
  static let hourWeights = [1, 1, 1, 1, 1, 2, 3, 7, 9, 5, 4, 4, 5, 4, 4, 5, 8, 10, 8, 6, 4, 3, 2, 2]

  /// How much is ridden on a day of each month.
  static let monthWeights = [5, 6, 8, 10, 12, 13, 13, 12, 11, 9, 7, 5]

  /// The days of 2025 and the first one after it, `2025-01-01` to `2026-01-01`.
  static let days: [(text: String, month: Int)] = {
    let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    var days: [(text: String, month: Int)] = []
    for month in 0..<12 {
      for day in 1...lengths[month] { days.append(("2025-\(two(month + 1))-\(two(day))", month)) }
    }
    return days + [("2026-01-01", 0)]
  }()

  private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
