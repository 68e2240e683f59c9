import Evaluation
import FileSupport
import VisionData

/// What the answers of a file mean: names of classes, or places in the order of the classifier's.
///
/// Where classes are called by numbers, a number may be either. One file is read in one way from its
/// first line to its last: by name where every number is a name, by place elsewhere. What would be
/// right far more often when read otherwise is told.
struct AnswerReading {
  /// The place of each class of the truth among the classifier's.
  private let places: [Int]
  private let classNames: [String]
  /// How many classes the classifier has.
  private let width: Int
  private let classesByName: [String: Int]
  private let classesByPlace: [Int: Int]
  /// Classes of the classifier's, of the truth or not.
  private let known: Set<String>
  /// Whether numbers are names.
  private let readsNames: Bool
  /// Whether any answer is a number.
  private let hasNumbers: Bool

  /// Decides how the answers of all rows are read.
  ///
  /// - Parameters:
  ///   - classNames: The truth's classes.
  ///   - places: The place of each among the classifier's.
  ///   - known: The classifier's classes, where they are named.
  init(
    _ rows: [ClassificationPredictions.Row], classNames: [String], places: [Int],
    known: [String]?
  ) {
    self.classNames = classNames
    self.places = places
    self.known = Set(known ?? classNames).union(classNames)
    width = known?.count ?? classNames.count
    classesByName = Dictionary(classNames.enumerated().map { ($1, $0) }) { first, _ in first }
    classesByPlace = Dictionary(places.enumerated().map { ($1, $0) }) { first, _ in first }
    var numbers: Set<String> = []
    for row in rows {
      guard case .ranked(let answers) = row.answer else { continue }
      for answer in answers where answer.wholeNumber != nil { numbers.insert(answer) }
    }
    hasNumbers = !numbers.isEmpty
    readsNames = hasNumbers && numbers.isSubset(of: self.known)
  }

  /// The classes of the truth that the answers of a line mean, best first; −1 as of one answer.
  ///
  /// - Throws: `DatasetError` for what is no class, and for a class that is ranked twice, however it is
  ///   written.
  func indices(
    _ answers: [String], line: Int, path: String, truth: String
  ) throws(DatasetError) -> [Int] {
    var seen: Set<Int> = []
    var foreign: Set<Int> = []
    var indices: [Int] = []
    for answer in answers {
      let index = try index(answer, line: line, path: path, truth: truth)
      let number = readsNames ? nil : answer.wholeNumber
      let isNew =
        index >= 0
        ? seen.insert(index).inserted : number.map { foreign.insert($0).inserted } ?? true
      guard isNew else {
        throw DatasetError(
          path: path,
          problem: "line \(line) ranks the class of '\(answer.prefix(40))' twice",
          remedy: "rank every class once")
      }
      indices.append(index)
    }
    return indices
  }

  /// The class of the truth that an answer means; −1 for one of the classifier's own, which is an
  /// answer, and wrong.
  ///
  /// - Throws: `DatasetError` for what is no class.
  private func index(
    _ answer: String, line: Int, path: String, truth: String
  ) throws(DatasetError) -> Int {
    if let number = answer.wholeNumber, !readsNames {
      if (0..<width).contains(number) { return classesByPlace[number] ?? -1 }
    } else if let index = classesByName[answer] {
      return index
    } else if known.contains(answer) {
      return -1
    }
    throw DatasetError(
      path: path,
      problem: "line \(line) answers '\(answer.prefix(40))', which is no class of \(truth) and no "
        + "index below \(width)", remedy: "name classes as its folders or labels do")
  }

  /// What a reader must know where numbers could be read in two ways; nil elsewhere.
  var note: String? {
    guard hasNumbers, isAmbiguous else { return nil }
    return readsNames
      ? "classes are called by numbers: answers are taken for these names, not for places from 0"
      : "classes are called by numbers: answers are taken for places from 0, not for these names"
  }

  /// Whether a class is called by a number that is not its place.
  private var isAmbiguous: Bool {
    zip(classNames, places).contains { name, place in name.wholeNumber.map { $0 != place } ?? false
    }
  }

  // MARK: Suspicion

  /// Whether the answers look as if they were meant otherwise; nil where nothing says so.
  ///
  /// - Parameters:
  ///   - answers: What was answered first for each image: a number or a name as it stands, or the
  ///     place of the best score.
  ///   - labels: The true class of each.
  ///   - areNamed: Whether columns of scores carry the names of classes.
  func suspicion(_ answers: [FirstAnswer], labels: [Int], areNamed: Bool) -> String? {
    guard !areNamed else { return nil }
    var right = 0
    var other = (added: 0, subtracted: 0, otherwise: 0)
    for (answer, label) in zip(answers, labels) {
      if answer.index == label { right += 1 }
      guard let number = answer.number else { continue }
      let (name, place) = (classNames[label].wholeNumber, places[label])
      let (own, foreign) = readsNames ? (name, place) : (place, name)
      if number &+ 1 == own { other.added += 1 }
      if number &- 1 == own { other.subtracted += 1 }
      if number == foreign { other.otherwise += 1 }
    }
    let readings = [
      (other.otherwise, readsNames ? "taken for places from 0" : "taken for names of classes"),
      (other.added, "after adding 1"), (other.subtracted, "after subtracting 1"),
    ]
    guard let best = readings.max(by: { $0.0 < $1.0 }), best.0 > 2 * right,
      best.0 >= Self.fewest, best.0 * 3 > labels.count
    else { return nil }
    return
      "SUSPECT: the numbers seem to be meant otherwise: \(best.0) of \(labels.count) images are "
      + "right \(best.1), \(right) as they are"
  }

  /// As many images at least must be right otherwise.
  private static let fewest = 5

  /// What was answered first for an image.
  struct FirstAnswer {
    /// The class of the truth, −1 for none.
    let index: Int
    /// The number that stands for it; nil for a name.
    let number: Int?
  }
}

extension String {
  /// A whole number as programs write it, also with a fraction of zeros; nil for anything else.
  var wholeNumber: Int? {
    if let number = Int(self) { return number }
    guard let dot = firstIndex(of: "."), let number = Int(self[..<dot]) else { return nil }
    return self[dot...].dropFirst().allSatisfy { $0 == "0" } ? number : nil
  }
}
