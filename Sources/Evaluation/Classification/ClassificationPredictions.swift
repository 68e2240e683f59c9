import FileSupport

/// What a classifier made elsewhere said of images, from a file.
///
/// CSV with a header, or one JSON object a line. `image` names the picture; beside it stands one of
///
///     prediction               the best class, by name or by index
///     top1, top2, …            the best classes (JSON: predictions, a list)
///     one column a class       logits or probabilities (JSON: logits or probabilities, a list)
///
/// Columns of a CSV file with classes are probabilities where every row is between 0 and 1 and sums
/// to 1 as far as rounded numbers do, logits where there are numbers that no share is, and else scores
/// that say which class is the best and nothing of how sure that is. A logit may be -inf, not +inf or
/// NaN.
public struct ClassificationPredictions: Sendable {
  /// What was said of one image.
  public enum Answer: Sendable, Equatable {
    /// Classes by name or index, best first.
    case ranked([String])
    /// A number for every class that the classifier knows, as it is written: single precision would make
    /// numbers equal that are not.
    case scores([Double])
  }

  /// An image as the file names it, what was said of it, and where.
  public struct Row: Sendable {
    /// The picture's name.
    public let image: String
    /// What was said.
    public let answer: Answer
    /// The line, from 1.
    public let line: Int
  }

  /// The file.
  public let path: String
  /// One row an image, in the file's order.
  public let rows: [Row]
  /// Names of the columns of scores, where the file names them by other things than 0, 1, 2, ….
  public let classNames: [String]?
  /// Whether rows hold scores, not classes.
  public var haveScores: Bool {
    if case .scores? = rows.first?.answer { true } else { false }
  }
  /// What scores mean.
  public enum Meaning: Sendable, Equatable {
    /// Shares of one.
    case probabilities
    /// Logarithms of shares but for a constant.
    case logits
    /// Neither: independent shares, percentages.
    case scores
  }

  /// What the scores of this file mean.
  public let meaning: Meaning

  /// Reads a file.
  ///
  /// - Throws: `FileError` that names the line and what is wrong with it.
  public init(path: String) throws(FileError) {
    switch try NamedRecords(path: path, remedy: Self.remedy) {
    case .columns(let header, let table):
      self = try Self(columns: header, table, path: path)
    case .objects(let objects):
      self = try Self(objects: objects, path: path)
    }
    guard !rows.isEmpty else {
      throw FileError(
        path: path, problem: "holds no prediction", remedy: "give a line for each image",
        exitCode: .badData)
    }
  }

  private init(
    path: String, rows: [Row], classNames: [String]? = nil, meaning: Meaning
  ) throws(FileError) {
    var widths: Set<Int> = []
    var isRanked: Bool?
    for row in rows {
      if case .ranked = row.answer {
        guard isRanked != false else {
          throw Self.fault(path, row.line, "has classes, others have scores")
        }
        isRanked = true
      }
      guard case .scores(let scores) = row.answer else { continue }
      guard isRanked != true else {
        throw Self.fault(path, row.line, "has scores, others have classes")
      }
      isRanked = false
      widths.insert(scores.count)
      guard widths.count == 1 else {
        throw Self.fault(path, row.line, "has \(scores.count) scores, others have another number")
      }
    }
    self.path = path
    self.rows = rows
    self.classNames = classNames
    self.meaning = meaning
  }

  private static let remedy = "give image and prediction, top1…, or a number for each class"

  private static func fault(_ path: String, _ line: Int, _ problem: String) -> FileError {
    NamedRecords.fault(path, line, problem, remedy)
  }

  // MARK: Columns

  private init(
    columns header: [String], _ table: [DelimitedText.Row], path: String
  ) throws(FileError) {
    guard header.count > 1,
      let image = header.firstIndex(where: { $0.lowercased() == "image" })
    else {
      throw Self.fault(path, 1, "is no header with a column 'image'")
    }
    let others = header.indices.filter { $0 != image }
    let names = others.map { header[$0] }
    let lowered = names.map { $0.lowercased() }
    let isRanked =
      lowered == ["prediction"] || lowered == lowered.indices.map { "top\($0 + 1)" }
    if !isRanked, let answer = lowered.firstIndex(where: { ["prediction", "top1"].contains($0) }),
      let other = lowered.firstIndex(where: { !["prediction", "top1", "top2"].contains($0) })
    {
      throw Self.fault(
        path, 1, "has the column '\(names[other].prefix(40))' beside '\(names[answer])'")
    }
    var rows: [Row] = []
    var sums = ScoreSums()
    for (line, fields) in table {
      let values = others.map { fields[$0] }
      guard !isRanked else {
        try Self.checkRanked(values, path, line)
        rows.append(Row(image: fields[image], answer: .ranked(values), line: line))
        continue
      }
      var scores: [Double] = []
      scores.reserveCapacity(values.count)
      for (name, value) in zip(names, values) {
        guard let score = Double(value) else {
          throw Self.fault(
            path, line, "has '\(value.prefix(40))' for '\(name)', which is no number")
        }
        scores.append(score)
      }
      let written = scores.firstIndex(where: Self.isBeyondSingle).map { values[$0] }
      try Self.checkScores(scores, path, line, beyond: written)
      sums.add(scores, line: line)
      rows.append(Row(image: fields[image], answer: .scores(scores), line: line))
    }
    if let line = sums.faultyLine {
      throw Self.fault(
        path, line, "has probabilities that do not sum to 1, as those of other lines do")
    }
    let isNumbered = names == names.indices.map(String.init)
    try self.init(
      path: path, rows: rows, classNames: isRanked || isNumbered ? nil : names,
      meaning: sums.meaning)
  }

  /// Whether a number is finite and single precision, in which no classifier exceeds it, makes it
  /// infinite.
  private static func isBeyondSingle(_ score: Double) -> Bool {
    score.isFinite && Float(score) == .infinity
  }

  /// Makes sure that one class can be the best.
  private static func checkScores(
    _ scores: [Double], _ path: String, _ line: Int, beyond: String? = nil
  ) throws(FileError) {
    if let beyond {
      throw fault(path, line, "has \(beyond.prefix(40)), which is beyond single precision")
    }
    if let wrong = scores.first(where: { $0.isNaN || $0 == .infinity }) {
      throw fault(path, line, "has \(wrong) among its scores, so no class is the best")
    }
    guard scores.contains(where: \.isFinite) else {
      throw fault(path, line, "has no score that is finite")
    }
  }

  /// Makes sure that a class has one place.
  private static func checkRanked(
    _ classes: [String], _ path: String, _ line: Int
  ) throws(FileError) {
    var seen: Set<String> = []
    for name in classes where !seen.insert(name).inserted {
      throw fault(path, line, "ranks '\(name.prefix(40))' twice")
    }
  }

  // MARK: Lines

  private init(
    objects: [(line: Int, value: JSONValue)], path: String
  ) throws(FileError) {
    var rows: [Row] = []
    var kinds: Set<String> = []
    for (line, value) in objects {
      guard let image = value["image"]?.stringValue else {
        throw Self.fault(path, line, "is no JSON object with 'image'")
      }
      func classes(_ values: [JSONValue]) -> [String]? {
        let named = values.compactMap { $0.stringValue ?? $0.intValue.map(String.init) }
        return named.count == values.count && !named.isEmpty ? named : nil
      }
      func numbers(_ name: String) -> [Double]? {
        guard let values = value[name]?.arrayValue, !values.isEmpty else { return nil }
        let scores = values.compactMap(\.doubleValue)
        return scores.count == values.count ? scores : nil
      }
      func check(_ scores: [Double]) throws(FileError) {
        let beyond = scores.first(where: Self.isBeyondSingle)
        try Self.checkScores(scores, path, line, beyond: beyond.map { "\($0)" })
      }
      let given = ["prediction", "predictions", "logits", "probabilities"].filter {
        value[$0] != nil && value[$0] != .null
      }
      guard given.count < 2 else {
        throw Self.fault(path, line, "has \(given[0]) and \(given[1]), of which one can count")
      }
      if let one = value["prediction"], let ranked = classes([one]) {
        rows.append(Row(image: image, answer: .ranked(ranked), line: line))
      } else if let list = value["predictions"]?.arrayValue, let ranked = classes(list) {
        try Self.checkRanked(ranked, path, line)
        rows.append(Row(image: image, answer: .ranked(ranked), line: line))
      } else if let scores = numbers("logits") {
        try check(scores)
        kinds.insert("logits")
        rows.append(Row(image: image, answer: .scores(scores), line: line))
      } else if let scores = numbers("probabilities") {
        try check(scores)
        guard ScoreSums.areProbabilities(scores) else {
          throw Self.fault(
            path, line, "has probabilities that are not between 0 and 1 or do not sum to 1")
        }
        kinds.insert("probabilities")
        rows.append(Row(image: image, answer: .scores(scores), line: line))
      } else if let name = given.first {
        let needed =
          switch name {
          case "prediction": "a class by name or whole number"
          case "predictions": "a list of classes"
          default: "a list of numbers"
          }
        throw Self.fault(path, line, "has '\(name)' with what is not \(needed)")
      } else {
        throw Self.fault(path, line, "has no prediction, predictions, logits or probabilities")
      }
      guard kinds.count < 2 else {
        throw Self.fault(path, line, "has \(kinds.sorted()[1]), others have logits")
      }
    }
    try self.init(
      path: path, rows: rows, meaning: kinds == ["probabilities"] ? .probabilities : .logits)
  }
}
